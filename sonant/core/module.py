"""Modules that map frames to frames and declare what they do to time."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from .errors import require
from .frames import Frames
from .geometry import FrameGeometry


class FrameModule(nn.Module):
    """Frames in, frames out. Feature extractors, encoders and contexts all are one.

    Subclasses set in ``__init__``:
        geometry: where the output frames lie on the samples of the audio (local window included).
        dim: size D of an output frame.
        past, future: output frames that one frame depends on beyond its local window;
            ``None`` means without bound (the whole utterance on that side).

    What lies past a length never influences what lies before it, and comes out as zero.
    """

    geometry: FrameGeometry
    dim: int
    past: int | None = 0
    future: int | None = 0
    two_way: bool = False  # a context of two directions, which ``ways(frames)`` gives apart
    way_dim: int = 0  # size of a frame of one of these
    repeats: int | None = 1  # output frames after which its work is the same at another place; None: never
    blind: int = 0  # frames around its own, itself in the middle, that an output frame cannot see

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the inner outputs that ``forward_layers`` returns besides the last, first to last."""
        return ()

    def forward(self, frames: Frames) -> Frames:
        """(B, T, D_in) frames -> (B, T', dim) frames."""
        raise TypeError(f"{type(self).__name__} defines no forward")

    def inputs(self, frames: Frames) -> Frames:
        """What the learnt part sees: the features below an encoder that stands on some, else the frames themselves."""
        return frames

    def forward_layers(self, frames: Frames) -> tuple[Frames, dict[str, Frames]]:
        """``forward`` together with the inner outputs named by ``layers``."""
        return self(frames), {}


class Featured(FrameModule):
    """A feature extractor with an encoder on it: from waveforms to local frames as one module.

    Frames of more than one sample are features already, computed before, and go straight to the encoder.
    """

    def __init__(self, features: FrameModule, local: FrameModule):
        super().__init__()
        self.features, self.local = features, local
        self.geometry, self.dim = local.geometry, local.dim
        self.past, self.future = add_reach(features, local)

    def forward(self, frames: Frames) -> Frames:
        return self.local(self.inputs(frames))

    def inputs(self, frames: Frames) -> Frames:
        if frames.geometry.hop == 1:
            return self.features(frames)
        given, own = (frames.dim, frames.geometry.rate), (self.features.dim, self.features.geometry.rate)
        require(
            given == own,
            f"these features have {given[0]} dimensions at {given[1]:g} Hz, and the model stands on {own[0]} at "
            f"{own[1]:g} Hz; extract them with the settings of the section 'features', or train on features: arrays",
        )
        return replace(frames, geometry=self.features.geometry)


def add_reach(first: FrameModule, second: FrameModule) -> tuple[int | None, int | None]:
    """(past, future) of ``second`` after ``first``, in frames of ``second``; None is without bound."""
    ratio, rest = divmod(second.geometry.hop, first.geometry.hop)
    require(rest == 0, f"hop {second.geometry.hop} is no multiple of the hop {first.geometry.hop} below it")

    def add(a: int | None, b: int | None) -> int | None:
        return None if a is None or b is None else -(-a // ratio) + b

    return add(first.past, second.past), add(first.future, second.future)
