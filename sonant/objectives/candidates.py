"""Which frames a contrastive loss may choose its distractors from.

Letters: B examples of this process, T frames, D channels, G groups, P frames of a group's pool, S anchors of
an example, M distractors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from sonant.core import Frames, mask_of, require
from sonant.core.distributed import gather_with_gradient, rank, world_size

Share = Literal["utterance", "speaker", "batch"]


@dataclass(frozen=True)
class Pool:
    """Frames to choose from.

    Attributes:
        z_GPD: (G, P, D); G = B where every example has its own pool, G = 1 where all share one.
        start_B: where in its pool frame 0 of each example lies; its later frames follow.
        members: one integer tensor per example, the places in its pool that it may choose, its own frames included.
    """

    z_GPD: Tensor
    start_B: Tensor
    members: tuple[Tensor, ...]


def pool_of(z: Frames, share: Share, speaker_B: Tensor | None = None) -> Pool:
    """The frames that each example may choose distractors from; padding is never among them.

    Args:
        z: (B, T, D) frames of this process.
        share: what a distractor has in common with its anchor: ``utterance``: the same example; ``speaker``: any
            example of the same speaker in the batch; ``batch``: any example of the batch. The last two span the
            batches of all processes, with gradients.
        speaker_B: speaker numbers, needed by ``speaker``; below 0: unknown, shared with nobody.
    """
    B, device = len(z.lengths_B), z.device
    if share == "utterance":
        members = tuple(torch.arange(n, device=device) for n in z.lengths_B.tolist())
        return Pool(z.x_BTD, torch.zeros(B, dtype=torch.long, device=device), members)
    if share == "speaker":
        require(
            speaker_B is not None,
            "negatives from the same speaker need data whose utterances name their speakers; "
            "prepare it with speakers, or choose method.negatives_from utterance or batch",
        )
    speaker_B = torch.full((B,), -1, device=device) if speaker_B is None else speaker_B
    z_BTD, lengths_B, speaker_B, first = _gather(z, speaker_B)
    z_PD = z_BTD[mask_of(lengths_B, z_BTD.shape[1])]
    starts_B = lengths_B.cumsum(0) - lengths_B
    members = _members(share, lengths_B, speaker_B)[first : first + B]
    return Pool(z_PD[None], starts_B[first : first + B], tuple(members))


def _members(share: Share, lengths_B: Tensor, speaker_B: Tensor) -> list[Tensor]:
    """For every example of all processes, the places in the common pool that it may choose."""
    if share == "batch":
        return [torch.arange(int(lengths_B.sum()), device=lengths_B.device)] * len(lengths_B)
    alone_B = -1 - torch.arange(len(speaker_B), device=speaker_B.device)
    owner_P = torch.where(speaker_B < 0, alone_B, speaker_B).repeat_interleave(lengths_B)
    return [(owner_P == (int(s) if s >= 0 else -1 - b)).nonzero()[:, 0] for b, s in enumerate(speaker_B.tolist())]


def _gather(z: Frames, speaker_B: Tensor) -> tuple[Tensor, Tensor, Tensor, int]:
    """Frames, lengths and speakers of all processes, and the number of our first example among them."""
    if world_size() == 1:
        return z.x_BTD, z.lengths_B, speaker_B, 0
    B, T, _ = z.x_BTD.shape
    most_B, most_T = gather_with_gradient(torch.tensor([[B, T]], device=z.device)).amax(0).tolist()
    x_BTD = F.pad(z.x_BTD, (0, 0, 0, most_T - T, 0, most_B - B))
    lengths_B = F.pad(z.lengths_B, (0, most_B - B))
    speaker_B = F.pad(speaker_B, (0, most_B - B), value=-1)
    gathered = (gather_with_gradient(x) for x in (x_BTD, lengths_B, speaker_B))
    return (*gathered, rank() * most_B)


def draw_negatives(pool: Pool, anchors: Sequence[int], *, number: int, generators: Sequence[torch.Generator]) -> Tensor:
    """Places of distractors, drawn uniformly with replacement from what each example may choose.

    Args:
        anchors: how many anchors each example has.
        number: M distractors for every anchor.
        generators: one per example, on the CPU; an example's draws depend on its own generator and on how much it
            may choose from, so that neither padding nor splitting a batch over processes changes them.

    Returns:
        (B, S, M) places in each example's pool, S the largest of ``anchors``; 0 where an example has fewer.
    """
    device = pool.z_GPD.device
    index_BSM = torch.zeros(len(anchors), max(anchors), number, dtype=torch.long, device=device)
    for b, (count, members, generator) in enumerate(zip(anchors, pool.members, generators, strict=True)):
        if count:
            drawn_SM = torch.randint(len(members), (count, number), generator=generator)
            index_BSM[b, :count] = members[drawn_SM.to(device)]
    return index_BSM


def allowed(pool: Pool) -> Tensor:
    """(B, P) booleans: what each example may choose."""
    allowed_BP = torch.zeros(len(pool.members), pool.z_GPD.shape[1], dtype=torch.bool, device=pool.z_GPD.device)
    for b, members in enumerate(pool.members):
        allowed_BP[b, members] = True
    return allowed_BP
