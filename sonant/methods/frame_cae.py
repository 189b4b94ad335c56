"""Correspondence autoencoder on single frames: from a frame of one token of a word, the frame that another has there.

Kamper, Elsner, Jansen and Goldwater 2015, "Unsupervised neural network based feature extraction using weak top-down
constraints" (ICASSP).

    (n, m) on the alignment of x and x'          y_n = decode(context(encoder(x_n)))
    L = mean over all such cells and channels of (x'_{m, d} - y_{n, d})^2

x and x' are the features of two tokens of a word, which are aligned here by dynamic time warping. What differs from
token to token, such as the speaker, is no help in guessing the other's frames and is left out. Training starts from
an autoencoder: ``frame_ae`` with the same decoder, then ``train.init``. The view ``pairs`` gives every pair both ways
round.

Letters: B pairs, N and M frames of their sides, K cells of a path, D feature channels.
A constant guess scores the variance of the features, 1 where they are normalised.
"""

from __future__ import annotations

from dataclasses import dataclass

from sonant.core import Batch, LossOut, require
from sonant.core import Method as BaseMethod
from sonant.nn.correspondence import Alignment, paths_of, sides_of, stretch
from sonant.nn.frame_decoder import FrameDecoder, FrameDecoderConfig
from sonant.nn.targets import check_frame_for_frame, features_below
from sonant.objectives.frame_error import frame_errors


@dataclass(frozen=True)
class Config(FrameDecoderConfig):
    """Settings of the decoder, which must be those of the autoencoder it starts from, and of the alignment."""

    alignment: Alignment = "dtw"  # of the features; given: both sides were aligned before, frame by frame


class Method(BaseMethod):
    """A decoder on features, encoder and context."""

    needs = "pairs"

    def __init__(self, cfg: Config, *, encoder, context):
        super().__init__(cfg, encoder=encoder, context=context)
        features = features_below(encoder, method="frame_cae")
        check_frame_for_frame(features, context, method="frame_cae")
        self.decode = FrameDecoder(cfg, in_dim=context.dim, out_dim=features.dim)

    def loss(self, batch: Batch) -> LossOut:
        """Mean square error over the cells of all alignments and over channels, >= 0, lower is better."""
        x, other = (self.encoder.inputs(side.frames()) for side in sides_of(batch, method="frame_cae"))
        paths = paths_of(x, other, self.cfg.alignment)
        y = x.with_x(self.decode(self.context(self.encoder(x)).x_BTD))  # (B, N, D)
        target = stretch(other, paths, side=1)  # (B, K, D)
        count = target.lengths_B.sum()
        require(count > 0, "frame_cae: no pair has frames on both sides; lengthen the segments")
        error_BK = frame_errors(stretch(y, paths, side=0).x_BTD, target, norm="square")
        return LossOut(total=error_BK.sum() / count, count=count)
