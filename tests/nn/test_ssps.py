from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sonant.core import Batch, SonantError
from sonant.nn.ssps import PositiveSampling, SspsConfig

SPEAKERS = torch.arange(4).repeat_interleave(5)


def batch(first: int, end: int) -> Batch:
    rows = range(first, end)
    speaker_B = SPEAKERS[first:end]
    return Batch(
        torch.zeros(len(rows), 1), torch.ones(len(rows)), 16000, ids=tuple(map(str, rows)), speaker_B=speaker_B
    )


def seen(**settings) -> tuple[PositiveSampling, torch.Tensor, torch.Tensor]:
    """Twenty utterances of four speakers, whose references lie together; all seen, then grouped."""
    draws = torch.Generator().manual_seed(0)
    reference = 4 * torch.eye(4)[SPEAKERS] + 0.3 * torch.randn(20, 4, generator=draws)
    positive = torch.randn(20, 3, generator=draws)
    cfg = SspsConfig(start=1, every=1, clusters=4, references=30, positives=25, **settings)
    sampling = PositiveSampling(cfg, reference_dim=4, positive_dim=3)
    for first in range(0, 20, 5):
        sampling.replaced(
            reference[first : first + 5], positive[first : first + 5], batch(first, first + 5), learning=True
        )
    return sampling, reference, positive


def ask(sampling, reference, positive, *, learning=True):
    rows = slice(3, 9)
    own = torch.zeros(6, 3)
    return sampling.replaced(reference[rows], own, batch(3, 9), learning=learning), positive[SPEAKERS == 0]


def seed_of_good_start(sampling):
    """k-means from random vectors may split a speaker: one start in which it does not."""
    for step in range(1, 40):
        sampling.after_step(step)
        if all(sampling.cluster_N[:20][speaker == SPEAKERS].unique().numel() == 1 for speaker in range(4)):
            return
    raise AssertionError("no start found the four speakers")


@pytest.mark.parametrize("settings", [{"mode": "knn", "neighbours": 3}, {"mode": "kmeans_repr", "neighbours": 0}])
def test_the_positive_is_another_utterance_of_the_neighbourhood(settings):
    sampling, reference, positive = seen(**settings)
    seed_of_good_start(sampling) if settings["mode"] != "knn" else sampling.after_step(1)
    (found_BD, found_B, figures), _ = ask(sampling, reference, positive)
    assert found_B.all() and figures["ssps_replaced"] == 1 and figures["ssps_same_speaker"] == 1
    for b, vector_D in enumerate(found_BD):
        which = [int(n) for n in (positive == vector_D).all(1).nonzero()[:, 0]]
        assert len(which) == 1 and which[0] != b + 3 and SPEAKERS[which[0]] == SPEAKERS[b + 3]


def test_the_average_of_a_cluster_leaves_out_the_utterance_itself():
    sampling, reference, positive = seen(mode="kmeans", neighbours=0)
    seed_of_good_start(sampling)
    (found_BD, _, _), _ = ask(sampling, reference, positive)
    others = [n for n in range(5) if n != 3]
    torch.testing.assert_close(found_BD[0], positive[others].mean(0))


def test_a_neighbouring_cluster_is_not_its_own():
    sampling, reference, positive = seen(mode="kmeans_repr", neighbours=1)
    seed_of_good_start(sampling)
    (_, found_B, figures), _ = ask(sampling, reference, positive)
    assert found_B.all() and figures["ssps_same_speaker"] == 0


def test_before_the_start_and_in_validation_everyone_keeps_its_own():
    sampling, reference, positive = seen(mode="kmeans_repr", neighbours=0)
    before = sampling.positives.vectors_ND.clone()
    for ready in (False, True):
        if ready:
            sampling.after_step(1)
        (found_BD, found_B, _), _ = ask(sampling, reference, positive, learning=False)
        assert not found_B.any() and torch.equal(found_BD, torch.zeros(6, 3))
    assert torch.equal(sampling.positives.vectors_ND, before)


def test_the_same_after_loading():
    sampling, reference, positive = seen(mode="kmeans_repr", neighbours=0)
    sampling.after_step(1)
    other = PositiveSampling(sampling.cfg, reference_dim=4, positive_dim=3)
    other.load_state_dict(sampling.state_dict())
    (one, _, _), _ = ask(sampling, reference, positive)
    (two, _, _), _ = ask(other, reference, positive)
    assert torch.equal(one, two) and F.normalize(one, dim=1).isfinite().all()


def test_too_few_utterances_are_told():
    sampling = PositiveSampling(SspsConfig(mode="kmeans", start=1, clusters=4), reference_dim=2, positive_dim=2)
    with pytest.raises(SonantError, match="0 utterances seen so far cannot make 4 clusters"):
        sampling.after_step(1)
