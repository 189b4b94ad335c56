"""Vector quantisation by Gumbel-softmax: a frame becomes one of V learnt codes, or one in each of several groups.

Jang, Gu and Poole 2017 (arXiv:1611.01144) and Maddison et al. 2017 (arXiv:1611.00712); as VQ-APC uses it:
Chung, Tang and Glass 2020 (arXiv:2005.08392), Sec. 2.

    s = U x + u        v = argmax_k (s_k + g_k)     g_k ~ Gumbel(0) while training, 0 otherwise        q = E_v

Forwards q is the chosen code; backwards it is the mean of the codes under softmax((s + g) / temperature)
(straight-through). In groups, each group sees its own slice of x and the codes are put side by side.

Letters: B utterances, T frames, C channels in, D channels of all codes, G groups, V codes of a group.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import Frames, mask_of, require


class GumbelQuantiser(nn.Module):
    """Frames -> codes.

    Args:
        in_dim: channels of a frame.
        codes: V of each group.
        dims: width of the codes of each group; with several groups also that of the slice which the group sees, so
            that they sum to ``in_dim``. None: ``in_dim`` in equal parts.
        temperature: of the softmax whose gradient is taken.
    """

    def __init__(
        self, in_dim: int, *, codes: Sequence[int], dims: Sequence[int] | None = None, temperature: float = 0.5
    ):
        super().__init__()
        groups = len(codes)
        require(groups >= 1 and min(codes) >= 2, f"a quantiser needs groups of at least 2 codes, got {list(codes)}")
        require(temperature > 0, f"the temperature of a quantiser must be positive, got {temperature}")
        if dims is None:
            require(in_dim % groups == 0, f"{groups} groups of codes do not divide {in_dim} channels; give code_dims")
            dims = (in_dim // groups,) * groups
        require(
            len(dims) == groups and min(dims) >= 1 and (groups == 1 or sum(dims) == in_dim),
            f"a quantiser of {groups} groups needs as many code dims, which sum to {in_dim}, got {list(dims)}",
        )
        self.temperature, self.codes, self.dim = temperature, tuple(codes), sum(dims)
        self.slices = (in_dim,) if groups == 1 else tuple(dims)
        self.logits = nn.ModuleList(nn.Linear(width, V) for width, V in zip(self.slices, codes, strict=True))
        self.books = nn.ModuleList(nn.Linear(V, dim, bias=False) for V, dim in zip(codes, dims, strict=True))

    def forward(self, frames: Frames, generators: Sequence[torch.Generator] | None = None) -> tuple[Tensor, Tensor]:
        """Codes of frames.

        Args:
            frames: (B, T, C).
            generators: one per utterance, on the device of the frames, for the noise of its real frames; padding and
                the other utterances then change nothing. None: torch's own generator, as dropout.

        Returns:
            (B, T, D) codes and (B, T, G) their numbers; what lies past a length means nothing.
        """
        quantised, chosen = [], []
        for x_BTC, logits, book in zip(frames.x_BTD.split(self.slices, dim=-1), self.logits, self.books, strict=True):
            s_BTV = logits(x_BTC)
            if self.training:
                s_BTV = s_BTV.float() + gumbel_noise(s_BTV, frames.lengths_B, generators)
            index_BT = s_BTV.argmax(-1)
            if self.training:
                soft_BTV = F.softmax(s_BTV / self.temperature, dim=-1)
                hard_BTV = F.one_hot(index_BT, s_BTV.shape[-1]).to(soft_BTV.dtype)
                quantised.append(book(hard_BTV + (soft_BTV - soft_BTV.detach())))
            else:
                quantised.append(F.embedding(index_BT, book.weight.T))
            chosen.append(index_BT)
        return torch.cat(quantised, dim=-1), torch.stack(chosen, dim=-1)


def gumbel_noise(like_BTV: Tensor, lengths_B: Tensor, generators: Sequence[torch.Generator] | None = None) -> Tensor:
    """(B, T, V) draws from Gumbel(0) in float32; with ``generators``, each utterance's real frames by its own."""
    shape, device = like_BTV.shape, like_BTV.device
    if generators is None:
        return -torch.empty(shape, device=device).exponential_().log()
    noise_BTV = torch.zeros(shape, device=device)
    for b, (length, generator) in enumerate(zip(lengths_B.tolist(), generators, strict=True)):
        drawn = torch.empty(length, shape[-1], device=device).exponential_(generator=generator)
        noise_BTV[b, :length] = -drawn.log()
    return noise_BTV


def code_use(index_BTG: Tensor, lengths_B: Tensor, codes: Sequence[int]) -> dict[str, Tensor]:
    """How evenly the codes of real frames are used; means over groups.

    Returns:
        ``perplexity``: 2 to the entropy of the codes, 1 (one code for all) to V (all equally often); ``used``: share
        of the codes that occur at all, in [0, 1].
    """
    index_NG = index_BTG[mask_of(lengths_B, index_BTG.shape[1])]
    perplexity, used = [], []
    for index_N, V in zip(index_NG.unbind(-1), codes, strict=True):
        count_V = torch.bincount(index_N, minlength=V).float()
        p_V = count_V / count_V.sum().clamp(min=1)
        perplexity.append(torch.special.entr(p_V).sum().exp())
        used.append((count_V > 0).float().mean())
    return {"perplexity": torch.stack(perplexity).mean(), "used": torch.stack(used).mean()}
