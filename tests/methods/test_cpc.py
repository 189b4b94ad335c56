from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from sonant.contexts import gru, identity
from sonant.core import Batch, FrameGeometry, Frames, SonantError
from sonant.encoders import identity as plain
from sonant.methods import cpc
from sonant.objectives.candidates import draw_negatives, pool_of

RANKS = Path(__file__).with_name("cpc_ranks.py")
D, C, K = 6, 5, 3


def made(**settings) -> cpc.Method:
    torch.manual_seed(0)
    encoder = plain.Encoder(plain.Config(), source=FrameGeometry(16000), in_dim=D)
    context = gru.Context(gru.Config(dim=C), source=encoder.geometry, in_dim=D)
    return cpc.Method(cpc.Config(**{"horizons": K, **settings}), encoder=encoder, context=context)


def example(lengths=(9, 7, 2), width=9):
    g = torch.Generator().manual_seed(1)
    geometry, lengths_B = FrameGeometry(16000), torch.tensor(lengths)
    z = Frames(torch.randn(len(lengths), width, D, generator=g), lengths_B, geometry).masked()
    c = Frames(torch.randn(len(lengths), width, C, generator=g), lengths_B, geometry).masked()
    speakers = torch.tensor([1, 1, 2][: len(lengths)])
    return z, c, Batch(torch.zeros(len(lengths), width), lengths_B, 16000, speaker_B=speakers)


def score(method, c_t, z_j, k) -> torch.Tensor:
    pred = method.predict.map.weight.view(-1, D, C)[k] @ c_t
    if method.cfg.score == "cosine":
        pred, z_j = F.normalize(pred, dim=0), F.normalize(z_j, dim=0)
    return pred @ z_j / (D if method.cfg.score == "mean" else 1) / method.cfg.temperature


@pytest.mark.parametrize("share", ["utterance", "speaker", "batch"])
@pytest.mark.parametrize(
    "settings", [{"score": "dot"}, {"score": "cosine", "temperature": 0.2}, {"skip": 1}, {"every": 2}]
)
def test_loss_against_all_frames_is_the_definition(share, settings):
    """Every contrast written out: anchor, horizon, all frames it may be told from."""
    method = made(negatives=None, negatives_from=share, **settings)
    z, c, batch = example()
    allowed = {"utterance": lambda a, b: a == b, "speaker": lambda a, b: batch.speaker_B[a] == batch.speaker_B[b]}
    losses, hits = [], []
    for b, n in enumerate(z.lengths_B.tolist()):
        pool = [
            (a, j)
            for a, m in enumerate(z.lengths_B.tolist())
            if allowed.get(share, lambda a, b: True)(a, b)
            for j in range(m)
        ]
        for t in range(n - K):
            for i, k in enumerate(range(method.cfg.skip + 1, K + 1, method.cfg.every)):
                scores = torch.stack([score(method, c.x_BTD[b, t], z.x_BTD[a, j], i) for a, j in pool])
                right = pool.index((b, t + k))
                losses.append(scores.logsumexp(0) - scores[right])
                hits.append(scores.argmax() == right)
    out = method.contrast(z, c, batch)
    torch.testing.assert_close(out.total, torch.stack(losses).mean())
    torch.testing.assert_close(out.parts["acc"], torch.stack(hits).float().mean())
    assert int(out.count) == len(losses)


@pytest.mark.parametrize("share", ["utterance", "speaker", "batch"])
def test_loss_against_drawn_frames_is_the_definition(share):
    """Every distractor gathered; those that are the right frame itself left out."""
    method = made(negatives=20, negatives_from=share, score="dot")
    z, c, batch = example()
    pool = pool_of(z, share, batch.speaker_B)
    index = draw_negatives(pool, [6, 4, 0], number=20, generators=[batch.generator(b, "negatives") for b in range(3)])
    losses = []
    for b, anchors in enumerate((6, 4, 0)):
        z_PD = pool.z_GPD[b if share == "utterance" else 0]
        for t in range(anchors):
            for k in range(1, K + 1):
                right = int(pool.start_B[b]) + t + k
                others = [j for j in index[b, t].tolist() if j != right]
                scores = torch.stack([score(method, c.x_BTD[b, t], z_PD[j], k - 1) for j in (right, *others)])
                losses.append(scores.logsumexp(0) - scores[0])
    torch.testing.assert_close(method.contrast(z, c, batch).total, torch.stack(losses).mean())


