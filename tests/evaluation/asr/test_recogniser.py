"""Training in two stages, going on after an interruption, and what a folder holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sonant.core import SonantError
from sonant.evaluation.asr.decode import decode, word_error
from sonant.evaluation.asr.fit import Fitting, Progress, Sentence
from sonant.evaluation.asr.recogniser import finished, load_recogniser, train_recogniser
from sonant.evaluation.asr.transcript import transcript

from .conftest import SMALL


class Killed(Exception):
    pass


def train(folder, spelt, cfg=SMALL, *, after: int | None = None, seed: int = 0):
    """Train, as far as ``after`` epochs; returns the recogniser and what was told."""
    source, kept, held, _ = spelt
    told = []

    def tell(line):
        told.append(line)

    def stop(line):
        if len(told) == after:
            raise Killed
        told.append(line)

    teller = tell if after is None else stop
    found = train_recogniser(folder, cfg, source=source, train=kept, held=held, seed=seed, facts={}, tell=teller)
    return found, told


@pytest.fixture(scope="module")
def whole(spelt, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return (folder, *train(folder, spelt))


def test_it_learns_to_spell(spelt, tmp_path):
    source, _, _, test = spelt
    found, told = train(tmp_path, spelt, replace(SMALL, epochs=12, layers=1, time_warp=0))
    heard = decode(found.log_probabilities(source, test), found.units, None)
    assert word_error([transcript(u) for u in test], heard) < 0.1
    assert [line["stage"] for line in told] == sorted(line["stage"] for line in told)


@pytest.mark.parametrize("after", [1, 2])
def test_interrupted_and_gone_on_with_is_the_same(after, spelt, whole, tmp_path):
    with pytest.raises(Killed):
        train(tmp_path, spelt, after=after)
    assert not finished(tmp_path)
    with pytest.raises(SonantError, match="not trained to its end"):
        load_recogniser(tmp_path, device=torch.device("cpu"))
    found, told = train(tmp_path, spelt)
    folder, expected, all_told = whole
    assert told == all_told[-len(told) :] and len(told) < len(all_told)
    assert (folder / "reader.safetensors").read_bytes() == (tmp_path / "reader.safetensors").read_bytes()
    assert found.units.pieces == expected.units.pieces


def test_a_finished_one_is_not_trained_again(spelt, whole):
    folder, expected, _ = whole
    source, _, _, test = spelt
    found, told = train(folder, spelt)
    assert told == []
    assert not (folder / "training.pt").exists()
    one, two = (r.log_probabilities(source, test) for r in (found, expected))
    for a, b, u in zip(one, two, test, strict=True):
        assert a.shape == (len(u.text) * 3, len(found.units) + 1)
        torch.testing.assert_close(torch.from_numpy(a), torch.from_numpy(b))
    assert found.weights == {"x": 1.0}


def test_other_settings_are_refused(spelt, whole):
    with pytest.raises(SonantError, match=r"other settings \(seed 0 -> 1, lr 0.01 -> 0.02\)"):
        train(whole[0], spelt, replace(SMALL, lr=0.02), seed=1)


def test_a_damaged_checkpoint_is_told(spelt, tmp_path):
    with pytest.raises(Killed):
        train(tmp_path, spelt, after=1)
    (tmp_path / "training.pt").write_bytes(b"nothing")
    with pytest.raises(SonantError, match="cannot be gone on with"):
        train(tmp_path, spelt)


def test_a_batch_is_as_alone(spelt, whole):
    source, _, _, test = spelt
    found = whole[1]
    together = found.log_probabilities(source, test)
    for log_TC, u in zip(together, test, strict=True):
        alone = found.log_probabilities(source, [u])[0]
        torch.testing.assert_close(torch.from_numpy(log_TC), torch.from_numpy(alone), atol=1e-5, rtol=1e-5)


def test_the_first_stage_sees_the_shortest(spelt, whole):
    source, kept, _, _ = spelt
    fitting = Fitting(whole[1].reader, SMALL, train=[Sentence(u, ()) for u in kept], held=[], source=source, seed=0)
    first = fitting._sentences()
    assert len(first) == 16
    rest = {u.id for u in kept} - {s.utterance.id for s in first}
    assert max(s.utterance.duration for s in first) <= min(u.duration for u in kept if u.id in rest)
    fitting.cfg = replace(SMALL, short_count=3)
    assert len(fitting._sentences()) == 3


def test_too_few_frames_are_told(spelt, tmp_path):
    with pytest.raises(SonantError, match=r"of 32 utterances have fewer stacked frames \(12.5 a second\) than units"):
        train(tmp_path, spelt, replace(SMALL, stack=8))


def test_patience_counts_after_the_burn_in():
    cfg = replace(SMALL, burn_in=2, threshold=0.1, patience=2)
    p = Progress()
    for epoch, (loss, lowest, waited) in enumerate(
        [(3.0, True, 0), (3.1, False, 0), (2.95, True, 1), (2.5, True, 0), (2.45, True, 1), (2.6, False, 2)], start=1
    ):
        p.epoch = epoch
        assert p.judge(loss, cfg) == lowest
        assert p.waited == waited
    assert (p.best_loss, p.best_epoch) == (2.45, 5)
