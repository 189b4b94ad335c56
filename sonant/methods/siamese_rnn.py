"""Siamese network: two tokens of a word closer to each other than to any other word.

Settle and Livescu 2016, "Discriminative acoustic word embeddings: recurrent neural network-based approaches"
(arXiv:1611.02550): a contrastive loss on triplets of anchor, token of the same word and token of another.

    d(e, f) = 1 - cos(e, f)        L = mean over anchors of mean_n max(0, margin + d(e, e') - d(e, e_n))

e' is the vector of the anchor's partner, e_n those of the other pairs of the batch, both sides, that may be of another
word: neither of an utterance that the anchor or its partner is of, nor, where ``Batch.extras`` has ``word_B``, of the
same word. Discovered pairs have no words: a few e_n are then tokens of the anchor's. ``negatives: hardest`` keeps
the nearest e_n only. The view ``pairs`` gives every pair both ways round.

Letters: B pairs, N = 2 B tokens, E channels of a vector.
Vectors that are all alike score the margin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from sonant.core import Batch, LossOut, require
from sonant.core import Method as BaseMethod
from sonant.nn.correspondence import sides_of


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    margin: float = 0.2  # of cosine distances, which lie in [0, 2]; 0.2 in Kamper's recipes
    negatives: Literal["all", "hardest"] = "all"  # hardest: only the nearest token of another word

    def __post_init__(self):
        require(0 < self.margin <= 2, f"siamese_rnn: margin must lie in (0, 2], got {self.margin}")


class Method(BaseMethod):
    """A contrast on any encoder, context and embedding (Kamper's recipe: gru, dim 400, layers 3; last, dim 130)."""

    needs, embeds = "pairs", True

    def loss(self, batch: Batch) -> LossOut:
        """Mean hinge over anchors, >= 0, lower is better; parts: share of triplets inside the margin, in [0, 1]."""
        sides = sides_of(batch, method="siamese_rnn")
        frames = [self.context(self.encoder(side.frames())) for side in sides]
        whole_B = (frames[0].lengths_B > 0) & (frames[1].lengths_B > 0)
        require(whole_B.any(), "siamese_rnn: no pair has frames on both sides; lengthen the segments")
        vectors = [self.embedding(side) for side in frames]
        with torch.autocast(whole_B.device.type, enabled=False):
            e_BE, other_BE = (F.normalize(e.float(), dim=-1) for e in vectors)
            apart_B = 1 - (e_BE * other_BE).sum(-1)
            apart_BN = 1 - e_BE @ torch.cat([e_BE, other_BE]).T
        differ_BN = ~same_words(batch).repeat(1, 2) & whole_B.repeat(2) & whole_B[:, None]
        anchors_B = differ_BN.any(1)
        require(anchors_B.any(), "siamese_rnn: no other word in the batch; enlarge data.batch_size, lengthen the list")
        if self.cfg.negatives == "hardest":
            nearest_B = apart_BN.masked_fill(~differ_BN, float("inf")).argmin(1)
            differ_BN = differ_BN & F.one_hot(nearest_B, differ_BN.shape[1]).bool()
        hinge_BN = (self.cfg.margin + apart_B[:, None] - apart_BN).clamp(min=0).masked_fill(~differ_BN, 0.0)
        mean_B = hinge_BN.sum(1) / differ_BN.sum(1).clamp(min=1)
        count = anchors_B.sum()
        return LossOut(
            total=mean_B.sum() / count, parts={"inside": (hinge_BN > 0).sum() / differ_BN.sum()}, count=count
        )


def same_words(batch: Batch) -> Tensor:
    """(B, B) booleans: pairs that are or may be of the same word, by ``word_B`` and by shared utterances."""
    mine = [set(pair) for pair in zip(batch.ids, batch.other.ids, strict=True)]
    size, device = len(batch), batch.wave_BL.device
    same_BB = torch.eye(size, dtype=torch.bool)
    if mine:
        same_BB |= torch.tensor([[bool(first & second) for second in mine] for first in mine])
    same_BB = same_BB.to(device)
    word_B = batch.extras.get("word_B")
    return same_BB if word_B is None else same_BB | (word_B[:, None] == word_B)
