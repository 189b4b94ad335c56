"""Verification of speakers by x-vectors."""

from __future__ import annotations

import pytest

from sonant.core import SonantError
from sonant.evaluation.probes.speaker_verification import Config, Task, read_trials

SMALL = {"steps": 40, "eval_every": 20, "project": 16, "dim": 16, "pool_dim": 24, "lr": 5e-3, "crop_seconds": 0.6}


def test_learns_to_tell_speakers_apart(loud, train, test):
    found = Task(Config(**SMALL, hold_out=0.0)).run(loud, train, test)
    assert found.figures["eer"] < 0.35
    assert found.counts["classes"] == 6


def test_trials_of_a_list(logmel, train, test, tmp_path):
    trials = tmp_path / "trials.txt"
    trials.write_text("1 test-s0-0 test-s0-1\n0 folder/test-s0-0.wav test-s1-0.wav\n")
    found = Task(Config(**{**SMALL, "steps": 2}, trials=str(trials))).run(logmel, train, test)
    assert 0 <= found.figures["eer"] <= 1
    assert found.counts["held_out_utterances"] == 6  # one speaker, whose pairs are all of one kind
    assert not found.chosen
    trials.write_text("1 test-s0-0 nobody\n0 test-s0-0 test-s1-0\n")
    with pytest.raises(SonantError, match="'nobody'"):
        Task(Config(**SMALL, trials=str(trials))).run(logmel, train, test)
    trials.write_text("yes a b\n")
    with pytest.raises(SonantError, match="line 1"):
        read_trials(str(trials))
