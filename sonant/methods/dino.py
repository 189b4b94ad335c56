"""DINO: self-distillation without labels, on crops of an utterance.

Caron et al. 2021, "Emerging properties in self-supervised vision transformers" (arXiv:2104.14294); for speakers
Chen et al. 2023 (arXiv:2211.04168) and sslsv, whose values the defaults are.

    teacher <- tau teacher + (1 - tau) student after every step, tau on a cosine from 0.996 to 1
    L = mean over pairs of different views of H(softmax((t - c) / T_t), softmax(s / T_s))                    Eqs. 1-3
    c <- m c + (1 - m) mean of t, after the loss, over the views of all processes                            Eq. 4

The teacher sees the long crops (``views``), the student these and the short ones (``local_views``, where the batch has
them). The last layer is frozen at first. The teacher is what is kept. A batch seen without gradients, or in evaluation
mode, moves nothing. With ``ssps`` the teacher's vectors of an utterance give way to one of another recording.

Letters: B utterances, G long crops, S all crops, C channels of a vector, K outputs.
A teacher that gives all outputs alike scores log K, its entropy; one that always gives the same scores 0: watch
``teacher_entropy``, which should stay well between.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sonant.core import Batch, LossOut, Representation, ViewsMethod, require
from sonant.core.distributed import gather_with_gradient, rank
from sonant.nn.dino_head import DinoHead
from sonant.nn.momentum import MomentumCopy, check_momentum, cosine_momentum
from sonant.nn.ssps import PositiveSampling, SspsConfig
from sonant.objectives.dino import dino, next_centre, warmed_up


@dataclass(frozen=True)
class Config:
    """Settings of the objective; steps of an epoch are those of VoxCeleb2 in batches of 128."""

    outputs: int = 65536  # K; fewer hurt a lot (Table 12 of the paper)
    hidden: int = 2048  # width of the head's two hidden layers
    bottleneck: int = 256  # width before the last layer
    norm: bool = True  # batch norm in the head
    student_temperature: float = 0.1
    teacher_temperature: float = 0.04
    teacher_temperature_start: float | None = None  # rises linearly from it (wespeaker: 0.04 to 0.07); null: no warm-up
    warmup_steps: int = 85_300  # of the teacher's temperature; 10 epochs
    centre_momentum: float = 0.9
    momentum: float = 0.996  # of the teacher, at first
    momentum_end: float = 1.0  # at the last step
    frozen_steps: int = 8530  # in which the last layer stays as it is; 1 epoch
    ssps: SspsConfig = SspsConfig()  # positives from other recordings in place of the teacher's views

    def __post_init__(self):
        temperatures = (self.student_temperature, self.teacher_temperature, self.teacher_temperature_start or 1.0)
        require(all(value > 0 for value in temperatures), f"dino: temperatures must be above 0, got {temperatures}")
        require(0 <= self.centre_momentum < 1, f"dino: centre_momentum must be in [0, 1), got {self.centre_momentum}")
        check_momentum("dino", self.momentum, self.momentum_end)


class Method(ViewsMethod):
    """A student, and a teacher that follows it."""

    def __init__(self, cfg: Config, **parts):
        super().__init__(cfg, **parts)
        sizes = {"hidden": cfg.hidden, "bottleneck": cfg.bottleneck, "outputs": cfg.outputs}
        self.head = DinoHead(self.embedding.dim, norm=cfg.norm, **sizes)
        self.teacher = MomentumCopy(**self._originals())
        self.register_buffer("centre_K", torch.zeros(cfg.outputs))
        self.register_buffer("step", torch.zeros((), dtype=torch.long))
        C = self.embedding.dim
        self.ssps = PositiveSampling(cfg.ssps, reference_dim=C, positive_dim=C) if cfg.ssps.mode != "off" else None

    def _originals(self) -> dict[str, torch.nn.Module]:
        return {"encoder": self.encoder, "context": self.context, "embedding": self.embedding, "head": self.head}

    def embed(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The student's (B, S, C) and the teacher's (B, G, C) vectors."""
        if self.training:
            self.teacher.begin(**self._originals())
        long_BGL, short_BWL = self.views_of(batch), batch.extras.get("local_views")
        body = Representation(encoder=self.encoder, context=self.context, embedding=self.embedding)
        student = [self.vectors(v_BVL, batch, body=body) for v_BVL in (long_BGL, short_BWL) if v_BVL is not None]
        with torch.no_grad():
            teacher_BGC = self.vectors(long_BGL, batch, body=self.teacher.body())
        return torch.cat(student, dim=1), teacher_BGC

    def compare(self, embedded: tuple[Tensor, Tensor], batch: Batch) -> LossOut:
        """Mean cross-entropy in nats; parts: its two summands, the teacher's entropy and KL(teacher || student)."""
        cfg, step = self.cfg, int(self.step)
        student_BSK = self._outputs(self.head, embedded[0], frozen=step < cfg.frozen_steps)
        teacher_BGC, figures = (embedded[1], {}) if self.ssps is None else self._of_others(embedded[1], batch)
        with torch.no_grad():
            teacher_BGK = self._outputs(self.teacher["head"], teacher_BGC)
        out = dino(
            student_BSK,
            teacher_BGK,
            self.centre_K.clone(),
            student_temperature=cfg.student_temperature,
            teacher_temperature=self.teacher_temperature(step),
        )
        if self.training and torch.is_grad_enabled():
            self.centre_K.copy_(next_centre(self.centre_K, teacher_BGK, momentum=cfg.centre_momentum))
        parts = {"teacher_entropy": out.entropy, "divergence": out.divergence, **figures}
        return LossOut(total=out.loss, parts=parts, count=float(len(student_BSK)))

    def _of_others(self, teacher_BGC: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The teacher's vectors, those of other recordings in their place where there are, and figures of these."""
        all_BGC = gather_with_gradient(teacher_BGC).detach()
        learning = self.training and torch.is_grad_enabled()
        other_BC, found_B, figures = self.ssps.replaced(all_BGC.mean(1), all_BGC[:, 0], batch, learning=learning)
        all_BGC = torch.where(found_B[:, None, None], other_BC[:, None], all_BGC)
        return all_BGC.split(len(teacher_BGC))[rank()], figures

    def _outputs(self, head: DinoHead, x_BVC: Tensor, *, frozen: bool = False) -> Tensor:
        return head(x_BVC.flatten(0, 1), frozen=frozen).unflatten(0, x_BVC.shape[:2])

    def teacher_temperature(self, step: int) -> float:
        """T_t at a step."""
        start, end = self.cfg.teacher_temperature_start, self.cfg.teacher_temperature
        return end if start is None else warmed_up(step, start=start, end=end, steps=self.cfg.warmup_steps)

    def after_step(self, step: int, total_steps: int) -> None:
        tau = cosine_momentum(step, total_steps, start=self.cfg.momentum, end=self.cfg.momentum_end)
        self.teacher.follow(tau, **self._originals())
        self.step.fill_(step)
        if self.ssps is not None:
            self.ssps.after_step(step)

    def representation(self) -> Representation:
        return self.teacher.body()
