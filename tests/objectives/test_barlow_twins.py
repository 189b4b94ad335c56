import pytest
import torch

from sonant.objectives.barlow_twins import barlow_twins


@pytest.mark.parametrize("off", ["0.005", "0.05"])
def test_loss_equals_the_references(reference, off):
    views = reference.inputs("z1", "z2")
    loss = barlow_twins(*views, redundancy=float(off))
    reference.check(f"sslsv.barlow.lam{off}_scale0.025", 0.025 * loss, views, rel=1e-4)
    assert barlow_twins(*views, redundancy=float(off), eps=0).item() == pytest.approx(
        reference.values[f"seed.barlow.lam{off}"], rel=1e-4
    )


def test_loss_equals_the_third_reference(reference):
    views = reference.inputs("z1", "z2")
    reference.check("lightly.barlow.lam0.005", barlow_twins(*views, redundancy=0.005), views, rel=1e-4)


def test_uncorrelated_channels_that_agree_score_nothing_and_still_ones_score_their_number():
    x_BD = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert barlow_twins(x_BD, 3 * x_BD, redundancy=1.0).item() == pytest.approx(0, abs=1e-8)
    assert barlow_twins(torch.ones(4, 2), torch.ones(4, 2), redundancy=1.0).item() == 2
