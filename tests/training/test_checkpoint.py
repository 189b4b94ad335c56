from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn

from sonant.core import SonantError, seed_everything
from sonant.training import checkpoint


def payload(step: int) -> dict:
    return dict.fromkeys(checkpoint.NEEDED) | {"step": step, "config": {"a": 1}, "method": {"w": torch.ones(3)}}


class Code:
    def __reduce__(self):
        return (open, ("/tmp/never", "w"))


def test_the_newest_are_kept_and_read(tmp_path):
    for step in (1, 20, 300):
        checkpoint.save(tmp_path, payload(step), keep=2)
    assert [path.name for path in checkpoint.listed(tmp_path)] == ["step_00000300.pt", "step_00000020.pt"]
    path, broken = checkpoint.latest(tmp_path)
    assert checkpoint.read(path)["step"] == 300 and broken == []


def test_broken_ones_are_skipped_with_a_line_and_all_broken_is_an_error(tmp_path):
    assert checkpoint.latest(tmp_path) == (None, [])
    old, new = (checkpoint.save(tmp_path, payload(step), keep=2) for step in (1, 2))
    new.write_bytes(new.read_bytes()[:-100])
    path, broken = checkpoint.latest(tmp_path)
    assert path == old and len(broken) == 1 and "step_00000002.pt" in broken[0]
    old.write_bytes(b"")
    with pytest.raises(SonantError, match=r"no checkpoint in .* can be read"):
        checkpoint.latest(tmp_path)


def test_every_cut_is_noticed(tmp_path):
    """However many bytes of a checkpoint are there, it reads whole or not at all."""
    path = checkpoint.save(tmp_path, payload(1), keep=1)
    whole = path.read_bytes()
    for size in range(0, len(whole), 61):
        path.write_bytes(whole[:size])
        with pytest.raises(SonantError) as caught:
            checkpoint.read(path)
        assert "\n" not in str(caught.value)


def test_code_in_a_file_is_refused_and_not_run(tmp_path):
    path = tmp_path / "evil.pt"
    torch.save(payload(1) | {"extra": Code()}, path)
    with pytest.raises(SonantError, match="runs no code from files"):
        checkpoint.read(path)
    path.write_text("not a checkpoint")
    with pytest.raises(SonantError, match="no checkpoint, or was cut short"):
        checkpoint.read(path)
    torch.save({"weights": torch.ones(2)}, path)
    with pytest.raises(SonantError, match="sonant import"):
        checkpoint.read(path)
    with pytest.raises(SonantError, match="there is no checkpoint"):
        checkpoint.read(tmp_path / "absent.pt")


def test_foreign_weights_are_refused_by_name(tmp_path):
    module = nn.Linear(3, 2)
    wrong = {"weight": torch.ones(2, 4), "other": torch.ones(1)}
    with pytest.raises(SonantError) as caught:
        checkpoint.load_weights(
            module, wrong, path=tmp_path / "x.pt", saved={"encoder": {"dim": 4}, "train": {"steps": 1}}, config={}
        )
    message = str(caught.value)
    for part in ("bias missing", "other unknown", "weight (2, 4) where (2, 3) belongs", "encoder.dim 4 -> None"):
        assert part in message
    assert "train.steps" not in message and "\n" not in message


def test_differences():
    before, after = {"a": {"b": 1, "c": [1, 2]}, "d": None}, {"a": {"b": 2, "c": (1, 2)}, "e": 3}
    assert checkpoint.differences(before, after) == ["a.b 1 -> 2", "e None -> 3"]


def test_generators_go_on_where_they_were(tmp_path):
    seed_everything(4)
    path = checkpoint.save(tmp_path, payload(1) | {"rng": checkpoint.random_state()}, keep=1)
    drawn = random.random(), float(np.random.rand()), torch.rand(2)
    seed_everything(9)
    checkpoint.restore_random_state(checkpoint.read(path)["rng"])
    again = random.random(), float(np.random.rand()), torch.rand(2)
    assert again[:2] == drawn[:2] and torch.equal(again[2], drawn[2])


def test_sweep_removes_what_a_kill_left(tmp_path):
    (tmp_path / ".step_1.pt.abc.part").write_bytes(b"half")
    (tmp_path / ".model.part").mkdir()
    (tmp_path / "step_1.pt").write_bytes(b"whole")
    checkpoint.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["step_1.pt"]


def test_a_write_that_fails_is_one_line_with_the_reason(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(checkpoint.WriteFailed, match=r"cannot write .*GB free.*--resume") as caught:
        checkpoint.save(tmp_path / "file", payload(1), keep=1)
    assert "\n" not in str(caught.value)
