"""Recurrent autoencoder: a word as one vector from which it can be spoken again.

Chung, Wu, Shen, Lee and Lee 2016, "Audio Word2Vec" (arXiv:1603.00982); the network is that of Kamper 2019, "Truly
unsupervised acoustic word embeddings using weak top-down constraints in encoder-decoder models" (arXiv:1811.00403),
where it is the first stage of the correspondence autoencoder (``cae_rnn``).

    e = embedding(context(encoder(x_1 .. x_T)))          y_1 .. y_T = decode(e)
    L = mean over words of (1 / T) sum_t (1 / D) sum_d (x_{t, d} - y_{t, d})^2

x are the features below the encoder. The paper: ``encoder: identity``, ``context: gru`` with 3 layers of 400 and
``embedding: {pool: last, dim: 130}``; the decoder reads e at every step. Words count alike, whatever their length.

Letters: B words, T frames, D feature channels.
A constant guess scores the variance of the features, 1 where they are normalised.
"""

from __future__ import annotations

from dataclasses import dataclass

from sonant.core import Batch, LossOut, require
from sonant.core import Method as BaseMethod
from sonant.nn.sequence_decoder import SequenceDecoder, SequenceDecoderConfig
from sonant.nn.targets import features_below
from sonant.objectives.frame_error import frame_errors


@dataclass(frozen=True)
class Config(SequenceDecoderConfig):
    """Settings of the decoder; encoder, context and embedding have their own."""


class Method(BaseMethod):
    """A sequence decoder on features, encoder, context and embedding."""

    embeds = True

    def __init__(self, cfg: Config, *, encoder, context, embedding=None):
        super().__init__(cfg, encoder=encoder, context=context, embedding=embedding)
        features = features_below(encoder, method="ae_rnn")
        self.decode = SequenceDecoder(cfg, in_dim=embedding.dim, out_dim=features.dim)

    def loss(self, batch: Batch) -> LossOut:
        """Mean over words of their mean square error, >= 0, lower is better."""
        x = self.encoder.inputs(batch.frames())  # (B, T, D)
        count = (x.lengths_B > 0).sum()
        require(count > 0, "ae_rnn: no example has a frame; lengthen the segments")
        e_BE = self.embedding(self.context(self.encoder(x)))
        error_BT = frame_errors(self.decode(e_BE, x.x_BTD.shape[1]), x, norm="square")
        total = (error_BT.sum(1) / x.lengths_B.clamp(min=1)).sum() / count
        return LossOut(total=total, count=count)
