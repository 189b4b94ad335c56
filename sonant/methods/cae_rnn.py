"""Recurrent correspondence autoencoder: a word as one vector from which another token of it can be spoken.

Kamper 2019, "Truly unsupervised acoustic word embeddings using weak top-down constraints in encoder-decoder models"
(arXiv:1811.00403).

    e = embedding(context(encoder(x_1 .. x_N)))          y_1 .. y_M = decode(e)
    L = mean over pairs of (1 / M) sum_m (1 / D) sum_d (x'_{m, d} - y_{m, d})^2

x and x' are the features of two tokens of a word; nothing is aligned. What differs from token to token is no help and
is left out of e. Training starts from ``ae_rnn`` with the same networks by ``train.init``: without that the author's
recipe scores an average precision of 0.19 in place of 0.32. The view ``pairs`` gives every pair both ways round.

Letters: B pairs, N and M frames of their sides, D feature channels.
A constant guess scores the variance of the features, 1 where they are normalised.
"""

from __future__ import annotations

from dataclasses import dataclass

from sonant.core import Batch, LossOut, require
from sonant.core import Method as BaseMethod
from sonant.nn.correspondence import sides_of
from sonant.nn.sequence_decoder import SequenceDecoder, SequenceDecoderConfig
from sonant.nn.targets import features_below
from sonant.objectives.frame_error import frame_errors


@dataclass(frozen=True)
class Config(SequenceDecoderConfig):
    """Settings of the decoder, which must be those of the autoencoder it starts from."""


class Method(BaseMethod):
    """A sequence decoder on features, encoder, context and embedding."""

    needs, embeds = "pairs", True

    def __init__(self, cfg: Config, *, encoder, context, embedding=None):
        super().__init__(cfg, encoder=encoder, context=context, embedding=embedding)
        features = features_below(encoder, method="cae_rnn")
        self.decode = SequenceDecoder(cfg, in_dim=embedding.dim, out_dim=features.dim)

    def loss(self, batch: Batch) -> LossOut:
        """Mean over pairs of their mean square error, >= 0, lower is better."""
        x, other = (self.encoder.inputs(side.frames()) for side in sides_of(batch, method="cae_rnn"))
        whole_B = (x.lengths_B > 0) & (other.lengths_B > 0)
        require(whole_B.any(), "cae_rnn: no pair has frames on both sides; lengthen the segments")
        e_BE = self.embedding(self.context(self.encoder(x)))
        error_BM = frame_errors(self.decode(e_BE, other.x_BTD.shape[1]), other, norm="square")
        error_B = (error_BM.sum(1) / other.lengths_B.clamp(min=1)).masked_fill(~whole_B, 0.0)
        return LossOut(total=error_B.sum() / whole_B.sum(), count=whole_B.sum())
