"""Autoencoder on single frames: squeeze a frame and restore it.

The first stage of the correspondence autoencoder (``frame_cae``): Kamper, Elsner, Jansen and Goldwater 2015,
"Unsupervised neural network based feature extraction using weak top-down constraints" (ICASSP).

    c_t = context(encoder(x_t))          y_t = decode(c_t)          L = mean_{t, d} (x_{t, d} - y_{t, d})^2

x are the features below the encoder, normally MFCCs with slopes under ``mlp``, with ``context: identity``. The
networks are trained as a whole (the paper adds one layer after the other). The decoder's last layer is linear: the
features are centred, and the ReLU that the released code has there reaches no negative value.

Letters: B utterances, T frames, D feature channels.
A constant guess scores the variance of the features, 1 where they are normalised.
"""

from __future__ import annotations

from dataclasses import dataclass

from sonant.core import Batch, LossOut, require
from sonant.core import Method as BaseMethod
from sonant.nn.frame_decoder import FrameDecoder, FrameDecoderConfig
from sonant.nn.targets import check_frame_for_frame, features_below
from sonant.objectives.frame_error import frame_errors


@dataclass(frozen=True)
class Config(FrameDecoderConfig):
    """Settings of the decoder; the encoder has its own."""


class Method(BaseMethod):
    """A decoder on features, encoder and context."""

    def __init__(self, cfg: Config, *, encoder, context):
        super().__init__(cfg, encoder=encoder, context=context)
        features = features_below(encoder, method="frame_ae")
        check_frame_for_frame(features, context, method="frame_ae")
        self.decode = FrameDecoder(cfg, in_dim=context.dim, out_dim=features.dim)

    def loss(self, batch: Batch) -> LossOut:
        """Mean square error over real frames and channels, >= 0, lower is better."""
        x = self.encoder.inputs(batch.frames())  # (B, T, D)
        count = x.lengths_B.sum()
        require(count > 0, "frame_ae: no example has a frame; lengthen the training window")
        y_BTD = self.decode(self.context(self.encoder(x)).x_BTD)
        return LossOut(total=frame_errors(y_BTD, x, norm="square").sum() / count, count=count)
