"""Voice activity projection at every rate and on any body that does not look ahead."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

from sonant import build
from sonant.actions.turn_taking import Settings, turn_taking
from sonant.core import Batch, Method, SonantError
from sonant.data.config import DataConfig, build_loaders
from sonant.data.manifest import ManifestWriter, Utterance

RATE = 16_000
REAL_TIME = {"padding": "none"}  # kernel = stride
RATES = [  # frames a second and the down-sampling from 100
    (100, {"stride": 1}),
    (50, {"stride": 2, "kernel": 5}),
    (50, {"stride": 2, "kernel": 2, **REAL_TIME}),
    (20, {"stride": 5, "kernel": 11}),
    (20, {"stride": 5, "kernel": 5, **REAL_TIME}),
    (10, {"stride": 10, "kernel": 10, **REAL_TIME}),
    (5, {"stride": 20, "kernel": 20, **REAL_TIME}),
]
CPC = {"encoder": {"name": "cpc_conv", "dim": 8}, "context": {"name": "lstm", "dim": 8}}
LOGMEL = {"features": {"name": "logmel", "n_mels": 8, "scale": 16.0}}
BODIES = {
    "cpc": CPC,
    "logmel-gru": {**LOGMEL, "encoder": {"name": "identity"}, "context": {"name": "gru", "dim": 8}},
    "logmel-conv": {
        **LOGMEL,
        "encoder": {"name": "conv_blocks", "dim": 8, "blocks": 1, "causal": True},
        "context": {"name": "causal_conv", "dim": 8, "kernel": 5, "layers": 2},
    },
    "cpc-attention": {
        **CPC,
        "context": {"name": "causal_attention", "dim": 8, "heads": 2, "width": 20, "positions": "alibi"},
    },
}
every_rate = pytest.mark.parametrize(
    ("rate", "down"), RATES, ids=lambda x: str(x) if isinstance(x, int) else f"k{x.get('kernel', 1)}"
)


def method(body: str = "cpc", **dialogue) -> Method:
    torch.manual_seed(0)
    config = {
        **BODIES[body],
        "method": {"name": "vap"},
        "dialogue": {"heads": 2, "dropout": 0.0, "cross_layers": 1, **dialogue},
    }
    return build.method_of(build.resolve(config))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A dialogue of 20 s: turns of 2 to 3 s, 0.4 s between them, of either speaker by chance."""
    root, rng = tmp_path_factory.mktemp("rates"), np.random.default_rng(1)
    activity, now = [[], []], 0.2
    while now < 16:
        length = float(rng.integers(10, 15)) / 5
        activity[int(rng.integers(2))].append((round(now, 2), round(now + length, 2)))
        now += length + 0.4
    wave_LC = 0.001 * rng.standard_normal((20 * RATE, 2))
    for side, stretches in enumerate(activity):
        for onset, offset in stretches:
            wave_LC[int(onset * RATE) : int(offset * RATE), side] *= 100
    soundfile.write(root / "d.flac", wave_LC, RATE)
    with ManifestWriter(root / "m") as writer:
        writer.add(Utterance(id="d", path=str(root / "d.flac"), channel=None, activity=activity))
        writer.finish()
    return root / "m"


def batch_of(corpus, rate: int) -> Batch:
    cfg = DataConfig(
        train=str(corpus), view="dialogue", activity_rate=float(rate), chunk_seconds=4.0, batch_size=2, workers=0,
        valid_fraction=0.0,
    )  # fmt: skip
    return next(iter(build_loaders(cfg, seed=1)[0].batches(0, 1)))


@every_rate
def test_it_trains_and_its_frames_are_those_of_the_activity(corpus, rate, down):
    vap, batch = method(**down), batch_of(corpus, rate)
    assert vap.dialogue.geometry.rate == rate
    assert vap.window.bin_frames == tuple(rate * tenths // 10 for tenths in (2, 4, 6, 8))
    assert batch.extras["activity_BTC"].shape == (2, 4 * rate + 2 * rate, 2)
    out = vap.representation().converse(batch.wave_BL)
    assert out.logits.shape == (2, 4 * rate, 256) and out.lengths_B.tolist() == [4 * rate] * 2
    optimiser = torch.optim.Adam(vap.parameters(), 1e-3)
    losses = []
    for _ in range(2):
        losses.append(vap(batch))
        optimiser.zero_grad()
        losses[-1].total.backward()
        assert all(p.grad.abs().sum() > 0 for p in vap.parameters())
        optimiser.step()
    assert losses[0].total.item() == pytest.approx(vap.chance(), rel=0.05)
    assert losses[-1].total < losses[0].total
    assert float(losses[0].count) == (batch.extras["known_B"] - 2 * rate).clamp(max=4 * rate).sum()


@every_rate
def test_it_is_scored(corpus, rate, down):
    lines = turn_taking(
        method(**down).representation().eval(),
        dialogues=corpus,
        train=[corpus],
        settings=Settings(sets=("2023",), context=3.0, step=5.0),
        name="mine",
    )
    nats = [line.figure["cross_entropy"] for line in lines if line.model == "mine" and line.task == "projection"]
    assert nats == [pytest.approx(np.log(256), rel=0.05)]
    told = [line for line in lines if line.model == "mine" and line.settings.get("task") == "shift_hold"]
    assert len(told) == 1 and told[0].extra["samples"] > 0


@pytest.mark.parametrize(
    ("body", "down"),
    [("cpc", down) for _, down in RATES]
    + [(body, down) for body in BODIES if body != "cpc" for down in (RATES[1][1], RATES[5][1])],
    ids=lambda x: x if isinstance(x, str) else f"s{x['stride']}-k{x.get('kernel', 1)}",
)
def test_the_future_changes_nothing(body, down):
    """No frame whose window ends before a sample knows what that sample is; the next one does."""
    model = method(body, **down).representation().eval().double()
    place, generator = model.dialogue.geometry, torch.Generator().manual_seed(0)
    waves_CL = 0.1 * torch.randn(2, 4 * RATE, generator=generator, dtype=torch.float64)
    changed = 2 * RATE + 77
    other_CL = waves_CL.clone()
    other_CL[1, changed:] = 0.1 * torch.randn(2 * RATE - 77, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        one, two = model.converse(waves_CL), model.converse(other_CL)
    before = (changed - place.offset - place.window) // place.hop + 1  # frames that end at or before the change
    assert before > 4
    assert abs(place.time_of(before) - place.window / 2 / RATE - changed / RATE) <= place.window / RATE
    for name in ("logits", "activity_logits"):
        a, b = getattr(one, name)[0], getattr(two, name)[0]
        torch.testing.assert_close(a[:before], b[:before], rtol=0, atol=1e-12)
        assert ((a - b)[before + 1 :].abs().amax(-1) > 1e-9).any()


@pytest.mark.parametrize(
    "ahead",
    [
        {"context": {"name": "both_ways", "dim": 8}},
        {"context": {"name": "self_attention", "dim": 8, "heads": 2}},
        {"features": {"name": "logmel", "cmvn": "utterance"}, "encoder": {"name": "identity"}},
        {**LOGMEL, "encoder": {"name": "conv_blocks", "dim": 8}},
    ],
    ids=lambda x: "-".join(str(v.get("name")) for v in x.values()),
)
@pytest.mark.parametrize("name", ["vap", "scpc_plus"])
def test_who_hears_the_future_is_refused(ahead, name):
    with pytest.raises(SonantError, match="looks ahead"):
        build.method_of(
            build.resolve({**CPC, **ahead, "method": {"name": name}, "dialogue": {"heads": 2, "stride": 1}})
        )
