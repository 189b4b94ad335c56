import pytest
import torch

from sonant.objectives.vicreg import correlations, covariances, hinge_of_deviations, invariance


def vicreg(views, weights, *, unbiased=True, share=1.0):
    inv, var, cov = weights
    terms = [hinge_of_deviations(x_BD, unbiased=unbiased) for x_BD in views]
    return inv * invariance(*views) + var * share * sum(terms) + cov * sum(map(covariances, views))


@pytest.mark.parametrize("weights", [(1, 1, 0.04), (1, 1, 0.1), (1, 0.5, 0.1)])
def test_sum_equals_the_references(reference, weights):
    views = reference.inputs("z1", "z2")
    name = "vicreg.inv{}_var{}_cov{}".format(*weights)
    reference.check(f"sslsv.{name}", vicreg(views, weights), views)
    loss = vicreg(views, weights, unbiased=False)
    assert loss.item() == pytest.approx(reference.values[f"seed.{name}"], rel=1e-4)


def test_half_of_the_variance_terms_is_the_third_reference(reference):
    views = reference.inputs("z1", "z2")
    reference.check("lightly.vicreg.25_25_1", vicreg(views, (25, 25, 1), share=0.5), views)


def test_correlations_equal_the_reference(reference):
    views = reference.inputs("z1", "z2")
    loss = vicreg(views, (1, 1, 0)) + 8 * sum(map(correlations, views))
    reference.check("sslsv.vibcreg.1_1_8", loss, views)


def test_channel_loss_is_the_mean_square(reference):
    loss = invariance(*reference.inputs("z1", "z2"))
    assert loss.item() == pytest.approx(reference.values["seed.channel_loss(mse)"], rel=1e-4)


def test_vectors_that_are_all_alike_score_the_hinge():
    x_BD = torch.ones(5, 3)
    assert hinge_of_deviations(x_BD).item() == pytest.approx(0.99)
    assert covariances(x_BD) == correlations(x_BD) == 0
