"""Frame-level phones: labels by centre time, scores, and a probe that learns."""

from __future__ import annotations

import numpy as np
import pytest

from sonant.core import FrameGeometry, SonantError
from sonant.evaluation.probes import phone as probe
from sonant.evaluation.probes.phone import Config, Task, frame_labels


def test_labels_by_centre_time():
    geometry = FrameGeometry(16000, hop=160, window=400, offset=-120)  # centres at 5 ms, 15 ms, ...
    segments = [(7, 0.02, 0.05), (9, 0.05, 0.08)]
    assert frame_labels(segments, 10, geometry).tolist() == [-1, -1, 7, 7, 7, 9, 9, 9, -1, -1]
    assert frame_labels(segments, 4, geometry).tolist() == [-1, -1, 7, 7]
    assert frame_labels(segments, 10, geometry, margin=0.006).tolist() == [-1, -1, -1, 7, -1, -1, 9, -1, -1, -1]


def test_learns_and_tells_what_it_used(logmel, train, test):
    task = Task(Config(steps=80, eval_every=20, lr=1e-2))
    found = task.run(logmel, train, test)
    assert found.figures["accuracy"] > 0.9
    assert found.figures["balanced_accuracy"] > 0.9
    assert 0.2 < found.counts["chance"] < 0.5
    assert found.counts["classes"] == 4
    assert found.counts["train_utterances"] + found.counts["held_out_utterances"] == len(train)
    assert found.counts["test_utterances"] == len(test)
    assert found.layers == {"z": 1.0}
    assert found.chosen["accuracy"] > 0.9


def test_accuracy_is_that_of_its_definition(logmel, train, test):
    task = Task(Config())
    task.learn([task.label(u) for u in train])
    task.head(80, logmel.geometry)
    from sonant.evaluation.probes._task import Example

    examples = [Example(u, task.label(u)) for u in list(test)[:3]]
    rng = np.random.default_rng(0)
    said = [rng.integers(0, 4, 40) for _ in examples]
    right: dict[str, list[bool]] = {}
    for decided, example in zip(said, examples, strict=True):
        for frame, number in enumerate(decided):
            time = logmel.geometry.time_of(frame)
            for phone, onset, offset in example.label:
                if onset <= time < offset:
                    right.setdefault(phone, []).append("abcd"[number] == phone)
    import torch

    found = task.score([torch.from_numpy(one) for one in said], examples)
    assert found["accuracy"] == pytest.approx(np.mean([hit for hits in right.values() for hit in hits]))
    assert found["balanced_accuracy"] == pytest.approx(np.mean([np.mean(hits) for hits in right.values()]))


def test_targets_are_found_once(logmel, train, monkeypatch):
    task, calls = Task(Config()), []
    labels = [task.label(u) for u in train][:2]
    task.learn(labels)
    task.head(80, logmel.geometry)
    monkeypatch.setattr(probe, "frame_labels", lambda *a, **k: calls.append(1) or frame_labels(*a, **k))
    first = task._target(labels[0], 30)
    assert (task._target(labels[0], 30) == first).all() and len(calls) == 1
    assert task._target(labels[0], 20).tolist() == first[:20].tolist()  # another length is another question
    assert task._target(labels[1], 20).tolist() != first[:20].tolist() or labels[0] == labels[1]


def test_the_same_seed_gives_the_same_figures(logmel, train, test):
    runs = [Task(Config(steps=5, hold_out=0.0)).run(logmel, train, test, seed=seed).figures for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


def test_a_manifest_without_phones_is_refused(logmel, train, test, tmp_path):
    from dataclasses import replace

    from sonant.data.manifest import ManifestWriter

    with ManifestWriter(tmp_path / "bare") as writer:
        for u in test:
            writer.add(replace(u, phones=None))
        bare = writer.finish()
    with pytest.raises(SonantError, match="needs times of phones"):
        Task(Config(steps=1)).run(logmel, train, bare)
