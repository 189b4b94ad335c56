import math

import pytest
import torch

from sonant.objectives.future_contrast import future_contrast


def test_losses_equal_the_references(reference):
    predicted_BDK, future_BDK = inputs = reference.inputs("cpc.pred", "cpc.future")
    sides = predicted_BDK.transpose(1, 2), future_BDK.transpose(1, 2)
    loss_BK, hit_BK = future_contrast(*sides)
    assert loss_BK.shape == hit_BK.shape == (32, 4)
    reference.check("sslsv.cpc", loss_BK.mean(), inputs)
    loss_BK, hit_BK = future_contrast(*sides, among="predictions")
    assert loss_BK.mean().item() == pytest.approx(reference.values["seed.cpc"], rel=1e-4)
    assert hit_BK[:, -1].double().mean().item() == reference.values["seed.cpc.accuracy_last_step"]


def test_knowing_nothing_scores_the_number_of_utterances_and_wins_nothing():
    loss_BK, hit_BK = future_contrast(torch.ones(5, 2, 3), torch.ones(5, 2, 3))
    torch.testing.assert_close(loss_BK, torch.full((5, 2), math.log(5)))
    assert not hit_BK.any()
