from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import replace

import pytest
import torch
import yaml
from training_toy import ToyMethod, lines_of, signal_self, train_toy

from sonant.core import LossOut, SonantError
from sonant.training import checkpoint
from sonant.training.checkpoint import WriteFailed


def equal(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def weights(toy) -> dict:
    return toy.state_dict()


def test_a_run_leaves_its_folder_and_a_summary(tmp_path):
    summary, _ = train_toy(tmp_path)
    assert (summary.steps, summary.stopped) == (12, "steps")
    assert summary.audio_hours * 3600 == pytest.approx(sum(_audio(step) for step in range(12)))
    assert summary.audio_seconds_per_second > 0
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == {"method": {}, "optim": {}, "train": {}}
    assert [path.name for path in checkpoint.listed(tmp_path)] == ["step_00000012.pt", "step_00000008.pt"]
    facts = json.loads((tmp_path / "model" / "config.json").read_text())
    assert (facts["steps"], facts["valid_loss"]) == (summary.best_step, summary.best_valid_loss)
    assert not list(tmp_path.rglob("*.part"))


def _audio(step: int) -> float:
    from training_toy import ToyLoader

    batch = ToyLoader().batch(step)
    return float(batch.lengths_B.sum()) / batch.sample_rate


def test_training_lowers_the_loss_and_says_so(tmp_path):
    train_toy(tmp_path, train={"steps": 60, "log_every": 10})
    losses = [line["loss"] for line in lines_of(tmp_path, "train")]
    assert len(losses) == 6 and losses[-1] < 0.8 * losses[0]
    line = lines_of(tmp_path, "train")[0]
    clocks = {"seconds", "cpu_seconds", "audio_seconds_per_second"}
    assert line.keys() == {"kind", "step", "loss", "error", "lr", "grad_norm"} | clocks
    assert line["error"] == pytest.approx(2 * line["loss"])
    valid = lines_of(tmp_path, "valid")
    assert [line["step"] for line in valid] == list(range(5, 61, 5))
    assert valid[0].keys() >= {"loss", "error", "z_std", "z_rank", "c_std", "c_rank"}


def test_without_validation_the_model_is_the_last(tmp_path):
    summary, toy = train_toy(tmp_path, valid=False)
    assert summary.best_step is None and summary.best_valid_loss is None
    saved = torch.load(tmp_path / "model" / "model.pt", weights_only=True)
    assert equal(saved, toy.representation().state_dict())


class Aloof(ToyMethod):
    """Finds every batch of validation too small to compare."""

    def loss(self, batch):
        out = super().loss(batch)
        return out if self.training else LossOut(total=out.total * 0, parts={"error": out.total * 0}, count=0.0)


def test_validation_that_compares_nothing_is_told_and_the_last_model_kept(tmp_path):
    summary, toy = train_toy(tmp_path, kind=Aloof, train={"early_stopping_patience": 1})
    assert summary.best_step is None and summary.steps == 12
    assert not lines_of(tmp_path, "valid")
    assert any(line["event"] == "not judged" for line in lines_of(tmp_path, "event"))
    saved = torch.load(tmp_path / "model" / "model.pt", weights_only=True)
    assert equal(saved, toy.representation().state_dict())


def test_the_model_is_the_best_by_validation_loss(tmp_path):
    """With a learning rate that destroys the weights after step 5, the model stays that of step 5."""
    summary, _ = train_toy(
        tmp_path / "whole", optim={"lr": 3.0, "clip_norm": None, "schedule": "constant", "warmup_steps": 0}
    )
    losses = {line["step"]: line["loss"] for line in lines_of(tmp_path / "whole", "valid")}
    assert summary.best_valid_loss == min(losses.values()) and losses[summary.best_step] == summary.best_valid_loss
    _, toy = train_toy(
        tmp_path / "part", train={"steps": summary.best_step}, valid=False,
        optim={"lr": 3.0, "clip_norm": None, "schedule": "constant", "warmup_steps": 0},
    )  # fmt: skip
    saved = torch.load(tmp_path / "whole" / "model" / "model.pt", weights_only=True)
    assert summary.best_step < 12 and equal(saved, toy.representation().state_dict())


VARIANTS = {
    "plain": {},
    "dropout": {"method": {"dropout": 0.3}},
    "accumulate": {"train": {"accumulate": 3}, "method": {"dropout": 0.3}},
    "average": {"train": {"ema_decay": 0.9}, "method": {"dropout": 0.3}},
    "bf16": {"train": {"precision": "bf16"}, "method": {"dropout": 0.3}},
    "sgd": {"optim": {"name": "sgd"}},
    "adamw": {"optim": {"name": "adamw", "weight_decay": 0.1}},
}


@pytest.mark.parametrize(("name", "stop"), [*((name, 6) for name in VARIANTS), ("plain", 10), ("average", 10)])
def test_stopped_and_resumed_is_bit_identical(tmp_path, name, stop):
    """Stops between checkpoints (6) and where a validation is due (10, which the resumed run makes)."""
    variant = VARIANTS[name]
    every = variant.get("train", {}).get("accumulate", 1)
    whole, toy = train_toy(tmp_path / "whole", **variant)
    at = {(stop - 1) * every: signal_self(signal.SIGTERM)}
    part, _ = train_toy(tmp_path / "part", **variant, loader={"at": at})
    assert (part.steps, part.stopped) == (stop, "signal")
    resumed, again = train_toy(tmp_path / "part", **variant, resume=True)
    assert equal(weights(toy), weights(again))
    assert (resumed.best_step, resumed.best_valid_loss) == (whole.best_step, whole.best_valid_loss)
    assert _figures(tmp_path / "part") == _figures(tmp_path / "whole")
    ends = [checkpoint.read(checkpoint.listed(tmp_path / run)[0]) for run in ("whole", "part")]
    assert str(ends[0]["optimizer"]["state"]) == str(ends[1]["optimizer"]["state"])
    models = [torch.load(tmp_path / run / "model" / "model.pt", weights_only=True) for run in ("whole", "part")]
    assert equal(*models)


def _figures(run_dir) -> list[dict]:
    clock = ("seconds", "cpu_seconds", "audio_seconds_per_second")
    return [
        {key: value for key, value in line.items() if key not in clock}
        for line in lines_of(run_dir, "train", "valid", "eval")
    ]


def test_dropout_differs_between_steps_and_seeds(tmp_path):
    _, one = train_toy(tmp_path / "one", method={"dropout": 0.3})
    _, two = train_toy(tmp_path / "two", method={"dropout": 0.3})
    _, other = train_toy(tmp_path / "other", method={"dropout": 0.3}, train={"seed": 1})
    assert equal(weights(one), weights(two)) and not equal(weights(one), weights(other))


def test_a_finished_run_resumes_to_nothing_and_can_be_prolonged(tmp_path):
    first, toy = train_toy(tmp_path)
    before = (tmp_path / "metrics.jsonl").read_text()
    again, same = train_toy(tmp_path, resume=True)
    assert replace(again, seconds=0, cpu_seconds=0) == replace(first, seconds=0, cpu_seconds=0) and equal(
        weights(toy), weights(same)
    )
    assert (tmp_path / "metrics.jsonl").read_text().startswith(before)
    longer, _ = train_toy(tmp_path, resume=True, train={"steps": 15})
    assert longer.steps == 15
    assert any("train.steps" in line["message"] for line in lines_of(tmp_path, "event") if line["event"] == "changed")


def test_a_second_run_in_the_same_folder_is_refused(tmp_path):
    train_toy(tmp_path)
    with pytest.raises(SonantError, match="already holds a run.*--resume"):
        train_toy(tmp_path)


def test_resuming_falls_back_over_a_broken_checkpoint(tmp_path):
    _, toy = train_toy(tmp_path)
    newest = checkpoint.listed(tmp_path)[0]
    newest.write_bytes(newest.read_bytes()[:1000])
    summary, again = train_toy(tmp_path, resume=True)
    assert summary.steps == 12 and equal(weights(toy), weights(again))
    steps = [line["step"] for line in lines_of(tmp_path, "train")]
    assert steps == sorted(set(steps)) == [3, 6, 9, 12]


def test_a_checkpoint_of_another_model_is_refused_by_name(tmp_path):
    train_toy(tmp_path)
    with pytest.raises(SonantError) as caught:
        train_toy(tmp_path, resume=True, method={"dim": 5})
    message = str(caught.value)
    assert "another model" in message and "context.gru.bias_hh_l0 (24,) where (15,) belongs" in message
    assert "method.dim None -> 5" in message and "\n" not in message


def test_early_stopping_counts_validations_and_survives_a_resume(tmp_path):
    settings = {"steps": 100, "early_stopping_patience": 2, "early_stopping_threshold": 10.0}
    summary, _ = train_toy(tmp_path, train=settings)
    assert (summary.stopped, summary.steps) == ("patience", 15)
    again, _ = train_toy(tmp_path, train=settings, resume=True)
    assert (again.stopped, again.steps) == ("patience", 15)


def test_max_minutes_ends_a_run_validated_and_saved(tmp_path):
    summary, _ = train_toy(
        tmp_path, train={"steps": 10**6, "max_minutes": 0.01}, optim={"schedule_by": "minutes", "warmup_steps": 0}
    )
    assert summary.stopped == "minutes" and 0.6 <= summary.seconds < 5
    assert lines_of(tmp_path, "valid")[-1]["step"] == summary.steps
    assert lines_of(tmp_path, "train")[-1]["lr"] < 0.2 * 1e-2  # a step may take long on a busy machine
    assert checkpoint.listed(tmp_path)[0].name == f"step_{summary.steps:08d}.pt"


def burn(batch):
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass


def wait(batch):
    time.sleep(0.05)


def test_max_cpu_minutes_ends_a_run_by_what_it_used_not_by_how_long_it_took(tmp_path):
    settings = {"steps": 10**6, "max_cpu_minutes": 0.01, "valid_every": 10**6, "checkpoint_every": 10**6}
    summary, _ = train_toy(
        tmp_path / "busy",
        train=settings,
        optim={"schedule_by": "minutes", "schedule": "linear", "warmup_steps": 0},
        loader={"at": dict.fromkeys(range(1000), burn)},
    )
    assert summary.stopped == "cpu_minutes" and 0.6 <= summary.cpu_seconds < 1.5
    assert summary.steps < 13  # of 0.05 s and more
    assert lines_of(tmp_path / "busy", "train")[-1]["lr"] < 0.5 * 1e-2
    assert lines_of(tmp_path / "busy", "event")[-1]["reason"] == "cpu_minutes"
    idle, _ = train_toy(
        tmp_path / "idle",
        train=settings | {"steps": 14},
        loader={"at": dict.fromkeys(range(14), wait)},
    )
    assert idle.stopped == "steps" and idle.cpu_seconds < 0.6 < idle.seconds


def test_cpu_time_goes_on_after_a_resume(tmp_path):
    settings = {"steps": 10**6, "max_cpu_minutes": 0.01, "log_every": 1}
    slow = dict.fromkeys(range(1000), burn)
    first, _ = train_toy(tmp_path, train=settings, loader={"at": slow | {5: signal_self(signal.SIGTERM)}})
    assert first.stopped == "signal" and 0.25 <= first.cpu_seconds < 0.6
    saved = checkpoint.read(checkpoint.listed(tmp_path)[0])["state"]["cpu_seconds"]
    assert saved >= first.cpu_seconds  # the last step and what followed it count too
    second, _ = train_toy(tmp_path, train=settings, loader={"at": slow}, resume=True)
    assert second.stopped == "cpu_minutes" and 0.6 <= second.cpu_seconds < 1.5 and second.steps < 13
    used = [line["cpu_seconds"] for line in lines_of(tmp_path, "train")]
    assert used == sorted(used) and len(used) == second.steps
    facts = json.loads((tmp_path / "model" / "config.json").read_text())
    assert facts["cpu_seconds"] >= 0.6


def test_evaluators_run_when_due_in_eval_mode_and_may_fail(tmp_path):
    seen = []

    def good(representation, step):
        seen.append((step, representation.training, representation.encoder.training))
        return {"abx": step / 100}

    def bad(representation, step):
        raise SonantError("no items")

    summary, toy = train_toy(tmp_path, train={"eval_every": 4}, evaluators=[good, bad])
    assert seen == [(4, False, False), (8, False, False), (12, False, False)]
    assert [line["abx"] for line in lines_of(tmp_path, "eval")] == [0.04, 0.08, 0.12]
    assert sum(line["event"] == "evaluation failed" for line in lines_of(tmp_path, "event")) == 3
    assert toy.training and summary.steps == 12


def nan_wave(batch):
    wave_BL = batch.wave_BL.clone()
    wave_BL[0] = float("nan")
    return replace(batch, wave_BL=wave_BL)


def test_a_loss_that_is_not_finite_names_its_batch_and_stops(tmp_path):
    with pytest.raises(SonantError) as caught:
        train_toy(tmp_path, train={"accumulate": 2, "steps": 20}, loader={"at": {21: nan_wave}})
    message = str(caught.value)
    assert "step 10: the loss is not finite; batch: utterance-21-0, utterance-21-1" in message
    assert "utterance-20" not in message and "usual causes" in message and "lr 0.00" in message
    assert checkpoint.listed(tmp_path)[0].name == "step_00000008.pt"
    assert lines_of(tmp_path, "event")[-1]["event"] == "not finite"
    for path in checkpoint.listed(tmp_path):
        assert all(torch.isfinite(value).all() for value in checkpoint.read(path)["method"].values())


def test_steps_that_are_not_finite_can_be_left_out_up_to_a_limit(tmp_path):
    broken = {"at": {3: nan_wave, 6: nan_wave}}
    summary, toy = train_toy(tmp_path / "some", train={"on_nan": "skip"}, loader=broken)
    assert summary.steps == 12 and all(torch.isfinite(value).all() for value in weights(toy).values())
    assert all(line["loss"] is not None for line in lines_of(tmp_path / "some", "train"))
    with pytest.raises(SonantError, match="step 6"):
        train_toy(tmp_path / "few", train={"on_nan": "skip", "max_skipped": 1}, loader=broken)


def test_collapse_is_told(tmp_path):
    train_toy(tmp_path / "well")
    assert not [line for line in lines_of(tmp_path / "well", "event") if line["event"] == "collapse"]

    def silence(batch):
        return replace(batch, wave_BL=torch.ones_like(batch.wave_BL))

    from training_toy import ToyLoader

    ToyLoader.batch, real = lambda self, step: silence(real(self, step)), ToyLoader.batch
    try:
        train_toy(tmp_path / "flat")
    finally:
        ToyLoader.batch = real
    told = [line["message"] for line in lines_of(tmp_path / "flat", "event") if line["event"] == "collapse"]
    assert told and "frames of z are nearly all equal" in told[0] and "step 5" in told[0]


def test_a_loader_whose_workers_died_of_the_same_signal_is_no_error(tmp_path):
    def die(_batch):
        raise RuntimeError("DataLoader worker (pid 1) is killed by signal: Terminated")

    def die_of_a_signal(_batch):
        os.kill(os.getpid(), signal.SIGTERM)
        die(_batch)

    summary, _ = train_toy(tmp_path / "signal", loader={"at": {6: die_of_a_signal}})
    assert (summary.stopped, summary.steps) == ("signal", 6)
    assert checkpoint.listed(tmp_path / "signal")[0].name == "step_00000006.pt"
    with pytest.raises(RuntimeError, match="killed by signal"):
        train_toy(tmp_path / "other", loader={"at": {6: die}})


def test_clipping_bounds_the_step(tmp_path):
    """One sgd step of lr 1 without momentum moves the weights by the clipped length."""
    one = {"name": "sgd", "lr": 1.0, "momentum": 0.0, "clip_norm": 1e-3, "schedule": "constant", "warmup_steps": 0}
    before = train_toy(tmp_path / "none", train={"steps": 1}, optim={**one, "lr": 1e-30})[1]
    after = train_toy(tmp_path / "clipped", train={"steps": 1, "log_every": 1}, optim=one)[1]
    moved = torch.cat([(a - b).flatten() for a, b in zip(after.parameters(), before.parameters(), strict=True)])
    assert float(moved.detach().norm()) == pytest.approx(1e-3, rel=1e-3)
    assert lines_of(tmp_path / "clipped", "train")[0]["grad_norm"] > 1e-2


def test_fp16_trains_and_survives_an_overflow(tmp_path):
    train = {"precision": "fp16", "log_every": 1}
    summary, toy = train_toy(tmp_path, train=train)
    assert all(torch.isfinite(value).all() for value in weights(toy).values()) and summary.steps == 12
    assert {"loss_scale"} <= lines_of(tmp_path, "train")[0].keys()


def test_the_averaged_weights_are_validated_and_kept(tmp_path):
    _, toy = train_toy(tmp_path, train={"ema_decay": 0.999})
    saved = checkpoint.read(checkpoint.listed(tmp_path)[0])
    assert not equal(saved["average"], saved["method"]) and equal(saved["method"], weights(toy))
    model = torch.load(tmp_path / "model" / "model.pt", weights_only=True)
    if json.loads((tmp_path / "model" / "config.json").read_text())["steps"] == 12:
        assert torch.equal(model["encoder.linear.weight"], saved["average"]["encoder.linear.weight"])
    assert not torch.equal(model["encoder.linear.weight"], saved["method"]["encoder.linear.weight"])


def test_a_full_disk_is_one_line_and_the_old_checkpoint_stays(tmp_path):
    """The process may write files of at most 3 kB from step 6 on, as on a disk without room."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(_batch):
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))

    try:
        with pytest.raises(WriteFailed) as caught:
            train_toy(tmp_path, loader={"at": {6: fill}}, valid=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "cannot write" in str(caught.value) and "--resume" in str(caught.value) and "\n" not in str(caught.value)
    assert [path.name for path in checkpoint.listed(tmp_path)] == ["step_00000004.pt"]
    assert train_toy(tmp_path, resume=True, valid=False)[0].steps == 12
    assert not list(tmp_path.rglob("*.part"))
