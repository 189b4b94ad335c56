"""Layers of an encoder, made anew or kept in memory."""

from __future__ import annotations

import pytest
import torch

from sonant.core import Representation, SonantError
from sonant.evaluation.encode import read_utterance
from sonant.evaluation.probes import _features
from sonant.evaluation.probes._batches import LengthBatches
from sonant.evaluation.probes._features import Cached, Live, choose_layers
from sonant.nn.pooling import Embedding, EmbeddingConfig


def test_which_layers(small, logmel):
    assert choose_layers(small) == ("z", "layer_1", "c")
    assert choose_layers(small, "c, z") == ("c", "z")
    assert choose_layers(logmel) == ("z",)  # c is the same frames by another name
    with pytest.raises(SonantError, match="Did you mean 'layer_1'"):
        choose_layers(small, "layer_2")


def test_kept_frames_are_those_made_anew_and_of_one_alone(small, test):
    utterances = list(test)
    live = Live(small, choose_layers(small))
    live.standardise(utterances)
    cached = Cached(live, utterances)
    some = utterances[2:5]
    for a, b in zip(live.batch(some), cached.batch(some), strict=True):
        assert a.lengths_B.tolist() == b.lengths_B.tolist()
        torch.testing.assert_close(a.x_BTD, b.x_BTD, atol=1e-5, rtol=1e-4)
        assert a.geometry == b.geometry
    for number, u in enumerate(some):
        (alone, *_), (together, *_) = live.batch([u]), live.batch(some)
        torch.testing.assert_close(alone.unpad()[0], together.unpad()[number], atol=1e-5, rtol=1e-4)
    assert live.bytes_of(utterances) == sum(x.numel() * 4 for kept in cached.kept.values() for x in kept)


def test_standardised_dimensions_have_mean_0_and_variance_1(logmel, test):
    utterances = list(test)
    live = Live(logmel, ["z"])
    live.standardise(utterances)
    x_ND = torch.cat([live.batch([u])[0].x_BTD[0] for u in utterances])
    torch.testing.assert_close(x_ND.mean(0), torch.zeros(80), atol=1e-4, rtol=0)
    torch.testing.assert_close(x_ND.std(0, unbiased=False), torch.ones(80), atol=1e-3, rtol=0)


def test_kept_frames_are_standardised_as_those_made_anew(small, test):
    utterances, layers = list(test), choose_layers(small)
    live, other = Live(small, layers), Live(small, layers)
    cached = Cached(live, utterances)
    cached.standardise(live, utterances)
    other.standardise(utterances)
    for a, b, c in zip(*(source.batch(utterances[:3]) for source in (cached, live, other)), strict=True):
        torch.testing.assert_close(a.x_BTD, b.x_BTD, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(c.x_BTD, b.x_BTD, atol=1e-4, rtol=1e-3)


def test_crops(small, test):
    utterances, live = list(test)[:3], Live(small, ["c"])
    crop = LengthBatches([1, 1, 1], batch_size=3, seed=0).crop(0)
    for source in (live, Cached(live, utterances)):
        (frames,) = source.batch(utterances, crop, 4800)
        assert frames.lengths_B.tolist() == [30, 30, 30]
        torch.testing.assert_close(frames.x_BTD, live.batch(utterances, crop, 4800)[0].x_BTD, atol=1e-5, rtol=1e-4)
    (heard,) = Live(small, ["c"], trainable=True).batch(utterances, crop, 4800)  # hears no more than the pieces
    assert heard.lengths_B.tolist() == [30, 30, 30]
    (whole,) = live.batch(utterances, crop, 10**6)
    assert whole.lengths_B.tolist() == live.batch(utterances)[0].lengths_B.tolist()


def test_statistics_are_the_same_whether_frames_are_kept_or_not(logmel, test, monkeypatch):
    monkeypatch.setattr(_features, "FOR_STATISTICS", 3)
    utterances, live, other = list(test), Live(logmel, ["z"]), Live(logmel, ["z"])
    Cached(live, utterances).standardise(live, utterances)
    other.standardise(utterances)
    torch.testing.assert_close(live.shift[0], other.shift[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(live.scale[0], other.scale[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("count", [320, 333])
def test_batches_cover_an_epoch_with_like_lengths(count):
    lengths = [float(i % 50) for i in range(count)]
    plan = LengthBatches(lengths, batch_size=10, seed=3)
    epochs = [[plan(step) for step in range(e * plan.steps, (e + 1) * plan.steps)] for e in range(2)]
    for epoch in epochs:
        assert sorted(i for batch in epoch for i in batch) == list(range(count))
        spread = [max(lengths[i] for i in b) - min(lengths[i] for i in b) for b in epoch]
        assert sorted(spread)[-4] < 10  # all but the batches of a last, small pool
    assert [b.tolist() for b in epochs[0]] != [b.tolist() for b in epochs[1]]
    again = LengthBatches(lengths, batch_size=10, seed=3)
    assert again(20).tolist() == plan(20).tolist()  # whatever was asked for before


def test_the_vector_of_an_utterance_is_a_layer_of_one_frame(small, test):
    with pytest.raises(SonantError, match="embedding"):
        choose_layers(small, "embedding")
    whole = Representation(
        encoder=small.encoder,
        context=small.context,
        embedding=Embedding(EmbeddingConfig(pool="statistics"), in_dim=small.dim),
        config=small.config,
    ).eval()
    assert "embedding" not in choose_layers(whole)
    utterances = list(test)[:3]
    live = Live(whole, choose_layers(whole, "embedding"))
    (frames,) = live.batch(utterances)
    assert frames.lengths_B.tolist() == [1, 1, 1]
    for number, u in enumerate(utterances):
        wave_L = torch.from_numpy(read_utterance(u, whole.sample_rate))
        torch.testing.assert_close(frames.x_BTD[number, 0], whole.embed(wave_L)[0].detach(), atol=1e-5, rtol=1e-4)
    (kept,) = Cached(live, utterances).batch(utterances)
    torch.testing.assert_close(kept.x_BTD, frames.x_BTD, atol=1e-5, rtol=1e-4)
