"""PASE: one encoder, many workers, each of which must solve its task from the encoder's frames.

Pascual et al. 2019, "Learning problem-agnostic speech representations from multiple self-supervised tasks"
(arXiv:1904.03416), Secs. 2.1 to 2.3; Ravanelli et al. 2020, PASE+ (arXiv:2001.09239), Secs. 2.1 to 2.3.

    z  = encoder(distorted chunk)     z' = encoder(another chunk of the utterance)     z'' = z' of another utterance
    L  = sum_w b_w L_w(z, z', z'', clean chunk)                                  b: section ``balance``

Regression workers predict what is computed of the clean chunk (waveform, spectra, cepstra, prosody), so that the
encoder learns to undo the distortion; binary workers tell pairs (z, z') from (z, z''). Which workers there are, the
section ``workers`` says. Two chunks are encoded for each utterance and not three: z'' comes from the batch.

Letters: B utterances, V views, L samples, W workers, G utterances over all processes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from sonant.core import Batch, Frames, LossOut, require
from sonant.core import Method as BaseMethod
from sonant.core.distributed import all_sum, gather_with_gradient, rank
from sonant.objectives import balancing
from sonant.workers._worker import Clean, Seen

from ._few import no_loss
from ._shared_draw import shared_generator

FIXED = ("weights", "sum", "mean")  # balances that are the same at every step


@dataclass(frozen=True)
class Balance:
    """How much each worker's loss counts while training; validation weighs by the workers' ``weight`` always."""

    name: Literal["weights", "sum", "mean", "softmax", "adaptive", "hyper_volume", "dropout", "mgd"] = "weights"
    # weights: each worker's ``weight``, which sum and mean leave out and every other one multiplies the losses by first
    temperature: float = 1.0  # softmax, adaptive
    alpha: float = 0.5  # adaptive: how fast the quality follows
    delta: float = 1.1  # hyper_volume: bound of the losses, in units of the largest
    rate: float = 0.5  # dropout: part of the workers that is left out of a batch

    def __post_init__(self):
        require(self.temperature > 0, f"pase: balance.temperature must be above 0, got {self.temperature}")
        require(0 < self.alpha <= 1, f"pase: balance.alpha must be in (0, 1], got {self.alpha}")
        require(self.delta > 1, f"pase: balance.delta must be above 1, got {self.delta}")
        require(0 <= self.rate < 1, f"pase: balance.rate must be in [0, 1), got {self.rate}")


@dataclass(frozen=True)
class Config:
    """Settings of the objective."""

    balance: Balance = Balance()
    distort: Literal["chunk", "all"] = "chunk"  # what of augment the encoder hears; all: the other chunks too (recipe)
    survey_batches: int = 20  # of the training data, for mean and deviation of targets

    def __post_init__(self):
        require(self.survey_batches >= 0, f"pase: survey_batches must be at least 0, got {self.survey_batches}")


class Method(BaseMethod):
    """Any encoder and context with any set of workers."""

    needs = "views"
    takes_workers = True

    def __init__(self, cfg: Config, *, encoder, context, workers: nn.ModuleDict):
        super().__init__(cfg, encoder=encoder, context=context)
        self.workers = workers
        self.compares = any(worker.compares for worker in workers.values())
        self.survey_batches = cfg.survey_batches
        fixed_W = torch.tensor([worker.cfg.weight for worker in workers.values()])
        require(bool(fixed_W.any()), "pase: the weight of every worker is 0, so that nothing would be trained")
        self.register_buffer("fixed_W", fixed_W, persistent=False)
        self.register_buffer("quality_W", torch.zeros(len(workers)))  # of balance adaptive
        self.register_buffer("earlier_W", -torch.ones(len(workers)))  # losses of the batch before, below 0: none

    def loss(self, batch: Batch) -> LossOut:
        """The balanced sum; parts: the loss of every worker by its name, and what else it has to say."""
        found = self._encode(batch)
        if found is None:
            return no_loss(*self._part_names)
        seen, encoded_BTD = found
        outs = {}
        for name, worker in self.workers.items():
            outs[name] = worker.loss(replace(seen, draw=shared_generator(batch, f"worker {name}")))
        loss_W = torch.stack([out.total for out in outs.values()])
        weight_W = self._weights(loss_W, encoded_BTD, batch)
        parts = {name: out.total.detach() for name, out in outs.items()}
        parts |= {f"{name}.{part}": value for name, out in outs.items() for part, value in out.parts.items()}
        if self.cfg.balance.name not in FIXED and self.training:
            parts |= {f"{name}.weight": weight for name, weight in zip(outs, weight_W, strict=True)}
        return LossOut(total=(weight_W * loss_W).sum(), parts=parts, count=len(batch))

    # --- what the workers see ---------------------------------------------------------------------------

    def _encode(self, batch: Batch) -> tuple[Seen, Tensor] | None:
        """What the workers see, and the frames of all encoded chunks as one tensor; None for too small a batch."""
        views_BVL, clean_BVL = self._views(batch)
        waves = [views_BVL[:, 0]]
        if self.compares:
            waves.append((views_BVL if self.cfg.distort == "all" else clean_BVL)[:, 1])
        lengths_B = batch.lengths_B.clamp(max=views_BVL.shape[2])
        wave = Frames.of_wave(torch.cat(waves), lengths_B.repeat(len(waves)), batch.sample_rate)
        encoded = self.context(self.encoder(wave))
        require(
            bool((encoded.lengths_B > 0).all()), "pase: a chunk is shorter than a frame: lengthen data.chunk_seconds"
        )
        clean = Clean(Frames.of_wave(clean_BVL[:, 0], lengths_B, batch.sample_rate))
        anchor, *more = (_rows(encoded, i * len(batch), (i + 1) * len(batch)) for i in range(len(waves)))
        shortest = int(gather_with_gradient(anchor.lengths_B).min())
        seen = Seen(anchor, clean, shortest, draw=shared_generator(batch, "workers"))
        if more:
            others = self._others(more[0], batch)
            if others is None:
                return None
            seen = replace(seen, context=more[0], other=others)
        return seen, encoded.x_BTD

    def _views(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(B, V, L) views as the encoder hears them, and undistorted."""
        views_BVL = batch.extras.get("views")
        require(
            batch.geometry is None and views_BVL is not None and views_BVL.shape[1] >= 1 + self.compares,
            "pase learns from chunks of waveforms: set data.view to crops, with data.views of 2 (1 is enough without "
            "workers such as lim and gim)",
        )
        return views_BVL, batch.extras.get("clean_views", views_BVL)

    def _others(self, context: Frames, batch: Batch) -> Frames | None:
        """For each utterance the other chunk of another one, of another speaker where there is one."""
        x_GTD, lengths_G = gather_with_gradient(context.x_BTD), gather_with_gradient(context.lengths_B)
        G, first = len(lengths_G), rank() * len(batch)
        require(
            G >= 2 or not self.training,
            "pase: a batch of one utterance is too small for workers that compare utterances: raise data.batch_size",
        )
        if G < 2:
            return None
        speaker_G = None if batch.speaker_B is None else gather_with_gradient(batch.speaker_B)
        chance_GG = strangers(G, speaker_G)
        other_G = torch.multinomial(chance_GG, 1, generator=shared_generator(batch, "others"))[:, 0]
        other_B = other_G[first : first + len(batch)].to(context.device)
        return Frames(x_GTD[other_B], lengths_G[other_B], context.geometry)

    @property
    def _part_names(self) -> list[str]:
        balanced = ["weight"] if self.cfg.balance.name not in FIXED and self.training else []
        return [
            name if not part else f"{name}.{part}"
            for name, worker in self.workers.items()
            for part in ("", *worker.parts, *balanced)
        ]

    # --- balance ----------------------------------------------------------------------------------------

    def _weights(self, loss_W: Tensor, encoded_BTD: Tensor, batch: Batch) -> Tensor:
        """(W,) what multiplies the losses, the same in all processes."""
        balance, fixed_W = self.cfg.balance, self.fixed_W.to(loss_W.dtype)
        if balance.name in ("sum", "mean"):
            return torch.full_like(fixed_W, 1.0 if balance.name == "sum" else 1 / len(fixed_W))
        if balance.name == "weights" or not (self.training and torch.is_grad_enabled()):
            return fixed_W
        if balance.name == "dropout":
            draw = shared_generator(batch, "dropout of workers")
            return fixed_W * balancing.kept_tasks(len(fixed_W), rate=balance.rate, draw=draw).to(fixed_W)
        share = len(batch) / float(all_sum(torch.tensor(float(len(batch)), device=loss_W.device)))
        if balance.name == "mgd":
            return fixed_W * balancing.min_norm_weights(_gram(fixed_W * loss_W, encoded_BTD, share))
        shared_W = all_sum(fixed_W * loss_W * share)
        if balance.name == "softmax":
            return fixed_W * balancing.softmax_weights(shared_W, temperature=balance.temperature)
        if balance.name == "hyper_volume":
            return fixed_W * balancing.hyper_volume_weights(shared_W, delta=balance.delta)
        return fixed_W * self._adaptive(shared_W)

    @torch.no_grad()
    def _adaptive(self, loss_W: Tensor) -> Tensor:
        """Weights by the quality of each task, which follows how much its loss fell since the batch before."""
        earlier_W = torch.where(self.earlier_W < 0, loss_W, self.earlier_W)
        self.quality_W.copy_(balancing.next_quality(self.quality_W, loss_W, earlier_W, alpha=self.cfg.balance.alpha))
        self.earlier_W.copy_(loss_W)
        return torch.softmax(self.quality_W / self.cfg.balance.temperature, dim=0).to(loss_W.dtype)

    # --- before training --------------------------------------------------------------------------------

    def survey(self, batches: Iterable[Batch]) -> None:
        """Mean and deviation of the workers' targets."""
        for batch in batches:
            clean_BL = self._views(batch)[1][:, 0]
            lengths_B = batch.lengths_B.clamp(max=clean_BL.shape[1])
            clean = Clean(Frames.of_wave(clean_BL, lengths_B, batch.sample_rate))
            for worker in self.workers.values():
                worker.survey(clean)


