"""BEST-RQ: hide parts of the features, and tell which random code the hidden part would have had.

Chiu, Qin, Zhang, Yu and Wu 2022, "Self-supervised learning with random-projection quantizer for speech recognition"
(arXiv:2202.01855), Sec. 3.

    x' = x with spans replaced by noise                                                                  Sec. 3.2
    y_t = argmin_v || norm2(C_v) - norm2(A x_t) ||        A, C random, never trained                     Eq. 1
    L = mean over hidden t of -log softmax(predict(context(encoder(x'))))_t [y_t]

x are the features below the encoder. Where the network has fewer frames than these, those that fall together are put
side by side for the quantiser. A is Xavier-uniform in the paper and normal here, as in Robertson and Dunbar 2023
(arXiv:2312.01515), "scpc", whose other settings are options: every channel masked by itself (``channels: apart``), and
the loss of frames that nothing hides (``score: unmasked``), which their code computes and which is no prediction.

Letters: B utterances, T frames, D feature channels, R features per frame of the network, E dimensions of a code,
V codes.
Knowing nothing scores log V.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonant.core import Batch, Featured, Frames, LossOut, mask_of, require
from sonant.core import Method as BaseMethod
from sonant.nn.full_attention import seen_frames
from sonant.nn.predictors import FullPredictor, LinearPredictor, RecurrentPredictor, TransformerPredictor
from sonant.nn.quantise import code_use
from sonant.objectives.masking import spans

PREDICTORS = {
    "linear": LinearPredictor,
    "recurrent": RecurrentPredictor,
    "transformer": TransformerPredictor,
    "full": FullPredictor,
}


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    share: float = 0.33  # probability that a frame is masked; the paper begins spans with 0.01: 1 - 0.99^40; scpc 0.01
    width: int = 40  # frames of a span (400 ms)
    channels: Literal["together", "apart"] = "together"  # what a span masks: all channels, or one (scpc)
    mean: float | None = (
        None  # of the noise; null: that of the utterance's channel; the paper 0, of normalised features
    )
    deviation: float | None = None  # likewise; the paper 0.1
    codes: int = 8192  # V
    code_dim: int = 16  # E
    normalise: bool = True  # features with mean 0 and variance 1 over the utterance before they are quantised
    # (Sec. 3.1: without it few codes are used); false: scpc

    predictor: Literal["linear", "recurrent", "transformer", "full"] = "linear"  # from contexts to codes; the paper
    # linear; one LSTM layer; a transformer layer, causal or full
    offset: int = 0  # frames of the network at the start of an utterance that the loss leaves out
    score: Literal["masked", "unmasked"] = "masked"  # frames that the loss counts; unmasked: those with no masked
    # channel, and in validation all, without any masking (scpc)

    def __post_init__(self):
        require(0 < self.share < 1, f"best_rq: share must lie in (0, 1), got {self.share}")
        require(
            min(self.width, self.code_dim) >= 1 and self.codes >= 2 and self.offset >= 0,
            f"best_rq: width and code_dim must be at least 1, codes at least 2, offset at least 0, got {self}",
        )
        require(self.deviation is None or self.deviation >= 0, f"best_rq: deviation must be >= 0, got {self.deviation}")


class RandomQuantiser(nn.Module):
    """Frames -> codes by a random projection and a random codebook (Sec. 3.1). Drawn at birth, never trained."""

    def __init__(self, dim: int, *, codes: int, code_dim: int):
        super().__init__()
        projection_DE = nn.init.xavier_normal_(torch.empty(dim, code_dim))
        codebook_VE = F.normalize(torch.randn(codes, code_dim), dim=-1)
        self.projection = nn.Parameter(projection_DE, requires_grad=False)
        self.codebook = nn.Parameter(codebook_VE, requires_grad=False)

    @torch.no_grad()
    def forward(self, x_BTD: Tensor) -> Tensor:
        """(B, T, D) -> (B, T) code numbers, Eq. 1: among vectors of length 1 the nearest has the highest product."""
        with torch.autocast(x_BTD.device.type, enabled=False):
            return (F.normalize(x_BTD.float() @ self.projection.float(), dim=-1) @ self.codebook.float().T).argmax(-1)


class Method(BaseMethod):
    """BEST-RQ around features, an encoder and any context (the paper: Conformer; scpc: causal_attention)."""

    def __init__(self, cfg: Config, *, encoder, context):
        super().__init__(cfg, encoder=encoder, context=context)
        below = encoder.features if isinstance(encoder, Featured) else None
        self.ratio, rest = divmod(context.geometry.hop, below.geometry.hop if below else 1)
        require(rest == 0, "best_rq: the hop of the network must be a multiple of the features'")
        require(
            below is None or below.geometry.hop > 1,
            "best_rq: it masks features, and features of one sample are waveforms; leave the section 'features' out, "
            "or use stft_bank, logmel or mfcc",
        )
        dim = (below.dim if below else 1) * self.ratio
        self.quantise = RandomQuantiser(dim, codes=cfg.codes, code_dim=cfg.code_dim)
        self.predict = PREDICTORS[cfg.predictor](context.dim, cfg.codes, futures=1)

    def chance(self) -> float:
        """log V."""
        return math.log(self.cfg.codes)

    def loss(self, batch: Batch) -> LossOut:
        """Mean over the counted frames; parts: accuracy in [0, 1], and how the codes are used."""
        cfg, x = self.cfg, self.encoder.inputs(batch.frames())  # (B, T', D)
        if self.training or cfg.score == "masked":
            altered, masked_BT = self.mask(x, batch)
        else:
            altered, masked_BT = x, x.mask_BT.new_zeros(x.mask_BT.shape)
        c = self.context(self.encoder(altered))  # (B, T, C)
        stacked = self.stacked(x)
        T = min(stacked.x_BTD.shape[1], c.x_BTD.shape[1])
        lengths_B = torch.minimum(stacked.lengths_B, c.lengths_B)
        hidden_BT = masked_BT[:, : T * self.ratio].unflatten(1, (T, self.ratio)).any(-1)
        counted_BT = mask_of(lengths_B, T) & (hidden_BT if cfg.score == "masked" else ~hidden_BT)
        counted_BT[:, : cfg.offset] = False
        count = counted_BT.sum()
        require(
            count > 0,
            f"best_rq: no frame of the batch counts, the longest example has {int(lengths_B.max())} frames; lengthen "
            "the training window or change method.share",
        )
        code_BT = self.quantise(stacked.x_BTD[:, :T])
        seen = (seen_frames(c),) if cfg.predictor == "full" else ()
        logits_NV = self.predict(c.x_BTD, *seen)[:, :T, 0][counted_BT].float()
        code_N = code_BT[counted_BT]
        use = code_use(code_BT[..., None], lengths_B, (cfg.codes,))
        accuracy = (logits_NV.argmax(-1) == code_N).float().mean()
        return LossOut(total=F.cross_entropy(logits_NV, code_N), parts={"acc": accuracy, **use}, count=count)

    def mask(self, x: Frames, batch: Batch) -> tuple[Frames, Tensor]:
        """(B, T, D) features with spans of noise, and (B, T) booleans, true where any channel is masked."""
        cfg, D = self.cfg, x.dim
        generators = [batch.generator(b, "spans") for b in range(len(batch))]
        masked_BTC = spans(
            x.lengths_B,
            generators,
            share=cfg.share,
            width=cfg.width,
            channels=D if cfg.channels == "apart" else 1,
        )
        masked_BTC = F.pad(masked_BTC, (0, 0, 0, x.x_BTD.shape[1] - masked_BTC.shape[1]))
        noise_BTD = torch.zeros(x.x_BTD.shape)
        for b, n in enumerate(x.lengths_B.tolist()):
            noise_BTD[b, :n] = torch.randn(n, D, generator=batch.generator(b, "noise"))
        mean_B1D, deviation_B1D = moments(x)
        mean_B1D = mean_B1D if cfg.mean is None else torch.full_like(mean_B1D, cfg.mean)
        deviation_B1D = deviation_B1D if cfg.deviation is None else torch.full_like(deviation_B1D, cfg.deviation)
        noise_BTD = (mean_B1D + deviation_B1D * noise_BTD.to(mean_B1D)).to(x.x_BTD.dtype)
        return x.with_x(torch.where(masked_BTC, noise_BTD, x.x_BTD)).masked(), masked_BTC.any(-1)

    def stacked(self, x: Frames) -> Frames:
        """(B, T', D) features as what the quantiser sees: normalised if asked for, R side by side."""
        if self.cfg.normalise:
            mean_B1D, deviation_B1D = moments(x)
            x = x.with_x((x.x_BTD - mean_B1D) / deviation_B1D.clamp(min=1e-5)).masked()
        if self.ratio == 1:
            return x
        T = x.x_BTD.shape[1] // self.ratio
        x_BTD = x.x_BTD[:, : T * self.ratio].unflatten(1, (T, self.ratio)).flatten(2)
        return Frames(x_BTD, x.lengths_B // self.ratio, x.geometry.stack(kernel=self.ratio, stride=self.ratio))


def moments(x: Frames) -> tuple[Tensor, Tensor]:
    """(B, 1, D) mean and standard deviation of every channel over the real frames of each utterance, in float32."""
    x_BTD, count_B11 = x.x_BTD.detach().float(), x.lengths_B.clamp(min=1)[:, None, None]
    mean_B1D = x_BTD.sum(1, keepdim=True) / count_B11
    square_BTD = (x_BTD - mean_B1D).masked_fill(~x.mask_BT[:, :, None], 0.0).square()
    return mean_B1D, (square_BTD.sum(1, keepdim=True) / count_B11).sqrt()
