"""One decision per utterance: speakers, languages, keywords, emotions, intents."""

from __future__ import annotations

import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.data.manifest import Manifest
from sonant.evaluation.probes import emotion, intent, keyword, language, speaker
from sonant.evaluation.probes._classes import FlatClasses, PooledClasses, read_label_table
from sonant.evaluation.probes._task import Example


def table(manifests: list[Manifest], path, columns, values) -> str:
    lines = ["\t".join(["key", *columns])]
    lines += ["\t".join([u.id, *values(u)]) for manifest in manifests for u in manifest]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_speakers_and_languages_of_the_manifest(loud, logmel, train, test):
    found = speaker.Task(speaker.Config(steps=60, eval_every=20, lr=1e-2)).run(loud, train, test)
    assert found.figures["accuracy"] > 0.8
    assert found.counts["chance"] == pytest.approx(1 / 6)
    assert found.counts["classes"] == 6
    found = language.Task(language.Config(steps=2)).run(logmel, train, test)
    assert found.counts["classes"] == 2


def test_pooled_frames():
    torch.manual_seed(0)
    x = [torch.randn(n, 4) for n in (9, 5)]
    padded = torch.nn.utils.rnn.pad_sequence(x, batch_first=True)
    frames = Frames(padded, torch.tensor([9, 5]), FrameGeometry(16000, 160))
    for pool, size in (("mean", 4), ("statistics", 8)):
        head = PooledClasses(4, 3, pool=pool)
        both = [torch.cat([one.mean(0), one.std(0, unbiased=False)])[:size] for one in x]
        torch.testing.assert_close(head(frames), head.linear(torch.stack(both)))


def test_pieces_laid_flat():
    """Alone as in a batch; several pieces are averaged, the rest of 2 frames is not heard, a short one is padded."""
    torch.manual_seed(0)
    head = FlatClasses(4, 6, 3, frames=4).eval()
    x = [torch.randn(n, 4) for n in (10, 3)]
    padded = torch.nn.utils.rnn.pad_sequence(x, batch_first=True)
    found = head(Frames(padded, torch.tensor([10, 3]), FrameGeometry(16000, 160)))
    hidden = [torch.nn.functional.leaky_relu(head.first(one)) / (1 + head.norm.eps) ** 0.5 for one in x]
    long = (head.last(hidden[0][:4].flatten()) + head.last(hidden[0][4:8].flatten())) / 2
    short = head.last(torch.cat([hidden[1], torch.zeros(1, 6)]).flatten())
    torch.testing.assert_close(found, torch.stack([long, short]))


def test_speakers_by_pieces_laid_flat(loud, train, test):
    settings = {"steps": 40, "eval_every": 20, "lr": 1e-2, "pool": "flatten", "project": 8}
    found = speaker.Task(speaker.Config(**settings, crop_seconds=0.4)).run(loud, train, test)
    assert found.figures["accuracy"] > 0.5
    with pytest.raises(SonantError, match="give it: --crop-seconds"):
        speaker.Task(speaker.Config(**settings, crop_seconds=None)).run(loud, train, test)


def test_keywords_are_transcripts(train):
    labels = {keyword.Task(keyword.Config()).label(u) for u in train}
    assert labels == {(u.text,) for u in train}


def test_emotions_come_from_a_table(logmel, train, test, tmp_path):
    path = table([train, test], tmp_path / "e.tsv", ["label"], lambda u: ["calm" if "b" in u.text[:3] else "glad"])
    found = emotion.Task(emotion.Config(steps=2, labels=path)).run(logmel, train, test)
    assert found.counts["classes"] == 2
    with pytest.raises(SonantError, match="--labels TSV"):
        emotion.Task(emotion.Config()).run(logmel, train, test)


def test_an_intent_has_slots_which_must_all_be_right(logmel, train, test, tmp_path):
    path = table([train, test], tmp_path / "i.tsv", ["who", "first"], lambda u: [u.language, u.text[0]])
    task = intent.Task(intent.Config(steps=2, labels=path))
    found = task.run(logmel, train, test)
    assert found.counts["classes"] == [2, 4]
    examples = [Example(None, ("odd", "a")), Example(None, ("odd", "a")), Example(None, ("even", "b"))]
    decisions = [("odd", "a"), ("even", "a"), ("even", "b")]
    assert task.score(decisions, examples) == pytest.approx({"accuracy": 2 / 3, "balanced_accuracy": 0.75})
    assert task.chance(examples) == pytest.approx(2 / 3)


def test_unknown_and_single_labels_are_told(logmel, train, test, tmp_path):
    path = table([train, test], tmp_path / "u.tsv", ["label"], lambda u: [u.speaker + u.id[:2]])
    with pytest.raises(SonantError, match="no label of the test utterances occurs in training"):
        emotion.Task(emotion.Config(steps=1, labels=path)).run(logmel, train, test)
    path = table([train, test], tmp_path / "o.tsv", ["label"], lambda u: ["same"])
    with pytest.raises(SonantError, match="the same label"):
        emotion.Task(emotion.Config(steps=1, labels=path)).run(logmel, train, test)


def test_broken_tables_are_told(tmp_path):
    path = tmp_path / "labels.tsv"
    for text, said in [
        ("key\tlabel\na\tx\na\ty\n", "comes twice"),
        ("key\tlabel\na\t\n", "missing"),
        ("key\na\n", "missing"),
        ("id\tlabel\na\tx\n", "no column 'key'"),
        ("key\tlabel\n", "no label"),
    ]:
        path.write_text(text)
        with pytest.raises(SonantError, match=said):
            read_label_table(path)