def test_an_offset_takes_frames_out_of_everything():
    """The loss is that of utterances without them; the contexts keep what they heard there."""
    z, c, batch = example()
    whole = made(negatives=None, offset=2, negatives_from="batch").contrast(z, c, batch)
    cut = made(negatives=None, negatives_from="batch").contrast(z.without_first(2), c.without_first(2), batch)
    torch.testing.assert_close(whole.total, cut.total)
    assert int(whole.count) == int(cut.count) == (4 + 2) * K


def test_averaged_frames_are_frames():
    z, c, batch = example(lengths=(9, 7), width=9)
    two = made(negatives=None, frame_average=2, horizons=2).contrast(z, c, batch)
    z_two = torch.stack([z.x_BTD[:, t : t + 2].mean(1) for t in (0, 2, 4, 6)], dim=1)
    c_two = torch.stack([c.x_BTD[:, t : t + 2].mean(1) for t in (0, 2, 4, 6)], dim=1)
    lengths, geometry = torch.tensor([4, 3]), FrameGeometry(16000, hop=2, window=2)
    frames = (Frames(x, lengths, geometry).masked() for x in (z_two, c_two))
    torch.testing.assert_close(two.total, made(negatives=None, horizons=2).contrast(*frames, batch).total)


def test_utterances_weigh_the_same_if_asked():
    z, c, batch = example()
    alone = []
    for b, n in enumerate((9, 7)):
        one = [Frames(x.x_BTD[b : b + 1, :n], torch.tensor([n]), x.geometry) for x in (z, c)]
        alone.append(made(negatives=None).contrast(*one, Batch(torch.zeros(1, n), one[0].lengths_B, 16000)).total)
    out = made(negatives=None, average="utterances").contrast(z, c, batch)
    torch.testing.assert_close(out.total, torch.stack(alone).mean())
    assert int(out.count) == 2


def test_speakers_beyond_the_last_share_its_vector():
    method = made(negatives=None, speakers=2)
    z, c, batch = example()
    vectors = method.speakers.weight
    added = method._with_speakers(z, replace(batch, speaker_B=torch.tensor([0, 7, -1]))).x_BTD - z.x_BTD
    torch.testing.assert_close(added[0, 0], vectors[0])
    torch.testing.assert_close(added[1, 6], vectors[1])
    torch.testing.assert_close(added[2, 1], vectors[1])
    assert (added[2, 2:] == 0).all()
    with pytest.raises(SonantError, match="speakers"):
        method.contrast(z, c, replace(batch, speaker_B=None))


def test_the_penalty_is_the_mean_square_of_means():
    z, c, batch = example(lengths=(9, 9))
    out, plain = (made(negatives=None, averaging_penalty=a).contrast(z, c, batch) for a in (0.5, 0.0))
    penalty = z.x_BTD.mean(1).square().mean()
    torch.testing.assert_close(out.total, plain.total + 0.5 * penalty)
    assert "mean_square" not in plain.parts


def test_horizons_have_their_own_accuracies():
    assert set(made(every=2).contrast(*example()).parts) == {"acc", "acc@1", "acc@3"}
    parts = made(skip=1).contrast(*example()).parts
    assert set(parts) == {"acc", "acc@2", "acc@3"}
    torch.testing.assert_close(parts["acc"], (parts["acc@2"] + parts["acc@3"]) / 2)


def test_chance_is_the_loss_of_constant_latents():
    z, c, batch = example(lengths=(9, 9))
    z = z.with_x(torch.ones_like(z.x_BTD))
    method = made(negatives=None, negatives_from="batch")
    assert method.contrast(z, c, batch).total.item() == pytest.approx(math.log(18), abs=1e-5)
    assert made(negatives=31).chance() == pytest.approx(math.log(32))
    assert made(negatives=None).chance() is None


