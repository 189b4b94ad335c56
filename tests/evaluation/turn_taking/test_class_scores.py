"""Guesses of classes against slow counting, and holds and shifts by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant.evaluation.turn_taking.class_scores import ClassScores, turns_of_silence
from sonant.objectives.projection import Window, class_of_bins, first_speaker_of_class, projection_bins


def test_silences_between_solo_speech():
    a = [0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0]
    b = [0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0]
    last_T, next_T = turns_of_silence(np.array([a, b]).T)
    assert last_T.tolist() == [-1, -1, 0, 0, -1, -1, 0, -1, -1, -1, -1, -1]
    assert next_T.tolist() == [-1, -1, 0, 0, -1, -1, 1, -1, -1, -1, -1, -1]


def test_equals_counting():
    rng, window = np.random.default_rng(0), Window(rate=50)
    scores, slow = ClassScores(50), {"top": [], "quiet": [], "hold": [], "shift": []}
    speaker_K = first_speaker_of_class(4).tolist()
    for _ in range(3):
        runs_NC = rng.random((60, 2)) < 0.45
        activity_TC = runs_NC.repeat(10, axis=0).astype(np.uint8)
        class_T = class_of_bins(projection_bins(torch.from_numpy(activity_TC), window))
        logits_TK = torch.randn(len(activity_TC), 256)
        logits_TK[torch.arange(len(class_T)), class_T] += 2.5
        scores.add(logits_TK, class_T, activity_TC)
        for t in range(50, len(class_T)):
            place = int((logits_TK[t] > logits_TK[t, class_T[t]]).sum())
            slow["top"].append(place)
            if activity_TC[t].any():
                continue
            slow["quiet"].append(place)
            before = next((x for x in activity_TC[t::-1].tolist() if any(x)), [1, 1])
            after = next((x for x in activity_TC[t:].tolist() if any(x)), [1, 1])
            if sum(before) == sum(after) == 1:
                said = speaker_K[int(logits_TK[t].argmax())]
                slow["hold" if before == after else "shift"].append(said == after.index(1))
    found = scores.figures()
    for g in range(1, 6):
        assert found[f"top_{g}"] == pytest.approx(np.mean(np.array(slow["top"]) < g), abs=1e-6)
        assert found[f"top_{g}_in_silence"] == pytest.approx(np.mean(np.array(slow["quiet"]) < g), abs=1e-6)
    for kind in ("hold", "shift"):
        assert len(slow[kind]) > 20 and found[f"{kind}_accuracy"] == pytest.approx(np.mean(slow[kind]))
    assert 0 < found["f1"] < 1
    assert ClassScores(50).figures() == {}
