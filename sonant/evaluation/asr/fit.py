"""Training a recogniser in two stages: on the shortest utterances without any alteration, then on all of them.

After every epoch all that is needed to go on is written, so that an interrupted training ends with the weights of an
uninterrupted one. Nothing random is kept: every draw depends on seed, stage, epoch and place.

Letters: B utterances.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...core import SonantError, derive_seed, generator, seed_everything
from ...core.files import write_atomically
from ...data.manifest import Utterance
from ...objectives.spec_augment import spec_augment
from ..probes._batches import LengthBatches
from .config import Config
from .reader import Reader, ctc_loss
from .sources import Source

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Sentence:
    """An utterance with the numbers of its units."""

    utterance: Utterance
    target: tuple[int, ...]


@dataclass
class Progress:
    """Where training stands: epochs done of a stage (0, 1; 2 when all is done), and when the stage shall end."""

    stage: int = 0
    epoch: int = 0
    best_epoch: int = 0
    best_loss: float = math.inf
    bar: float = math.inf  # held-out loss that the next gain is measured from
    waited: int = 0

    def judge(self, loss: float, cfg: Config) -> bool:
        """Note the held-out loss of an epoch; true when it is the lowest so far."""
        if loss < self.bar - cfg.threshold:
            self.bar, self.waited = loss, 0
        elif self.epoch > cfg.burn_in:
            self.waited += 1
        lowest = loss < self.best_loss
        if lowest:
            self.best_loss, self.best_epoch = loss, self.epoch
        return lowest


class Fitting:
    """A training, from its beginning or from what ``file`` holds.

    Args:
        reader: changed in place; in the end it has the weights of the second stage's best epoch.
        train, held: the first are learnt from, the second end the stages.
        source: of the frames.
        file: the checkpoint; None: there is none.
        tell: told after every epoch.
    """

    def __init__(
        self,
        reader: Reader,
        cfg: Config,
        *,
        train: Sequence[Sentence],
        held: Sequence[Sentence],
        source: Source,
        seed: int,
        file: Path | None = None,
        tell: Tell = lambda line: None,
    ):
        self.reader, self.cfg, self.source, self.seed = reader, cfg, source, seed
        self.train, self.held, self.file, self.tell = list(train), list(held), file, tell
        self.progress = Progress()
        self.best: dict[str, Any] = {}
        self.optimiser = self._optimiser()
        if file is not None and file.is_file():
            self._load(file)

    @property
    def ended(self) -> bool:
        return self.progress.stage == 2

    def run(self) -> None:
        """Train to the end."""
        while not self.ended:
            if self._stage_is_over():
                self._next_stage()
            else:
                self._epoch()
            self._save()

    def _epoch(self) -> None:
        p = self.progress
        seed_everything(derive_seed(self.seed, "asr epoch", p.stage, p.epoch))  # of the dropout
        sentences = self._sentences()
        lengths = [sentence.utterance.duration for sentence in sentences]
        seed = derive_seed(self.seed, "asr order", p.stage)
        batches = LengthBatches(lengths, batch_size=self.cfg.batch_size, seed=seed)
        self.reader.train()
        self.reader.set_dropout(self.cfg.dropout if p.stage == 1 else 0.0)
        total = 0.0
        for number in range(p.epoch * batches.steps, (p.epoch + 1) * batches.steps):
            chosen = batches(number)
            total += self._step([sentences[i] for i in chosen], chosen.tolist()) * len(chosen)
        p.epoch += 1
        loss = held_out_loss(self.reader, self.source, self.held, batch_size=self.cfg.batch_size)
        if p.judge(loss, self.cfg):
            self.best = copy.deepcopy(self.reader.state_dict())
        self.tell({"stage": p.stage + 1, "epoch": p.epoch, "loss": total / len(sentences), "held_out_loss": loss})

    def _step(self, sentences: list[Sentence], places: list[int]) -> float:
        p, alter = self.progress, None
        if p.stage == 1:
            draws = [generator(self.seed, "asr masks", p.epoch, place) for place in places]
            alter = partial(spec_augment, generators=draws, how=self.cfg.spec_augment)
        scores = self.reader(self.source.batch([s.utterance for s in sentences]), alter)
        loss = ctc_loss(scores, [s.target for s in sentences]).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.reader.parameters(), self.cfg.clip)
        self.optimiser.step()
        return float(loss.detach())

    def _sentences(self) -> list[Sentence]:
        """Those of the present stage."""
        if self.progress.stage == 1:
            return self.train
        count = max(1, min(self.cfg.short_count, int(self.cfg.short_share * len(self.train))))
        return sorted(self.train, key=lambda s: (s.utterance.duration, s.utterance.id))[:count]

    def _stage_is_over(self) -> bool:
        p, cfg = self.progress, self.cfg
        return p.epoch >= (cfg.epochs if p.stage else cfg.short_epochs) or 0 < cfg.patience <= p.waited

    def _next_stage(self) -> None:
        """The best weights so far, and for a second stage a fresh optimiser."""
        if self.best:
            self.reader.load_state_dict(self.best)
        kept = {"best_epoch": self.progress.best_epoch, "best_loss": self.progress.best_loss}
        ended = self.progress.stage == 1
        self.progress = Progress(self.progress.stage + 1, **(kept if ended else {}))
        self.best = {}
        self.optimiser = self._optimiser()

    def _optimiser(self) -> torch.optim.AdamW:
        lr = self.cfg.lr if self.progress.stage else self.cfg.short_lr
        weights = [p for p in self.reader.parameters() if p.requires_grad]
        return torch.optim.AdamW(weights, lr=lr, weight_decay=self.cfg.weight_decay)

    def _save(self) -> None:
        if self.file is None:
            return
        state = {
            "progress": asdict(self.progress),
            "reader": self.reader.state_dict(),
            "best": self.best,
            "optimiser": self.optimiser.state_dict(),
        }
        write_atomically(self.file, lambda stream: torch.save(state, stream))

    def _load(self, file: Path) -> None:
        try:
            state = torch.load(file, map_location=self.source.device, weights_only=True)
            self.progress = Progress(**state["progress"])
            self.reader.load_state_dict(state["reader"])
            self.best = state["best"]
            self.optimiser = self._optimiser()
            self.optimiser.load_state_dict(state["optimiser"])
        except Exception as error:
            line = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise SonantError(f"{file} cannot be gone on with ({line}); give another --out") from None


@torch.no_grad()
def held_out_loss(reader: Reader, source: Source, sentences: Sequence[Sentence], *, batch_size: int) -> float:
    """Mean of the loss over utterances."""
    reader.eval()
    total = 0.0
    ordered = sorted(sentences, key=lambda s: s.utterance.duration)
    for begin in range(0, len(ordered), batch_size):
        part = ordered[begin : begin + batch_size]
        scores = reader(source.batch([s.utterance for s in part]))
        total += float(ctc_loss(scores, [s.target for s in part]).sum())
    return total / max(1, len(ordered))
