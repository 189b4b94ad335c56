"""Probabilities that a projection says: who speaks next, soon or later, and who is about to give a short response.

``aggregate`` counts the active bins of all classes by their probability (the stereo models of 2023). The zero-shot
probabilities of Ekstedt and Skantze 2022 (arXiv:2205.09812), Sec. 3.3, compare the classes of a few named futures and
depend on who speaks now.

Letters: B dialogues, T frames, K classes, C = 2 speakers, N bins. Speakers are always (speaker 0, speaker 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from sonant.core import require

from .projection import Window, bins_of_count, codebook

SMALL = 1e-5  # in the denominator of aggregated probabilities
FREE = (0, 1)


@dataclass(frozen=True)
class Aggregate:
    """(B, T, 2) probabilities of both speakers: of the nearer half of the bins, the farther half, and all."""

    p_now: Tensor
    p_future: Tensor
    p_all: Tensor


def aggregate(logits_BTK: Tensor, *, weights: tuple[int, ...] | None = None) -> Aggregate:
    """All three aggregated probabilities; with the usual four bins 0-600 ms, 600-2000 ms and 0-2 s.

    Args:
        weights: of the N bins, such as ``Window.bin_frames``; None: all bins count the same.
    """
    n_bins = bins_of_count(logits_BTK.shape[-1])
    half = n_bins // 2
    active_BTCN = _expected_bins(logits_BTK.float().softmax(-1), weights)
    spans = ((0, max(half, 1)), (half, n_bins), (0, n_bins))
    return Aggregate(*(_normalised(active_BTCN[..., a:b].sum(-1)) for a, b in spans))


def aggregate_bins(logits_BTK: Tensor, *, first: int, last: int, weights: tuple[int, ...] | None = None) -> Tensor:
    """(B, T, 2) expected active bins ``first`` to ``last`` (inclusive) of each speaker, as a share of both speakers'.

    The two sum to a little under 1.
    """
    active_BTCN = _expected_bins(logits_BTK.float().softmax(-1), weights)
    return _normalised(active_BTCN[..., first : last + 1].sum(-1))


def bin_probabilities(logits_BTK: Tensor) -> Tensor:
    """(..., T, 2, N) probability that each speaker is active in each bin, from (..., T, K) logits of classes."""
    return _expected_bins(logits_BTK.float().softmax(-1), None)


def _expected_bins(p_BTK: Tensor, weights: tuple[int, ...] | None) -> Tensor:
    """(B, T, 2, N) probability that each bin is active, times the weight of the bin."""
    book_KCN = codebook(bins_of_count(p_BTK.shape[-1]), p_BTK.device)
    if weights is not None:
        book_KCN = book_KCN * torch.tensor(weights, dtype=torch.float32, device=p_BTK.device)
    return (p_BTK @ book_KCN.flatten(1)).unflatten(-1, book_KCN.shape[1:])


def _normalised(active_BTC: Tensor) -> Tensor:
    return active_BTC / (active_BTC.sum(-1, keepdim=True) + SMALL)


def entropy_bits(logits_BTK: Tensor) -> Tensor:
    """(B, T) entropy of the predicted classes in bits; at most log2 K, which is 8 with four bins."""
    log_p_BTK = logits_BTK.float().log_softmax(-1)
    return -(log_p_BTK.exp() * log_p_BTK).sum(-1) / math.log(2)


# Named futures. Each is the classes in which speaker ``a`` and the other one do what the two patterns say.


def _classes(own: list[tuple[int, ...]], other: list[tuple[int, ...]], speaker: int) -> list[int]:
    """Classes whose bins of ``speaker`` are one of ``own`` and of the other speaker one of ``other``."""
    found = []
    for mine, yours in product(own, other):
        low, high = (mine, yours) if speaker == 0 else (yours, mine)
        found.append(sum(bit << place for place, bit in enumerate((*low, *high))))
    return sorted(found)


def _ahead(n_bins: int) -> list[tuple[int, ...]]:
    """The farther half of the bins active, the nearer ones free."""
    half = n_bins // 2
    return [(*near, *[1] * (n_bins - half)) for near in product(FREE, repeat=half)]


@lru_cache
def next_on_silence(n_bins: int = 4) -> tuple[list[int], list[int]]:
    """Classes of 'speaker 0 goes on' and 'speaker 1 goes on' in mutual silence."""
    quiet = [(0,) * n_bins]
    return _classes(_ahead(n_bins), quiet, 0), _classes(_ahead(n_bins), quiet, 1)


@lru_cache
def next_on_speech(n_bins: int = 4) -> tuple[list[int], list[int]]:
    """Classes of 'next is 0 while 1 speaks' and 'next is 1 while 0 speaks'; who speaks may end in the nearer half."""
    half = n_bins // 2
    ending = [(*[1] * k, *[0] * (n_bins - k)) for k in range(half + 1)]
    return _classes(_ahead(n_bins), ending, 0), _classes(_ahead(n_bins), ending, 1)


@lru_cache
def short_response(n_bins: int = 4) -> tuple[list[int], list[int]]:
    """Classes of 'speaker 0 says something short while 1 has the floor' and of the other way round."""
    require(n_bins == 4, f"backchannels are told by classes of 4 bins, the model has {n_bins}")
    own = [(*near, 0) for near in product(FREE, repeat=3) if any(near)]
    other = [(*near, 1) for near in product(FREE, repeat=3)]
    return _classes(own, other, 0), _classes(own, other, 1)


def _log_mass(logits_BTK: Tensor, classes: tuple[list[int], list[int]]) -> Tensor:
    """(B, T, 2) log probability of the classes of each speaker."""
    log_p_BTK = logits_BTK.float().log_softmax(-1)
    return torch.stack([log_p_BTK[..., chosen].logsumexp(-1) for chosen in classes], dim=-1)


def p_next_on_silence(logits_BTK: Tensor) -> Tensor:
    """(B, T, 2) who speaks next, as if nobody spoke now."""
    return _log_mass(logits_BTK, next_on_silence(bins_of_count(logits_BTK.shape[-1]))).softmax(-1)


def p_next_on_speech(logits_BTK: Tensor) -> Tensor:
    """(B, T, 2): entry c is the probability that c is next, as if the other one spoke now. They do not sum to 1."""
    return _next_on_speech(logits_BTK).sigmoid()


def _next_on_speech(logits_BTK: Tensor) -> Tensor:
    """(B, T, 2) log odds of 'c is next' and 'the other one goes on'."""
    N = bins_of_count(logits_BTK.shape[-1])
    hold_BTC = _log_mass(logits_BTK, next_on_silence(N)).flip(-1)
    return _log_mass(logits_BTK, next_on_speech(N)) - hold_BTC


def p_next(logits_BTK: Tensor, activity_BTC: Tensor) -> Tensor:
    """(B, T, 2) zero-shot probability of who speaks next, given who speaks now.

    Nobody: ``p_next_on_silence``. One: the other one is next with ``p_next_on_speech``, or not. Both:
    ``p_next_on_speech``, brought to the sum 1.

    Args:
        activity_BTC: (B, T, 2) of 0 and 1, at the frames of the logits.
    """
    a_BT, b_BT = activity_BTC.bool().unbind(-1)
    odds_BTC = _next_on_speech(logits_BTK)
    next_0, next_1 = odds_BTC.unbind(-1)
    only_a_BTC = torch.stack([-next_1, next_1], dim=-1).sigmoid()
    only_b_BTC = torch.stack([next_0, -next_0], dim=-1).sigmoid()
    both_BTC = F.logsigmoid(odds_BTC).softmax(-1)
    p_BTC = torch.where((a_BT & b_BT)[..., None], both_BTC, p_next_on_silence(logits_BTK))
    p_BTC = torch.where((a_BT & ~b_BT)[..., None], only_a_BTC, p_BTC)
    return torch.where((b_BT & ~a_BT)[..., None], only_b_BTC, p_BTC)


def p_backchannel(logits_BTK: Tensor) -> Tensor:
    """(B, T, 2) zero-shot probability that each speaker is about to say something short; the mass of 56 classes."""
    return _log_mass(logits_BTK, short_response(bins_of_count(logits_BTK.shape[-1]))).exp()


def p_next_weighted(logits_BTK: Tensor, activity_BTC: Tensor, window: Window, *, quirk: bool = True) -> Tensor:
    """(B, T, 2) who speaks next, every class by its share of activity, bins weighted by their length.

    In silence all bins count, otherwise the farther half.

    Args:
        quirk: classes in which speaker 0 has no activity count half for each, even where speaker 1 is active, as
            the original computes it. False: only classes without any activity do.
    """
    p_BTK = logits_BTK.float().softmax(-1)
    book_KCN = codebook(window.n_bins, p_BTK.device)
    weighted_KCN = book_KCN * torch.tensor(window.bin_frames, dtype=torch.float32, device=p_BTK.device)
    shares = [_shares(weighted_KCN[..., first:].sum(-1), quirk) for first in (0, window.n_bins // 2)]
    anyone_BT = activity_BTC.bool().any(-1)
    return torch.where(anyone_BT[..., None], p_BTK @ shares[1], p_BTK @ shares[0])


def _shares(active_KC: Tensor, quirk: bool) -> Tensor:
    share_KC = active_KC / active_KC.sum(-1, keepdim=True).clamp(min=1)
    undefined_K = active_KC[:, 0] == 0 if quirk else active_KC.sum(-1) == 0
    return share_KC.masked_fill(undefined_K[:, None], 0.5)


def p_next_independent(logits_BTCN: Tensor, activity_BTC: Tensor, *, first_bin: int | None = None) -> Tensor:
    """(B, T, 2) who speaks next from independent bins: the share of all bins in silence, else of the farther ones.

    Args:
        first_bin: where the farther ones begin; None: in the middle (bin 2 of 4).
    """
    p_BTCN = logits_BTCN.float().sigmoid()
    first = p_BTCN.shape[-1] // 2 if first_bin is None else first_bin
    anyone_BT = activity_BTC.bool().any(-1)
    sum_BTC = torch.where(anyone_BT[..., None], p_BTCN[..., first:].sum(-1), p_BTCN.sum(-1))
    return sum_BTC / sum_BTC.sum(-1, keepdim=True)


def p_backchannel_independent(logits_BTCN: Tensor) -> Tensor:
    """(B, T, 2) from independent bins: the highest but for the last bin, if it stands above the speaker's own last bin
    and that is below the other speaker's; else 0."""
    p_BTCN = logits_BTCN.float().sigmoid()
    peak_BTC, last_BTC = p_BTCN[..., :-1].amax(-1), p_BTCN[..., -1]
    likely_BTC = (last_BTC < last_BTC.flip(-1)) & (peak_BTC > last_BTC)
    return peak_BTC.masked_fill(~likely_BTC, 0.0)


def p_next_comparative(logits_BT: Tensor) -> Tensor:
    """(B, T) logits of speaker 0's share -> (B, T, 2) who speaks next."""
    p_BT = logits_BT.float().sigmoid()
    return torch.stack([p_BT, 1 - p_BT], dim=-1)