def _rows(frames: Frames, first: int, end: int) -> Frames:
    return Frames(frames.x_BTD[first:end], frames.lengths_B[first:end], frames.geometry)


def strangers(count: int, speaker_G: Tensor | None) -> Tensor:
    """(G, G) ones where an utterance may serve as the other of another: not itself, nor one of the same speaker.

    Where a speaker is unknown (below 0) or all are the same, any utterance but itself.
    """
    another_GG = ~torch.eye(count, dtype=torch.bool)
    if speaker_G is None:
        return another_GG.float()
    speaker_G = speaker_G.cpu()
    same_GG = (speaker_G[:, None] == speaker_G) & (speaker_G >= 0)
    apart_GG = another_GG & ~same_GG
    return torch.where(apart_GG.any(1, keepdim=True), apart_GG, another_GG).float()


def _gram(loss_W: Tensor, encoded_BTD: Tensor, share: float) -> Tensor:
    """(W, W) inner products of the losses' gradients at the encoder's output, over all processes."""
    grads = [torch.autograd.grad(loss, encoded_BTD, retain_graph=True)[0] for loss in loss_W]
    flat_WN = share * torch.stack([grad.flatten() for grad in grads]).float()
    return all_sum(flat_WN @ flat_WN.T).to(loss_W.dtype)
