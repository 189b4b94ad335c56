"""A dialogue in windows says what the whole one says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant import build
from sonant.core import SonantError
from sonant.evaluation.turn_taking.counted import Counted, futures
from sonant.evaluation.turn_taking.whole import dialogue_logits, dialogue_said
from sonant.nn.activity_history import activity_history
from sonant.objectives.projection import Window

FRAMES = 170
MONO = {"channels": 1, "cross_layers": 0, "activity": True, "history": True}


def representation(**dialogue):
    torch.manual_seed(0)
    config = {
        "sample_rate": 16000,
        "encoder": {"name": "cpc_conv", "dim": 8},
        "context": {"name": "lstm", "dim": 8},
        "dialogue": {"heads": 2, "channel_layers": 1, "cross_layers": 1, **dialogue},
    }
    return build.models.representation_of(config).eval()


def talk():
    rng = np.random.default_rng(0)
    activity_TC = np.repeat(rng.random((FRAMES // 10 + 1, 2)) < 0.5, 10, axis=0)[:FRAMES].astype(np.uint8)
    return (0.1 * rng.standard_normal((2, FRAMES * 320 + 100))).astype(np.float32), activity_TC


@pytest.mark.parametrize("dialogue", [{}, MONO], ids=["stereo", "mono"])
def test_with_all_of_the_past_windows_are_the_whole(dialogue):
    model, (wave_CL, activity_TC) = representation(**dialogue), talk()
    wave = wave_CL[0] if dialogue else wave_CL
    told = ()
    if dialogue:
        active_BTC = torch.from_numpy(activity_TC)[None]
        told = (None, active_BTC, activity_history(active_BTC, rate=50))
    with torch.no_grad():
        whole = model.converse(torch.from_numpy(wave), *told).logits[0, :FRAMES]
    pieces = dialogue_logits(model, wave, activity_TC, context=100.0, step=0.7)
    assert pieces.shape == (FRAMES, 256)
    torch.testing.assert_close(pieces, whole, rtol=1e-4, atol=1e-5)
    short = dialogue_logits(model, wave, activity_TC, context=0.5, step=0.7)
    assert short.shape == (FRAMES, 256)
    torch.testing.assert_close(short[:35], whole[:35], rtol=1e-4, atol=1e-5)  # the first window begins with the whole
    assert not torch.allclose(short[-35:], whole[-35:], atol=1e-5)


def test_who_is_active_comes_along():
    model, (wave_CL, activity_TC) = representation(), talk()
    with torch.no_grad():
        whole = model.converse(torch.from_numpy(wave_CL)).activity_logits[0, :FRAMES]
    _, active_TC = dialogue_said(model, wave_CL, activity_TC, context=4.0, step=1.5)
    torch.testing.assert_close(active_TC, whole, rtol=1e-4, atol=1e-5)
    assert dialogue_said(representation(**MONO), wave_CL[0], activity_TC, context=1.0, step=4.0)[1] is None


def test_a_model_that_converses_with_nobody_is_told():
    with pytest.raises(SonantError, match="listens to no dialogues"):
        dialogue_logits(build.load("logmel"), *talk())


def test_counts_are_those_of_futures_after_pasts():
    window, (_, activity_TC) = Window(rate=50, bins_s=(0.04, 0.06)), talk()
    counted = Counted(window)
    counted.add(activity_TC)
    future_T = futures(activity_TC, window)
    assert counted.count_QK.sum() == 2 * len(future_T) == 2 * (FRAMES - 5)
    past_T = counted.pasts(activity_TC)
    mirrored_T = futures(np.concatenate([activity_TC[::-1], np.zeros((5, 2), np.uint8)]), window)[::-1]
    assert np.array_equal(past_T // 4, mirrored_T)
    assert np.array_equal(past_T % 4, activity_TC @ [1, 2])
    place = 50
    after = counted.count_QK[past_T[place]]
    prior_K = np.exp(counted.log_prior_K)
    wanted = (after + 20.0 * prior_K) / (after.sum() + 20.0)
    np.testing.assert_allclose(counted.logits(activity_TC)[place].exp(), wanted, rtol=1e-5)
    assert prior_K.sum() == pytest.approx(1)
    flipped = counted.logits(activity_TC[:, ::-1]).exp()
    swapped_K = [((k >> 2) | ((k & 3) << 2)) for k in range(16)]
    torch.testing.assert_close(flipped[:, swapped_K], counted.logits(activity_TC).exp())
    counted.add(activity_TC, sign=-1)
    assert not counted.count_QK.any()
    with pytest.raises(SonantError, match="--train"):
        counted.logits(activity_TC)


def test_a_past_that_tells_the_future_is_used():
    window = Window(rate=50)
    activity_TC = np.zeros((4000, 2), dtype=np.uint8)
    activity_TC[:, 0] = np.arange(4000) // 100 % 2
    activity_TC[:, 1] = 1 - activity_TC[:, 0]
    counted = Counted(window)
    counted.add(activity_TC)
    future_T = futures(activity_TC, window)
    log_p_T = counted.logits(activity_TC)[: len(future_T)].numpy()[np.arange(len(future_T)), future_T]
    assert -log_p_T[200:].mean() < 0.6 < -counted.log_prior_K[future_T].mean()
