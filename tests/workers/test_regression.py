"""Regression workers: PASE's numbers with several frames a prediction, sizes, padding, statistics, sharing."""

from __future__ import annotations

import pytest
import torch
from worker_parts import GEOMETRY, WAVE, FrameGeometry, Oracle, frames, seen, waves, worker

from sonant import build
from sonant.core import FrameModule, Frames, SonantError
from sonant.workers._regression import Regression, RegressionConfig

SMALL = {
    "lps": {"n_fft": 512},
    "fbank": {"n_mels": 6},
    "gammatone": {"n_filters": 4},
    "mfcc": {"n_cepstra": 5},
    "prosody": {},
}


class Given(FrameModule):
    """Features that are given."""

    def __init__(self, target: torch.Tensor):
        super().__init__()
        self.found = frames(target)
        self.geometry, self.dim = GEOMETRY, target.shape[2]

    def forward(self, wave: Frames) -> Frames:
        return self.found


def test_seven_frames_a_prediction_are_those_of_pase(oracle_dir):
    oracle = Oracle(oracle_dir / "pase" / "losses.npz")
    (chunk,) = oracle.embeddings("emb_chunk")
    features = Given(oracle["regr_r7/target"].transpose(1, 2))
    cfg = RegressionConfig(hidden=16, stack=7, normalise=False)
    made = Regression(cfg, features=features, geometry=GEOMETRY, in_dim=12)
    made.head.load_state_dict(oracle.head("regr_r7"))
    prediction = made.predict(frames(chunk)).transpose(1, 2)
    torch.testing.assert_close(prediction, oracle["regr_r7/pred"], atol=1e-5, rtol=1e-5)
    out = made.loss(seen(frames(chunk)))
    torch.testing.assert_close(out.total, oracle["regr_r7/loss"], atol=1e-6, rtol=1e-5)
    plain = (prediction - oracle["regr_r7/target_contextualised"]).square().mean()
    torch.testing.assert_close(out.total, plain, atol=1e-6, rtol=1e-5)
    (grad,) = torch.autograd.grad(out.total, chunk)
    torch.testing.assert_close(grad.transpose(1, 2), oracle["regr_r7/grad_emb_chunk"], atol=1e-8, rtol=1e-4)


@pytest.mark.parametrize("kind", ["mfcc", "prosody", "lps"])
def test_losses_are_those_of_the_recipe(oracle_dir, kind):
    """On the recipe's own labels; that ours are these, the tests of the features show."""
    oracle = Oracle(oracle_dir / "pase" / "seed_recipe.npz")
    made = Regression(
        RegressionConfig(hidden=16, normalise=False),
        features=Given(oracle[f"label_{kind}"]),
        geometry=GEOMETRY,
        in_dim=20,
    )
    made.head.load_state_dict(oracle.head(kind))
    anchor = frames(oracle["emb_6xTxD"][:2])
    torch.testing.assert_close(made.predict(anchor), oracle[f"{kind}/pred"], atol=1e-5, rtol=1e-5)
    loss = made.loss(seen(anchor)).total
    torch.testing.assert_close(loss, oracle[f"{kind}/loss"], atol=1e-5, rtol=1e-5)


def test_the_recipes_settings_make_its_labels(oracle_dir):
    oracle = Oracle(oracle_dir / "pase" / "seed_recipe.npz")
    run = build.resolve("pase-recipe")
    method = build.method_of(run)
    for name, tolerance in (("lps", 1e-3), ("mfcc", 1e-2), ("prosody", 1e-3)):
        made = method.workers[name]
        target = made.target(waves(oracle["sig"]), size=100)
        assert target.lengths_B.tolist() == [100, 100]
        wrong = (target.x_BTD - oracle[f"label_{name}"]).abs() > tolerance
        assert wrong.float().mean() < (0.01 if name == "prosody" else 1e-6), name


@pytest.mark.parametrize("kind", SMALL)
def test_padding_counts_nothing(kind):
    made, lengths, counts = worker(kind, in_dim=6, hidden=8, stack=3, deltas=2, **SMALL[kind]), [3200, 2500], [20, 15]
    wave, x = torch.randn(2, 3600).cumsum(1) * 0.02, torch.randn(2, 20, 6)
    wave[1, 2500:] = 0.7
    made.survey(waves(wave[:, :3200], lengths))
    whole = made.loss(seen(frames(x, counts), waves(wave[:, :3200], lengths))).total
    alone = [
        made.loss(seen(frames(x[b : b + 1, :n]), waves(wave[b : b + 1, :samples]))).total
        for b, (n, samples) in enumerate(zip(counts, lengths, strict=True))
    ]
    torch.testing.assert_close(whole, torch.stack(alone).mean(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", SMALL)
def test_targets_are_normalised_by_what_was_surveyed(kind):
    made, clean = worker(kind, in_dim=6, **SMALL[kind]), waves(torch.randn(4, 16000).cumsum(1) * 0.02)
    raw = made.target(clean, size=100).x_BTD
    assert raw.mean(dim=(0, 1)).abs().max() > 0.01
    made.survey(clean)
    target = made.target(clean, size=100).x_BTD.double()
    moves = raw.double().std(dim=(0, 1)) > 1e-4
    torch.testing.assert_close(target.mean((0, 1)), torch.zeros(made.dim, dtype=torch.float64), atol=1e-3, rtol=0)
    torch.testing.assert_close(target.std(dim=(0, 1))[moves], torch.ones(int(moves.sum())).double(), atol=0.01, rtol=0)


def test_workers_with_the_same_target_compute_it_once():
    a, b, other = (worker("fbank", in_dim=6, n_mels=mels) for mels in (6, 6, 5))
    clean = waves(torch.randn(2, 3200))
    assert a._raw(clean, size=20) is b._raw(clean, size=20)
    assert other._raw(clean, size=20) is not a._raw(clean, size=20)


def test_targets_come_as_often_as_the_frames():
    found = build.module_of("workers", "fbank")
    geometry = FrameGeometry(16000, hop=320, window=400)
    made = found.Worker(found.Config(), source=WAVE, geometry=geometry, in_dim=4)
    assert made.target(waves(torch.randn(2, 6480)), size=20).lengths_B.tolist() == [20, 20]


@pytest.mark.parametrize(
    ("settings", "message"), [({"stack": 2}, "odd"), ({"deltas": 3}, "deltas"), ({"hidden": 0}, "hidden")]
)
def test_bad_settings_are_told(settings, message):
    with pytest.raises(SonantError, match=message):
        worker("fbank", in_dim=4, **settings)


def test_chunks_without_a_frame_are_told():
    made = worker("gammatone", in_dim=4, frame_length=128.0)
    with pytest.raises(SonantError, match="lengthen data.chunk_seconds"):
        made.loss(seen(frames(torch.randn(1, 10, 4)), waves(torch.randn(1, 1600))))
