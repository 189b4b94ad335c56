"""CTC heads: reading the best path, padding, and probes that learn."""

from __future__ import annotations

import pytest
import torch

from sonant.core import FrameGeometry, Frames
from sonant.evaluation.probes import asr, phone_ctc
from sonant.evaluation.probes._ctc import stacked

GEOMETRY = FrameGeometry(16000, 160, 400)


def test_the_best_path_loses_repetitions_and_blanks():
    task = phone_ctc.Task(phone_ctc.Config())
    task.symbols = ["a", "b"]
    assert task.read([0, 1, 1, 0, 1, 2, 2, 0, 0]) == ["a", "a", "b"]
    assert task.read([2, 2]) == ["b"]
    assert task.read([]) == []


def test_stacking_keeps_places_and_lengths():
    x = torch.arange(2 * 7 * 3.0).reshape(2, 7, 3)
    found = stacked(Frames(x, torch.tensor([7, 5]), GEOMETRY), 2)
    assert found.x_BTD.shape == (2, 3, 6)
    assert found.lengths_B.tolist() == [3, 2]
    torch.testing.assert_close(found.x_BTD[0, 1], x[0, 2:4].flatten())
    assert not found.x_BTD[1, 2:].any()
    assert found.geometry.rate == 50
    assert phone_ctc.Config().stack(100.0) == 2
    assert phone_ctc.Config().stack(50.0) == 1
    assert phone_ctc.Config(frame_rate=None).stack(100.0) == 1


def test_padding_changes_nothing():
    torch.manual_seed(0)
    x = [torch.randn(n, 6) for n in (40, 31, 2, 1)]
    lengths_B = torch.tensor([len(one) for one in x])
    padded = torch.nn.utils.rnn.pad_sequence(x, batch_first=True)
    for task in (phone_ctc.Task(phone_ctc.Config(project=5)), asr.Task(asr.Config(project=5, hidden=4))):
        task.symbols = ["a", "b"]
        head = task.head(6, GEOMETRY).eval()
        together = head(Frames(padded, lengths_B, GEOMETRY)).unpad()
        for one, found in zip(x, together, strict=True):
            alone = head(Frames(one[None], torch.tensor([len(one)]), GEOMETRY)).unpad()[0]
            torch.testing.assert_close(alone, found, atol=1e-5, rtol=1e-5)


def test_masks_hide_while_training_only():
    torch.manual_seed(0)
    reader = asr.Reader(asr.Config(project=0), in_dim=40, outputs=3, rate=100.0)
    frames = Frames(torch.ones(3, 200, 40), torch.tensor([200, 100, 3]), GEOMETRY).masked()
    hidden = reader._hidden(frames).x_BTD
    share = 1 - hidden.sum().item() / frames.x_BTD.sum().item()
    assert 0.02 < share < 0.5
    columns = (hidden[0] == 0).all(0).sum().item()
    assert columns <= 4 * 2


def test_the_loss_of_a_transcript_is_the_sum_over_its_paths():
    task = phone_ctc.Task(phone_ctc.Config())
    task.symbols = ["a", "b"]
    torch.manual_seed(0)
    logits = torch.randn(1, 3, 3)
    p = logits.softmax(-1)[0]
    paths = [(0, 1, 2), (1, 0, 2), (1, 2, 0), (1, 1, 2), (1, 2, 2)]  # all that read "ab"
    likelihood = sum(p[0, i] * p[1, j] * p[2, k] for i, j, k in paths)
    loss = task.loss(Frames(logits, torch.tensor([3]), GEOMETRY), [["a", "b"]])
    torch.testing.assert_close(loss, -likelihood.log() / 2)


def test_phones_are_learnt(logmel, train, test):
    found = phone_ctc.Task(phone_ctc.Config(steps=120, eval_every=40, project=32)).run(logmel, train, test)
    assert found.figures["per"] < 0.3
    assert found.counts["classes"] == 4


def test_characters_are_learnt(logmel, train, test):
    cfg = asr.Config(steps=60, eval_every=30, project=16, hidden=24, layers=1, lr=1e-2, channel_masks=0, time_masks=0)
    found = asr.Task(cfg).run(logmel, train, test)
    assert found.figures["cer"] < 0.5
    assert found.counts["classes"] == 5  # four letters and the space
    assert asr.Task(cfg).label(next(iter(test))).count("  ") == 0


def test_rates_of_words_and_characters():
    from sonant.evaluation.probes._task import Example

    examples = [Example(None, "ab cd"), Example(None, "e")]
    found = asr.Task(asr.Config()).score([list("ab cx"), list("e")], examples)
    assert found == pytest.approx({"wer": 1 / 3, "cer": 1 / 6})
