"""One run: what the stages of training share, and the stages."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
import yaml

from ..core import Batch, Method, Representation, SonantError, derive_seed, require, seed_everything
from ..core.distributed import barrier, rank, world_size
from ..core.files import write_text
from ..version import __version__
from . import checkpoint, health, recovery
from .average import WeightAverage
from .config import OptimConfig, TrainConfig
from .console import Console, duration
from .cpu_time import cpu_seconds
from .distributed import data_parallel, device_of, from_all, from_first
from .freezing import Freezing
from .log import Metrics
from .model_folder import write_model
from .optim import build_optimizer, rates, scale_lr
from .schedules import factor
from .signals import StopSignals
from .state import State, Window
from .step import StepOut, gradients
from .survey import survey
from .validation import validate

Evaluator = Callable[[Representation, int], dict[str, float]]
SaveModel = Callable[[Representation, Path, dict], None]


class Run:
    """The parts of a run and what happens to them, in the order of the methods below.

    Attributes:
        state: where the run stands.
        stop: a signal asked to stop; known to all processes.
    """

    def __init__(
        self,
        method: Method,
        *,
        optim: OptimConfig,
        train: TrainConfig,
        run_dir: Path,
        config: dict,
        valid_loader,
        evaluators: Sequence[Evaluator],
        save_model: SaveModel,
        signals: StopSignals,
    ):
        self.optim, self.train, self.run_dir = optim, train, run_dir
        self.config = json.loads(json.dumps(config, default=str))
        self.valid_loader, self.evaluators = valid_loader, evaluators
        self.save_model, self.signals = save_model, signals
        self.device = device_of(train.device)
        self.method = method.to(self.device).train()
        self.average = WeightAverage(method, decay=train.ema_decay) if train.ema_decay else None
        self.judged = self.average.method if self.average else method
        self.optimizer = build_optimizer(method, optim)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=train.precision == "fp16")
        self.frozen = Freezing(method, train)
        self.state, self.stop = State(), False
        self.saved: int | None = 0  # step whose checkpoint holds all there is to save

    @contextlib.contextmanager
    def opened(self, *, resume: bool) -> Iterator[None]:
        """Prepare the run folder, restore when resuming, and keep the logs open for the block."""
        path, broken = from_first(self._prepare_folder(resume) if rank() == 0 else (None, []))
        lines, changed = self._restore(path) if path is not None else (0, [])
        self.frozen.start(self.state.step)
        self.started, self.seconds_before, self.steps_before = time.monotonic(), self.state.seconds, self.state.step
        self.cpu_counted, self.cpu_before = cpu_seconds(), self.state.cpu_seconds
        if self.train.compile:
            self.method.encoder.compile()
            self.method.context.compile()
        self.model = data_parallel(self.method, self.device)
        with contextlib.ExitStack() as stack:
            self.metrics = None
            if rank() == 0:
                board = self.train.tensorboard
                self.metrics = Metrics(self.run_dir, lines=lines, step=self.state.step, tensorboard=board)
                stack.callback(self.metrics.close)
            self.console = Console(total=self.train.steps, quiet=rank() > 0)
            stack.callback(self.console.close)
            self._announce(path, broken=broken, changed=changed)
            yield

    def _prepare_folder(self, resume: bool) -> tuple[Path | None, list[str]]:
        """Make the folder; name the checkpoint to go on from and say which newer ones are broken."""
        require(
            resume or not checkpoint.listed(self.run_dir),
            f"{self.run_dir} already holds a run; go on with it by --resume, or choose another --run folder",
        )
        with checkpoint.writing(self.run_dir):
            checkpoint.folder(self.run_dir).mkdir(parents=True, exist_ok=True)
            for where in (self.run_dir, checkpoint.folder(self.run_dir)):
                checkpoint.sweep(where)
        found = checkpoint.latest(self.run_dir)
        with checkpoint.writing(self.run_dir):
            write_text(self.run_dir / "config.yaml", yaml.safe_dump(self.config, sort_keys=False, allow_unicode=True))
        return found

    def _restore(self, path: Path) -> tuple[int, list[str]]:
        """Load a checkpoint; returns how many lines of metrics.jsonl it knows, and which settings changed since."""
        self.state, lines, changed = recovery.restore(self._learner, path, config=self.config)
        self.saved = self.state.step
        return lines, changed

    def _announce(self, path: Path | None, *, broken: list[str], changed: list[str]) -> None:
        for line in broken:
            self.note("broken checkpoint", line)
        if path is not None:
            self.note("resumed", f"going on from {path.name} of {self.run_dir}")
            if changed:
                self.note("changed", f"settings changed since that checkpoint: {', '.join(changed)}")
            return
        weights = sum(p.numel() for p in self.method.parameters() if p.requires_grad)
        where = f"{self.device.type}, {world_size()} process{'es' if world_size() > 1 else ''}, {self.train.precision}"
        chance = self.method.chance()
        facts = {"weights": weights, "version": __version__} | ({} if chance is None else {"chance": chance})
        self.note("started", f"training {weights:,} weights on {where}; run folder {self.run_dir}", **facts)
        if self.frozen.active:
            self.note("frozen", self.frozen.told)

    @property
    def _learner(self) -> recovery.Learner:
        return recovery.Learner(self.method, self.average, self.optimizer, self.scaler)

    def survey(self, loader) -> None:
        """Before the first step of a fresh run: let the method look at the first batches of the training data."""
        if self.state.step or not self.method.survey_batches:
            return
        began = self.clock()
        self.console.say(f"surveying {self.method.survey_batches} batches before the first step")
        try:
            batches, seconds = survey(self.method, loader, seed=self.train.seed, device=self.device)
        except RuntimeError:
            if self.signals.name is None:
                raise
            self.stop = True  # the signal that asks us to stop has already ended the loader's workers
            return
        took = self.clock() - began
        self.note("surveyed", f"surveyed {batches} batches ({seconds:.0f} s of audio) in {took:.1f} s")

    def note(self, event: str, message: str, **facts) -> None:
        """Tell the user, and keep it in metrics.jsonl."""
        self.console.say(message)
        self.log("event", event=event, message=message, **facts)

    def log(self, kind: str, **values) -> None:
        """One line of metrics.jsonl (first process only)."""
        if self.metrics is not None:
            self.metrics.write(kind, step=self.state.step, seconds=self.clock(), cpu_seconds=self.cpu_clock(), **values)

    def clock(self) -> float:
        """Wall time of the run in seconds, resumed runs included."""
        return self.seconds_before + time.monotonic() - self.started

    def cpu_clock(self) -> float:
        """CPU time of the run in seconds: of all processes until the last step, of this one until now."""
        return round(self.state.cpu_seconds + cpu_seconds() - self.cpu_counted, 3)

    # --- one step -------------------------------------------------------------------------------------

    def step(self, batches: Iterator[Batch]) -> None:
        """Fetch, forward, backward, update, log."""
        state, began = self.state, self.clock()
        fetched = self._fetch(batches)
        if fetched is None:
            self.stop = True
            return
        seed_everything(derive_seed(self.train.seed, "step", state.step, rank()))
        self._freeze_or_thaw()
        lr = self._lr()
        cpu_counted, self.cpu_counted = self.cpu_counted, cpu_seconds()
        out = gradients(
            self.model,
            [batch.to(self.device) for batch in fetched],
            optimizer=self.optimizer,
            scaler=self.scaler,
            precision=self.train.precision,
            audio_seconds=sum(batch.seconds for batch in fetched),
            stop=self.signals.name is not None,
            clock=self.clock(),
            cpu_seconds=self.cpu_counted - cpu_counted,
            pieces=self.train.gradient_cache,
        )
        finite = self._is_finite(out)
        if finite:
            self._update(out)
        else:
            self._refuse(out, fetched, lr=lr)
        state.step += 1
        state.seconds, self.stop = out.clock, out.stop
        state.cpu_seconds += out.cpu_seconds
        state.audio_seconds += out.audio_seconds
        state.training_seconds += self.clock() - began
        if finite:
            state.window.add(out, seconds=self.clock() - began)
        self._show(out, lr=lr)

    def _fetch(self, batches: Iterator[Batch]) -> list[Batch] | None:
        """The step's batches; None when the signal that asks us to stop has already ended the loader's workers."""
        try:
            fetched = list(itertools.islice(batches, self.train.accumulate))
        except RuntimeError:
            if self.signals.name is None:
                raise
            return None
        enough = len(fetched) == self.train.accumulate
        require(enough, f"the training data ended at step {self.state.step} of {self.train.steps}")
        return fetched

    def _freeze_or_thaw(self) -> None:
        if self.frozen.thaw_if_due(self.state.step):
            self.model = data_parallel(self.method, self.device)  # it knows only weights that learn
            self.note("thawed", f"step {self.state.step}: {', '.join(self.frozen.parts)} learn from now on")
        self.frozen.hold()

    def _lr(self) -> dict[str, float]:
        """Set this step's learning rates; returns them by the names of their settings."""
        state, progress = self.state, None
        if self.optim.schedule_by == "minutes":
            progress = max(state.shares_of_time(self.train).values())  # of the limit that will end the run
        share = factor(self.optim, step=state.step, total=self.train.steps, progress=progress)
        scale_lr(self.optimizer, share)
        return rates(self.optim, share)

    def _is_finite(self, out: StepOut) -> bool:
        """Whether the step may be taken. fp16's scaler handles overflow itself until its scale is used up."""
        overflow = self.scaler.is_enabled() and self.scaler.get_scale() >= 1
        return math.isfinite(out.loss) and (math.isfinite(out.grad_norm) or overflow)

    def _update(self, out: StepOut) -> None:
        """Clip, step, and let moving averages follow."""
        if self.optim.clip_norm is not None:
            weights = [p for group in self.optimizer.param_groups for p in group["params"]]
            norm = torch.tensor(out.grad_norm, device=self.device)
            torch.nn.utils.clip_grads_with_norm_(weights, self.optim.clip_norm, norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        done = self.state.step + 1
        self.method.after_step(done, self.train.steps)
        if self.average:
            self.average.update(self.method, step=done)

    def _refuse(self, out: StepOut, batches: Sequence[Batch], *, lr: dict[str, float]) -> None:
        """A loss or gradient is not finite: say where, and stop or leave the step out."""
        found = [line for line in from_all(health.find_not_finite(out, batches, self.method)) if line]
        parts = "".join(f", {name} {value:.4g}" for name, value in out.parts.items())
        where = f"step {self.state.step}: {'; '.join(found) or 'not finite'}"
        told = f"{where} (lr {lr['lr']:.3g}, loss {out.loss:.4g}{parts})"
        self.state.skipped += 1
        if self.train.on_nan == "skip" and self.state.skipped <= self.train.max_skipped:
            self.scaler.update()
            self.note("not finite", f"left out {told}")
            return
        self.log("event", event="not finite", message=told)
        raise SonantError(f"{told}; {health.CAUSES}")

    def _show(self, out: StepOut, *, lr: dict[str, float]) -> None:
        state, window = self.state, self.state.window
        if state.step % self.train.log_every == 0 and window.steps:
            scale = {"loss_scale": self.scaler.get_scale()} if self.scaler.is_enabled() else {}
            self.log("train", **window.means(), **lr, audio_seconds_per_second=window.speed, **scale)
            state.window = Window()
        speed = state.audio_seconds / max(state.training_seconds, 1e-9)
        self.console.step(state.step, loss=out.loss, speed=speed, left=self._left())

    def _left(self) -> float:
        """Seconds that the run still needs at its present pace."""
        state, now = self.state, self.clock()
        pace = (now - self.seconds_before) / max(state.step - self.steps_before, 1)
        left = [pace * (self.train.steps - state.step)]
        if self.train.max_minutes is not None:
            left.append(60 * self.train.max_minutes - now)
        if self.train.max_cpu_minutes is not None:
            busy = (state.cpu_seconds - self.cpu_before) / max(now - self.seconds_before, 1e-9)
            left.append((60 * self.train.max_cpu_minutes - state.cpu_seconds) / max(busy, 1e-9))
        return max(min(left), 0.0)

    # --- between steps --------------------------------------------------------------------------------

    def validate_if_due(self) -> None:
        """Validate every ``valid_every`` steps and at the end; keep the model when its loss is the lowest."""
        state = self.state
        if self.valid_loader is None or state.validated == state.step or not self._due(self.train.valid_every):
            return
        figures, first = validate(self.judged, self.valid_loader, train=self.train, device=self.device)
        self.saved = None
        if not figures:
            state.validated = state.step
            self.note(
                "not judged", f"step {state.step}: the validation data are too few to compare; the last model is kept"
            )
            return
        best = state.judge(figures["loss"], self.train)
        if rank() == 0:
            figures |= self._look_for_collapse(first)
            self.log("valid", **figures)
            lowest = " (lowest so far)" if best else ""
            self.console.say(f"step {state.step}: validation loss {figures['loss']:.4f}{lowest}")
            if best:
                self._write_model()

    def evaluate_if_due(self) -> None:
        """Let the evaluators score the representation on the first process, while the others wait."""
        state = self.state
        every = self.train.eval_every or self.train.valid_every
        if not self.evaluators or state.evaluated == state.step or not self._due(every):
            return
        state.evaluated, self.saved = state.step, None
        if rank() == 0:
            with self._judged_in_eval_mode() as representation:
                for evaluator in self.evaluators:
                    self._evaluate(evaluator, representation)
        barrier()

    def checkpoint_if_due(self, over: str | None) -> None:
        """Write a checkpoint every ``checkpoint_every`` steps, and when the run is over or asked to stop."""
        state = self.state
        due = over or state.step % self.train.checkpoint_every == 0
        if state.step == 0 or self.saved == state.step or not due:
            return
        if self.metrics is not None:
            if self.valid_loader is None or (over and state.best_step is None):
                self._write_model()
            if over:
                self._tell_the_end(over)
            self.metrics.sync()
            about = {"cpu_seconds": self.cpu_clock(), "lines": self.metrics.lines, "config": self.config}
            held = recovery.content(self._learner, state, **about)
            checkpoint.save(self.run_dir, held, keep=self.train.keep_checkpoints)
        self.saved = state.step

    def _due(self, every: int) -> bool:
        step = self.state.step
        return step > 0 and (step % every == 0 or self.state.ending(self.train) is not None)

    def _evaluate(self, evaluator: Evaluator, representation: Representation) -> None:
        try:
            figures = evaluator(representation, self.state.step)
        except SonantError as error:
            self.note("evaluation failed", f"step {self.state.step}: evaluation failed, training goes on: {error}")
            return
        self.log("eval", **figures)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self.console.say(f"step {self.state.step}: {shown}")

    def _look_for_collapse(self, batch: Batch) -> dict[str, float]:
        with self._judged_in_eval_mode() as representation:
            figures = health.spread(representation, batch)
            dims = {layer: representation.dim_of(layer) for layer in ("z", "c")}
            if representation.embedding is not None:
                dims["embedding"] = min(representation.embedding.dim, len(batch) - 1)
        found = health.collapse(figures, dims=dims, share=self.train.collapse_rank)
        if found:
            self.note("collapse", f"warning: step {self.state.step}: {found}: the representation may be collapsing")
        return figures

    def _write_model(self) -> None:
        state = self.state
        facts = {
            "steps": state.step,
            "valid_loss": state.best_loss if state.best_step == state.step else None,
            "seconds": round(self.clock(), 1),
            "cpu_seconds": round(self.cpu_clock(), 1),
            "audio_hours": state.audio_seconds / 3600,
            "processes": world_size(),
        }
        with self._judged_in_eval_mode() as representation:
            write_model(representation, self.run_dir, facts, save_model=self.save_model)

    def _tell_the_end(self, over: str) -> None:
        told = self.state.told(over, took=duration(self.clock()), signal=self.signals.name)
        self.note("ended", told, reason=over)

    @contextlib.contextmanager
    def _judged_in_eval_mode(self) -> Iterator[Representation]:
        """The representation as it would be published now; the method goes back to training afterwards."""
        was_training = self.judged.training
        try:
            yield self.judged.eval().representation().eval()
        finally:
            self.judged.train(was_training)
