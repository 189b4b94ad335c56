"""Voice activity projection: what both speakers of a dialogue do in the next seconds, as a target.

Ekstedt and Skantze 2022, "Voice Activity Projection" (arXiv:2205.09812), Sec. 3. The future of frame n, frames n + 1 to
n + H, is cut into bins; a bin is active where the speaker is for at least a share ``threshold`` of it. With N bins the
2 x N bits are one of 2^(2N) classes: bit 0 is speaker 0 in the nearest bin, bit N is speaker 1 in the nearest bin.

Letters: B dialogues, T frames, H frames of the horizon, C = 2 speakers, N bins, K classes. ``...``: any dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sonant.core import require, samples_of

MOST_BINS = 8  # of one speaker with classes: 65,536 of them
TINY = 1e-9  # in the share of a speaker, so that silence has the share 0


@dataclass(frozen=True)
class Window:
    """The future that is projected, at a frame rate.

    Args:
        rate: frames per second.
        bins_s: length of each bin in seconds, the nearest first; each is rounded to whole frames.
        threshold: share of a bin that has to be active, in (0, 1].
    """

    rate: float = 50.0
    bins_s: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8)
    threshold: float = 0.5

    def __post_init__(self):
        require(self.rate > 0, f"a projection window needs a positive frame rate, got {self.rate}")
        require(0 < self.threshold <= 1, f"the threshold of a bin is a share in (0, 1], got {self.threshold}")
        require(
            self.bins_s and min(self.bin_frames) > 0,
            f"every bin of {self.bins_s} s needs a frame at {self.rate:g} Hz; take longer bins or a higher rate",
        )

    @property
    def bin_frames(self) -> tuple[int, ...]:
        """Frames of each bin."""
        return tuple(samples_of(seconds, self.rate) for seconds in self.bins_s)

    @property
    def horizon(self) -> int:
        """H, the frames of all bins."""
        return sum(self.bin_frames)

    @property
    def n_bins(self) -> int:
        """N, the bins of one speaker."""
        return len(self.bins_s)

    @property
    def n_classes(self) -> int:
        """K = 2^(2N); of at most 8 bins."""
        return class_count(self.n_bins)


def class_count(n_bins: int) -> int:
    """K = 2^(2N). Raises SonantError for more bins than classes can be counted for."""
    require(
        1 <= n_bins <= MOST_BINS,
        f"{n_bins} bins have 2^{2 * n_bins} classes; take at most {MOST_BINS} bins, or independent targets",
    )
    return 1 << (2 * n_bins)


def bins_of_count(n_classes: int) -> int:
    """N of K classes, the inverse of ``class_count``."""
    n_bins = (n_classes.bit_length() - 1) // 2
    require(n_classes == 1 << (2 * n_bins) and n_bins, f"{n_classes} classes are no 4, 16, 64, 256, ... of whole bins")
    return n_bins


def future_activity(activity_BTC: Tensor, *, frames: int, window: Window) -> Tensor:
    """Activity of ``frames`` frames and their horizon: cut there, or silence put behind the end.

    Args:
        activity_BTC: (..., T, 2) of 0 and 1.

    Returns:
        (..., frames + H, 2), of the same type.
    """
    wanted = frames + window.horizon
    activity_BTC = activity_BTC[..., :wanted, :]
    return F.pad(activity_BTC, (0, 0, 0, wanted - activity_BTC.shape[-2]))


def horizon_mask(known_B: Tensor, *, frames: int, window: Window) -> Tensor:
    """(B, frames) where the whole horizon of a frame is known: only such frames are targets.

    Args:
        known_B: frames for which each dialogue's activity is known. For a dialogue that ends there, after which nobody
            speaks, add H.
    """
    reach_T = torch.arange(frames, device=known_B.device) + window.horizon
    return reach_T < known_B[:, None]


def projection_bins(activity_BTC: Tensor, window: Window) -> Tensor:
    """What each speaker does in each bin: the targets of independent projection.

    Args:
        activity_BTC: (..., T + H, 2) of 0 and 1 (or shares in between).

    Returns:
        (..., T, 2, N) booleans for the first T frames; T = 0 where the horizon is longer than the dialogue.
    """
    total_BTC = _running_total(activity_BTC)
    frames = max(activity_BTC.shape[-2] - window.horizon, 0)
    bins, first = [], 1
    for size in window.bin_frames:
        count = _between(total_BTC, first, first + size, frames)
        bins.append(count >= window.threshold * size - 1e-6 * size)
        first += size
    return torch.stack(bins, dim=-1)


def projection_shares(activity_BTC: Tensor, window: Window) -> Tensor:
    """Speaker 0's share of all activity in the window: the target of comparative projection.

    Args:
        activity_BTC: (..., T + H, 2) of 0 and 1.

    Returns:
        (..., T) float32 in [0, 1]; 0 where nobody speaks.
    """
    frames = max(activity_BTC.shape[-2] - window.horizon, 0)
    count_BTC = _between(_running_total(activity_BTC), 1, 1 + window.horizon, frames).float()
    return count_BTC[..., 0] / (count_BTC.sum(-1) + TINY)


def _running_total(activity_BTC: Tensor) -> Tensor:
    """(..., T + 1, 2) activity before each frame; whole numbers stay exact."""
    require(
        activity_BTC.dim() >= 2 and activity_BTC.shape[-1] == 2,
        f"voice activity has the shape (..., frames, 2), got {tuple(activity_BTC.shape)}",
    )
    x = activity_BTC.float() if activity_BTC.is_floating_point() else activity_BTC.int()
    return F.pad(x.cumsum(-2, dtype=x.dtype), (0, 0, 1, 0))


def _between(total_BTC: Tensor, first: int, end: int, frames: int) -> Tensor:
    """Activity of frames n + first to n + end - 1 for n < ``frames``."""
    return total_BTC[..., end : end + frames, :] - total_BTC[..., first : first + frames, :]


def class_of_bins(bins_CN: Tensor) -> Tensor:
    """(..., 2, N) bins -> (...) int64 classes."""
    N = bins_CN.shape[-1]
    class_count(N)
    weight_CN = 2 ** torch.arange(2 * N, device=bins_CN.device).view(2, N)
    return (bins_CN.long() * weight_CN).sum((-2, -1))


def bins_of_class(index: Tensor, n_bins: int) -> Tensor:
    """(...) classes -> (..., 2, N) boolean bins."""
    bit_P = torch.arange(2 * n_bins, device=index.device)
    return ((index.long()[..., None] >> bit_P) & 1).bool().unflatten(-1, (2, n_bins))


def codebook(n_bins: int, device: torch.device | str | None = None) -> Tensor:
    """(K, 2, N) float32: the bins of every class."""
    return bins_of_class(torch.arange(class_count(n_bins), device=device), n_bins).float()


def flipped_class(index: Tensor, n_bins: int) -> Tensor:
    """The class of the same future with the speakers exchanged."""
    low = (1 << n_bins) - 1
    return (index >> n_bins) | ((index & low) << n_bins)


def active_speakers(bins_CN: Tensor) -> Tensor:
    """(..., 2, N) bins -> (...) how many speakers have an active bin: 0, 1 or 2 (int64)."""
    return bins_CN.any(-1).sum(-1)


def first_speaker_of_class(n_bins: int) -> Tensor:
    """(K,) int64: who alone is active in the first bin in which anybody is, 0 or 1; 2: both at once, or nobody."""
    book_KCN = codebook(n_bins)
    first_K = book_KCN.amax(1).argmax(-1)
    a_K, b_K = book_KCN.gather(-1, first_K[:, None, None].expand(-1, 2, 1))[..., 0].long().unbind(-1)
    return torch.where(a_K == b_K, 2, b_K)