def test_short_examples_are_left_out_and_told_when_alone():
    z, c, batch = example(lengths=(9, 3))
    assert int(made().contrast(z, c, batch).count) == (9 - K) * K
    with pytest.raises(SonantError, match="3 horizons need more than 3 frames, the longest example has 3"):
        made().contrast(*example(lengths=(3, 2), width=3))


@pytest.mark.parametrize(
    "settings",
    [
        {"horizons": 0},
        {"skip": 3},
        {"skip": -1},
        {"every": 0},
        {"negatives": 0},
        {"temperature": 0.0},
        {"dropout": 1.0},
        {"offset": -1},
        {"frame_average": 0},
    ],
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        cpc.Config(**{"horizons": 3, **settings})


def test_a_context_that_looks_ahead_is_refused():
    encoder = plain.Encoder(plain.Config(), source=FrameGeometry(16000), in_dim=D)
    context = identity.Context(identity.Config(), source=encoder.geometry, in_dim=D)
    context.future = 1
    with pytest.raises(SonantError, match="looks ahead"):
        cpc.Method(cpc.Config(), encoder=encoder, context=context)


def test_speaker_negatives_need_speakers():
    z, c, _ = example()
    with pytest.raises(SonantError, match="speakers"):
        made(negatives_from="speaker").contrast(z, c, Batch(torch.zeros(3, 9), z.lengths_B, 16000))


def test_a_window_is_an_utterance_of_its_own():
    """Cut into windows, the loss is that of the windows as utterances."""
    method = made(negatives=None, score="dot", window=5).eval()
    z, _, _ = example(lengths=(10,), width=10)
    method.encoder = Fixed(z)
    whole = method.loss(Batch(torch.zeros(1, 10), torch.tensor([10]), 16000))
    parts = Frames(z.x_BTD.view(2, 5, D), torch.tensor([5, 5]), z.geometry)
    split = method.contrast(parts, method.context(parts), Batch(torch.zeros(2, 5), parts.lengths_B, 16000))
    torch.testing.assert_close(whole.total, split.total)
    assert whole.count == split.count


def test_two_views_are_drawn_while_training_only():
    z, _, _ = example()
    method = made(negatives=None, views=2)
    method.encoder = Fixed(z)
    batch = Batch(torch.zeros(3, 9), z.lengths_B, 16000)
    method.loss(batch)
    assert method.encoder.calls == 2
    method.eval().loss(batch)
    assert method.encoder.calls == 3


def test_a_window_must_hold_an_anchor():
    with pytest.raises(SonantError, match="window"):
        made(window=K)


class Fixed(torch.nn.Module):
    """An encoder that returns what it was given, and counts how often."""

    def __init__(self, frames: Frames):
        super().__init__()
        self.frames, self.calls, self.dim = frames, 0, frames.dim

    def forward(self, _: Frames) -> Frames:
        self.calls += 1
        return self.frames


def run_ranks(folder: Path, world: int) -> dict:
    out, store = folder / f"{world}.pt", folder / f"store-{world}"
    processes = [
        subprocess.Popen([sys.executable, str(RANKS), str(out), str(r), str(world), str(store)]) for r in range(world)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0] * world
    return torch.load(out, weights_only=True)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory) -> tuple[dict, dict]:
    """Results of one process on the whole batch and of two on halves."""
    folder = tmp_path_factory.mktemp("ranks")
    return run_ranks(folder, 1), run_ranks(folder, 2)


def test_two_processes_on_halves_equal_one_on_the_whole(ranks):
    one, two = ranks
    assert len(one) == 15
    for name, whole in one.items():
        for what, value in whole.items():
            torch.testing.assert_close(two[name][what], value, atol=1e-5, rtol=1e-5, msg=f"{name} {what}")
        assert whole["gradients"].abs().max() > 1e-3
    assert len({round(whole["loss"].item(), 6) for whole in one.values()}) == 15, "the cases differ"
