"""Verification of speakers by x-vectors."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sonant.core import SonantError
from sonant.evaluation.probes import speaker_verification
from sonant.evaluation.probes._task import Example
from sonant.evaluation.probes.speaker_verification import Config, Task
from sonant.evaluation.verification import equal_error_rate

SMALL = {"steps": 40, "eval_every": 20, "project": 16, "dim": 16, "pool_dim": 24, "lr": 5e-3, "crop_seconds": 0.6}


def test_learns_to_tell_speakers_apart(loud, train, test):
    found = Task(Config(**SMALL, hold_out=0.0)).run(loud, train, test)
    assert found.figures["eer"] < 0.35
    assert found.counts["classes"] == 6


def test_all_pairs_are_scored_by_their_cosine(test, monkeypatch):
    monkeypatch.setattr(speaker_verification, "TRIALS_AT_ONCE", 7)
    task, rng = Task(Config()), np.random.default_rng(0)
    examples = [Example(u, u.speaker) for u in test]
    vectors = [F.normalize(torch.from_numpy(x), dim=0) for x in rng.standard_normal((len(examples), 4))]
    pairs = list(combinations(range(len(examples)), 2))
    cosine = np.array([float(vectors[a] @ vectors[b]) for a, b in pairs])
    same = np.array([examples[a].label == examples[b].label for a, b in pairs])
    assert task.score(vectors, examples)["eer"] == pytest.approx(equal_error_rate(cosine, same))
    monkeypatch.setattr(speaker_verification, "PAIRED", 5)
    first, second, _ = task._trials(examples)
    assert len(first) == 10 and len({*first.tolist(), *second.tolist()}) == 5


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
        Task(Config(**SMALL, trials=str(trials)))
