"""What may be done to a waveform before its spectra are taken, and to features after: lists of named steps.

The lists are those of pydrobert-speech (``--preprocess`` and ``--postprocess`` of scpc): mappings with a ``name`` and
options. Deviations from it: dither is centred, as its documentation says and its code does not; a slope is taken along
time whatever the axis; a coefficient that is constant comes out as zero and not as its rounding.

Letters: B utterances, L samples, T frames, D dimensions, R frames on each side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from sonant.core import FrameGeometry, Frames, SonantError, generator, require, unknown

from ._normalise import normalise_utterance

ALIASES = {
    "dither": "dither",
    "dithering": "dither",
    "preemphasize": "preemphasize",
    "preemphasis": "preemphasize",
    "preemph": "preemphasize",
    "standardize": "standardize",
    "normalize": "standardize",
    "unit": "standardize",
    "cmvn": "standardize",
    "deltas": "deltas",
    "stack": "stack",
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "dither": {"coeff": 1.0},
    "preemphasize": {"coeff": 0.97},
    "standardize": {"norm_var": True},
    "deltas": {"num_deltas": None, "context_window": 2},
    "stack": {"num_vectors": None, "pad_mode": None},
}
BEFORE, AFTER = ("dither", "preemphasize"), ("standardize", "deltas", "stack")
PADDINGS = (None, "edge", "constant")  # of the last frames that do not fill a stack; None: they are left out


def parse(steps: Sequence[Any], allowed: Sequence[str], where: str) -> list[tuple[str, dict[str, Any]]]:
    """(name, options) of each step. Raises SonantError for an unknown step or option, or a value out of range."""
    return [_step(step, allowed, where) for step in steps]


def _step(step: Any, allowed: Sequence[str], where: str) -> tuple[str, dict[str, Any]]:
    given = {"name": step} if isinstance(step, str) else step
    require(isinstance(given, Mapping) and "name" in given, f"{where}: a step is a mapping with a name, got {step!r}")
    name = ALIASES.get(str(given["name"]))
    if name not in allowed:
        raise unknown(f"step of {where}", str(given["name"]), allowed)
    options = {**DEFAULTS[name], **{key: value for key, value in given.items() if key != "name"}}
    for key in options:
        if key not in DEFAULTS[name]:
            raise unknown(f"option of the step '{name}'", key, DEFAULTS[name])
    for key in ("num_deltas", "num_vectors", "context_window"):
        value = options.get(key, 1)
        require(isinstance(value, int) and value >= 1, f"{where}: '{name}' needs {key}, 1 or more, got {value!r}")
    coeff = options.get("coeff", 0.0)
    require(isinstance(coeff, (int, float)), f"{where}: '{name}' needs a number as coeff, got {coeff!r}")
    if options.get("pad_mode") not in PADDINGS:
        raise SonantError(f"{where}: pad_mode of 'stack' must be edge, constant or null, got {options['pad_mode']!r}")
    return name, options


class Before:
    """Steps on waveforms: ``dither`` and ``preemphasize``.

    Dither adds noise from [-coeff, coeff): new in every training step, and otherwise the same for every utterance, so
    that what is extracted does not depend on the batch or the order.
    """

    def __init__(self, steps: Sequence[Any], where: str):
        self.steps = parse(steps, BEFORE, where)

    @property
    def repeats(self) -> int | None:
        """As of ``FrameModule``."""
        return None if any(name == "dither" and options["coeff"] for name, options in self.steps) else 1

    def geometry(self, source: FrameGeometry) -> FrameGeometry:
        """With the samples before its own that a sample depends on."""
        past = sum(name == "preemphasize" for name, _ in self.steps)
        return replace(source, window=source.window + past, offset=source.offset - past)

    def __call__(self, wave_BL: Tensor, lengths_B: Tensor, *, training: bool) -> Tensor:
        """(B, L) -> (B, L), zero past each length."""
        for name, options in self.steps:
            coeff = options["coeff"]
            if name == "preemphasize":
                wave_BL = torch.cat([wave_BL[:, :1], wave_BL[:, 1:] - coeff * wave_BL[:, :-1]], dim=1)
                continue
            size = wave_BL.shape if training else (1, wave_BL.shape[1])
            noise = torch.rand(size, generator=None if training else generator("dither"), dtype=torch.float64)
            wave_BL = wave_BL + coeff * (2 * noise - 1).to(wave_BL.dtype).to(wave_BL.device)
        if not self.steps:
            return wave_BL
        inside_BL = torch.arange(wave_BL.shape[1], device=wave_BL.device) < lengths_B[:, None]
        return wave_BL.masked_fill(~inside_BL, 0)


class After:
    """Steps on features: ``standardize``, ``deltas`` and ``stack``.

    Attributes:
        geometry, dim: of the result.
        reach: frames of the result that one depends on, on either side; None: the whole utterance.
    """

    def __init__(self, steps: Sequence[Any], *, geometry: FrameGeometry, dim: int, where: str):
        self.steps = parse(steps, AFTER, where)
        self.geometry, self.dim, self.reach = geometry, dim, 0
        for name, options in self.steps:
            if name == "standardize":
                self.reach = None
            elif name == "deltas":
                self.dim *= 1 + options["num_deltas"]
                self.reach = (
                    None if self.reach is None else self.reach + options["num_deltas"] * options["context_window"]
                )
            else:
                size = options["num_vectors"]
                right = 0 if options["pad_mode"] is None else size - 1
                self.dim *= size
                self.geometry = self.geometry.stack(kernel=size, stride=size, left=0, right=right)
                self.reach = None if self.reach is None else -(-self.reach // size)

    def __call__(self, frames: Frames) -> Frames:
        """(B, T, D) -> (B, T', dim), zero past each length."""
        for name, options in self.steps:
            if name == "standardize":
                x_BTD = normalise_utterance(frames.x_BTD, frames.mask_BT, variance=options["norm_var"])
                frames = frames.with_x(x_BTD)
            elif name == "deltas":
                frames = frames.with_x(add_slopes(frames.x_BTD, frames.lengths_B, **options)).masked()
            else:
                frames = stack(frames, **options)
        return replace(frames, geometry=self.geometry)


def add_slopes(x_BTD: Tensor, lengths_B: Tensor, *, num_deltas: int, context_window: int) -> Tensor:
    """(B, T, D) -> (B, T, (num_deltas + 1) D): features, then their slopes of order 1, 2, ...

    The filter of order 1 is regression over +-W frames, j / (2 sum_j j^2); that of order n is it n times convolved with
    itself. The features are continued by their first and last frame (Povey et al., 2011, Kaldi's add-deltas).
    """
    B, T, D = x_BTD.shape
    R = num_deltas * context_window
    if T == 0:
        return x_BTD.new_zeros(B, 0, (num_deltas + 1) * D)
    last_B1 = (lengths_B[:, None] - 1).clamp(min=0)
    place_BP = torch.arange(-R, T + R, device=x_BTD.device).clamp(min=0).minimum(last_B1)
    p_BPD = x_BTD[torch.arange(B, device=x_BTD.device)[:, None], place_BP]
    blocks = [x_BTD]
    for order, taps_R in enumerate(_slope_filters(num_deltas, context_window), start=1):
        margin = R - order * context_window
        own_BPD = p_BPD[:, margin : p_BPD.shape[1] - margin]
        blocks.append(own_BPD.unfold(1, len(taps_R), 1) @ taps_R.to(x_BTD.dtype).to(x_BTD.device))
    return torch.cat(blocks, dim=-1)


def _slope_filters(num_deltas: int, context_window: int) -> list[Tensor]:
    """Taps of each order, in float64."""
    first = torch.arange(-context_window, context_window + 1, dtype=torch.float64)
    first = first / first.square().sum()
    filters = [first]
    for _ in range(num_deltas - 1):
        longer = torch.nn.functional.conv1d(
            filters[-1][None, None], first.flip(0)[None, None], padding=2 * context_window
        )
        filters.append(longer[0, 0])
    return filters


def stack(frames: Frames, *, num_vectors: int, pad_mode: str | None) -> Frames:
    """(B, T, D) -> (B, T', num_vectors D): neighbours side by side; what fills no stack is left out or padded."""
    x_BTD, lengths_B, n = frames.x_BTD, frames.lengths_B, num_vectors
    B, T, D = x_BTD.shape
    lengths_B = lengths_B // n if pad_mode is None else (lengths_B + n - 1) // n
    size = T // n if pad_mode is None else -(-T // n)
    if pad_mode == "edge":
        last_B1 = (frames.lengths_B[:, None] - 1).clamp(min=0)
        place_BP = torch.arange(size * n, device=x_BTD.device).minimum(last_B1)
        x_BTD = x_BTD[torch.arange(B, device=x_BTD.device)[:, None], place_BP] if T else x_BTD
    elif pad_mode == "constant":
        x_BTD = torch.nn.functional.pad(x_BTD, (0, 0, 0, size * n - T))
    return Frames(x_BTD[:, : size * n].reshape(B, size, n * D), lengths_B, frames.geometry).masked()
