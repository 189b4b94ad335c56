"""The features that a method is to predict or to reconstruct, and what encoder and context must not do to them."""

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


def check_fixed(encoder: FrameModule, *, method: str) -> None:
    """Raise SonantError when the encoder, whose output is the target, learns."""
    require(
        not any(parameter.requires_grad for parameter in encoder.parameters()),
        f"{method}: its target is the encoder's output, and an encoder that learns would make it constant; "
        "use features with encoder: identity, or freeze the encoder",
    )


def check_no_look_ahead(context: FrameModule, *, method: str) -> None:
    """Raise SonantError when the context sees what it must predict."""
    require(
        context.future == 0,
        f"{method}: the context looks ahead, so that it can see what it must predict; choose one that does not",
    )
