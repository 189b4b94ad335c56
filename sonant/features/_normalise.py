"""Mean and variance normalisation over an utterance, a speaker or a corpus; regression deltas.

Variances are those of the population (divided by the number of frames), as in Kaldi, unless asked otherwise. A standard
deviation below ``STD_FLOOR`` is taken as the floor, so that constant features come out as zero.

Letters: B utterances, T frames, D dimensions.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sonant.core import Frames, SonantError, require

from ._spectral import exact_dtype

STD_FLOOR = 1e-3  # far below any log-mel or cepstrum of audio, far above the rounding of a constant in float32


def add_deltas(x_BTD: Tensor, lengths_B: Tensor, order: int) -> Tensor:
    """(B, T, D) -> (B, T, (order + 1) D): features, then the slope of the block before, ``order`` times.

    Slope over +-2 frames by regression, sum_j j (x[t + j] - x[t - j]) / (2 sum_j j^2) for j = 1, 2
    (Furui 1986; HTK book, Sec. 5.9), the first and last frame repeated beyond an utterance's ends.
    Repeating happens at each order; Kaldi's add-deltas repeats the features only, which differs in
    the two frames at either end of second-order deltas.
    """
    blocks = [x_BTD]
    for _ in range(order):
        blocks.append(_slope(blocks[-1], lengths_B))
    return torch.cat(blocks, dim=-1) if order else x_BTD


def _slope(x_BTD: Tensor, lengths_B: Tensor) -> Tensor:
    B, T, _ = x_BTD.shape
    last_B1 = (lengths_B[:, None] - 1).clamp(min=0)
    index_BT = torch.arange(-2, T + 2, device=x_BTD.device).clamp(min=0).minimum(last_B1)
    p = x_BTD[torch.arange(B, device=x_BTD.device)[:, None], index_BT]
    return (p[:, 3:-1] - p[:, 1:-3] + 2 * (p[:, 4:] - p[:, :-4])) / 10


def normalise_utterance(
    x_BTD: Tensor, mask_BT: Tensor, *, variance: bool, unbiased: bool = False, added: float = 0.0
) -> Tensor:
    """(B, T, D) -> (B, T, D): zero mean and, with ``variance``, unit variance over the frames of ``mask_BT``.

    Frames outside the mask come out as zero; one frame alone comes out as zero. Sums are float64 where
    the device has it, so that the order of summation, which padding changes, leaves no trace in float32.
    ``unbiased`` divides the variance by the number of frames less one; ``added`` is added to it.
    """
    outside_BT1 = ~mask_BT[..., None]
    n_B11 = mask_BT.sum(1).clamp(min=1)[:, None, None]
    exact_BTD = x_BTD.to(exact_dtype(x_BTD.device)).masked_fill(outside_BT1, 0)
    centred_BTD = (exact_BTD - exact_BTD.sum(1, keepdim=True) / n_B11).masked_fill(outside_BT1, 0)
    if variance:
        variance_B1D = centred_BTD.square().sum(1, keepdim=True) / (n_B11 - int(unbiased)).clamp(min=1)
        centred_BTD = centred_BTD * (variance_B1D + added).clamp(min=STD_FLOOR**2).rsqrt()
    return centred_BTD.to(x_BTD.dtype)


@dataclass(frozen=True)
class Statistics:
    """Sums over frames, from which mean and standard deviation follow; they add up (``a + b``).

    Attributes:
        count: number of frames.
        sum_D, square_D: (D,) float64 sums of the features and of their squares.
    """

    count: int
    sum_D: Tensor
    square_D: Tensor

    @classmethod
    def of(cls, x_TD: Tensor) -> Statistics:
        """Statistics of (T, D) frames, none of them padding."""
        x_TD = x_TD.detach().cpu().double()
        return cls(x_TD.shape[0], x_TD.sum(0), x_TD.square().sum(0))

    def __add__(self, other: Statistics) -> Statistics:
        return Statistics(self.count + other.count, self.sum_D + other.sum_D, self.square_D + other.square_D)

    @property
    def mean_D(self) -> Tensor:
        """(D,) float64 mean."""
        return self.sum_D / max(self.count, 1)

    @property
    def std_D(self) -> Tensor:
        """(D,) float64 standard deviation, at least ``STD_FLOOR``."""
        variance_D = self.square_D / max(self.count, 1) - self.mean_D.square()
        return variance_D.clamp(min=STD_FLOOR**2).sqrt()


def speaker_statistics(batches: Iterable[tuple[Hashable | Sequence[Hashable], Frames]]) -> dict[Hashable, Statistics]:
    """Statistics of every speaker.

    Args:
        batches: pairs of (speaker, frames): one speaker for all utterances of the frames, or a list
            or tuple of one speaker an utterance.
    """
    total: dict[Hashable, Statistics] = {}
    for speakers, frames in batches:
        utterances = frames.unpad()
        names = list(speakers) if isinstance(speakers, list | tuple) else [speakers] * len(utterances)
        require(
            len(names) == len(utterances),
            f"speaker statistics: {len(names)} speakers for {len(utterances)} utterances; give one each or one for all",
        )
        for name, x_TD in zip(names, utterances, strict=True):
            own = Statistics.of(x_TD)
            total[name] = total[name] + own if name in total else own
    return total


def apply_statistics(frames: Frames, statistics: Sequence[Statistics], *, variance: bool = True) -> Frames:
    """Normalise each utterance by the given statistics, for instance those of its speaker.

    Args:
        statistics: one an utterance.
        variance: divide by the standard deviation too.
    """
    x_BTD = frames.x_BTD
    require(
        len(statistics) == x_BTD.shape[0],
        f"normalisation: {len(statistics)} statistics for {x_BTD.shape[0]} utterances; give one each",
    )
    y_BTD = x_BTD - torch.stack([s.mean_D for s in statistics]).to(x_BTD.dtype).to(x_BTD.device)[:, None]
    if variance:
        y_BTD = y_BTD / torch.stack([s.std_D for s in statistics]).to(x_BTD.dtype).to(x_BTD.device)[:, None]
    return frames.with_x(y_BTD.masked_fill(~frames.mask_BT[..., None], 0))


class GlobalNormaliser(nn.Module):
    """Zero mean and unit variance over a corpus: fitted once, kept in the state dict, works frame by frame.

    Args:
        dim: size D of a frame.
    """

    mean_D: Tensor
    std_D: Tensor
    count: Tensor

    def __init__(self, dim: int):
        super().__init__()
        self.register_buffer("mean_D", torch.zeros(dim))
        self.register_buffer("std_D", torch.ones(dim))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self._ready = False

    def fit(self, batches: Iterable[Frames]) -> Statistics:
        """Set mean and standard deviation from all frames of ``batches``; returns their statistics."""
        total: Statistics | None = None
        for frames in batches:
            for x_TD in frames.unpad():
                total = Statistics.of(x_TD) if total is None else total + Statistics.of(x_TD)
        if total is None or total.count == 0:
            raise SonantError("global normalisation: no frames to fit on; is the data empty?")
        self.mean_D.copy_(total.mean_D)
        self.std_D.copy_(total.std_D)
        self.count.fill_(total.count)
        return total

    def forward(self, x_BTD: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D). Raises SonantError before ``fit`` or loading fitted weights."""
        if not self._ready:  # looked up once: reading a number from the device would wait for it in every step
            require(self.count > 0, "global normalisation (cmvn: global) has no statistics yet; call fit(...) first")
            self._ready = True
        return (x_BTD - self.mean_D.to(x_BTD.dtype)) / self.std_D.to(x_BTD.dtype)
