"""Methods that are little more than an objective on projections: SimSiam, Barlow Twins, VICReg, W-MSE."""

import pytest
import torch
from view_parts import small, views

from sonant.core import SonantError
from sonant.objectives.barlow_twins import barlow_twins


def projected(method, batch):
    return method.projector(method.embed(batch)[0])


def test_simsiam_stops_the_gradient_of_its_targets():
    method, batch = small("simsiam", projector=(16, 8), predictor=4), views()
    x = projected(method, batch)
    cosines = torch.nn.functional.cosine_similarity(method.predictor(x), x.flip(1), dim=-1)
    out = method(batch)
    torch.testing.assert_close(out.total, -cosines.mean())
    whole = torch.autograd.grad(-cosines.mean(), method.embedding.linear.weight)[0]
    stopped = torch.autograd.grad(out.total, method.embedding.linear.weight)[0]
    assert not torch.allclose(whole, stopped)


def test_barlow_twins_scales_its_objective():
    method, batch = small("barlow_twins", projector=(16, 8)), views()
    expected = barlow_twins(*projected(method, batch).unbind(1), redundancy=0.005)
    torch.testing.assert_close(method(batch).total, 0.025 * expected)


def test_vicreg_weighs_its_terms():
    out = small("vicreg", projector=(16, 8), invariance=2.0, covariance=0.5)(views())
    parts = out.parts
    torch.testing.assert_close(out.total, 2 * parts["invariance"] + parts["variance"] + 0.5 * parts["covariance"])
    alone = small("vicreg", projector=(16, 8), invariance=0.0, variance=0.0)(views())
    torch.testing.assert_close(alone.total, 0.04 * alone.parts["covariance"])


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("vicreg", {"invariance": 0, "variance": 0, "covariance": 0}, "nothing would be trained"),
        ("vicreg", {"variance": -1}, "at least 0"),
        ("barlow_twins", {"scale": 0}, "nothing is trained"),
        ("wmse", {"projector": (16, 4), "group": 4}, "cannot whiten 4 channels"),
    ],
)
def test_configurations_that_train_nothing_or_cannot_are_told(name, settings, message):
    with pytest.raises(SonantError, match=message):
        small(name, **settings)


def test_wmse_takes_whole_groups_of_the_whole_batch():
    method = small("wmse", projector=(16, 2), group=4)
    assert method(views(8)).count == 8
    with pytest.raises(SonantError, match=r"6 utterances does not divide into groups of 4"):
        method(views(6))
    assert method.eval()(views(6)).count == 4


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("barlow_twins", {}),
        ("vicreg", {}),
        ("wmse", {"projector": (16, 2), "group": 4}),
        ("lim", {}),
        ("gim", {"bound": "mine"}),
    ],
)
def test_a_single_utterance_at_the_end_of_validation_counts_nothing(name, settings):
    method = small(name, **settings)
    with pytest.raises(SonantError, match="too small"):
        method(views(1))
    parts = set(method(views(8)).parts)
    out = method.eval()(views(1))
    assert (float(out.total), out.count, set(out.parts)) == (0.0, 0.0, parts)
