"""How far a frame of a model really sees: the inputs that its gradient reaches.

Letters: B noises, L samples, T frames, D channels.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from ..core import FrameGeometry, Frames, Representation, generator
from .encode import stands_on_arrays

MARGIN = 12  # frames on both sides of what a frame should see


def measured_reach(representation: Representation, *, noises: int = 4, seed: int = 0) -> tuple[int | None, int | None]:
    """Frames of (past, future) that a context frame depends on beyond its local window, by gradient on noise.

    What ``Representation.reach`` declares is needed only to choose a length: it is found out whether a frame sees less,
    or more up to the ends of that length. In float64, so that a gradient that is small is not lost.

    Args:
        noises: waveforms (or arrays, for models that stand on them) over which reached inputs are united.

    Returns:
        frames; ``None`` where the gradient reaches the end of the input, MARGIN frames beyond the declared reach.
    """
    model, geometry = copy.deepcopy(representation).double().cpu().eval(), representation.geometry
    past, future = (MARGIN if side is None else side for side in representation.reach)
    middle, source = past + MARGIN, _source(model)
    samples = geometry.samples(past + future + 1 + 2 * MARGIN)
    frames = source.frames(samples)
    dim = 1 if source.hop == 1 else model.encoder.features.dim
    x_BTD = torch.randn(noises, frames, dim, generator=generator(seed, "reach"), dtype=torch.float64)
    x_BTD = (0.1 * x_BTD if source.hop == 1 else x_BTD).requires_grad_()
    given = Frames(x_BTD, torch.full((noises,), frames), source)
    out_BTD = model.context(model.encoder(given)).x_BTD
    weight_D = torch.randn(out_BTD.shape[2], generator=generator(seed, "weights"), dtype=torch.float64)
    (gradient_BTD,) = torch.autograd.grad((out_BTD[:, middle] @ weight_D).sum(), x_BTD)
    reached = gradient_BTD.abs().sum((0, 2)).nonzero()[:, 0]
    return _frames_seen(reached, geometry=geometry, source=source, middle=middle, frames=frames)


def _source(model: Representation) -> FrameGeometry:
    """Where the inputs lie that noise is put in place of: samples, or arrays where these were computed elsewhere."""
    return model.encoder.features.geometry if stands_on_arrays(model) else FrameGeometry(model.sample_rate)


def _frames_seen(
    reached: Tensor, *, geometry: FrameGeometry, source: FrameGeometry, middle: int, frames: int
) -> tuple[int | None, int | None]:
    first, last = (source.offset + int(place) * source.hop for place in (reached.min(), reached.max()))
    begin = geometry.offset + middle * geometry.hop
    before = -(-(begin - first) // geometry.hop)
    after = -(-(last + source.window - begin - geometry.window) // geometry.hop)
    whole = geometry.hop // source.hop  # inputs of one frame: windows may be zero at the very ends
    past = None if int(reached.min()) < whole else max(before, 0)
    return past, None if int(reached.max()) >= frames - whole else max(after, 0)
