"""The features that a method is to reconstruct."""

from __future__ import annotations

from ..core import Featured, FrameModule, require


def features_below(encoder: FrameModule, *, method: str) -> FrameModule:
    """The feature extractor that ``encoder`` stands on; ``encoder.inputs(frames)`` gives its frames.

    Raises:
        SonantError: the encoder reads the waveform.
    """
    require(
        isinstance(encoder, Featured),
        f"{method}: its target is the features below the encoder, and this encoder reads waveforms; give the section "
        "'features', such as features: {name: mfcc}",
    )
    return encoder.features


def check_frame_for_frame(features: FrameModule, context: FrameModule, *, method: str) -> None:
    """Raise SonantError unless the context has one frame for each frame of the features."""
    counts = [(g.hop, g.tail - g.offset - g.window) for g in (features.geometry, context.geometry)]
    require(
        counts[0] == counts[1],
        f"{method}: it reconstructs every frame of the features ({features.geometry.rate:g} Hz) from a frame of the "
        f"context ({context.geometry.rate:g} Hz), so there must be as many; choose an encoder without stride and with "
        "padding, such as mlp",
    )
