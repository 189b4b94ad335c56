import math

import pytest
import torch

from sonant.objectives.mutual_information import mutual_information


@pytest.mark.parametrize("bound", ["bce", "mine", "nce"])
def test_bounds_equal_the_references(reference, bound):
    scores = reference.inputs("lim.pos", "lim.neg")
    loss = mutual_information(*scores, bound=bound)
    reference.check(f"sslsv.lim.{bound}", loss, scores)
    assert loss.item() == pytest.approx(reference.values[f"seed.lim.{bound}"], rel=1e-4)


def test_knowing_nothing_scores_the_documented_constants():
    nothing = torch.zeros(6), torch.zeros(6)
    assert mutual_information(*nothing, bound="bce").item() == pytest.approx(2 * math.log(2))
    assert mutual_information(*nothing, bound="mine").item() == pytest.approx(0, abs=1e-6)
    assert mutual_information(*nothing, bound="nce").item() == pytest.approx(math.log(7))


def test_large_scores_stay_finite():
    far = torch.tensor([500.0, -500.0]), torch.tensor([400.0, -400.0])
    assert all(torch.isfinite(mutual_information(*far, bound=bound)) for bound in ("bce", "mine", "nce"))
