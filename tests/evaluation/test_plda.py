import numpy as np
import pytest
from scipy.stats import multivariate_normal

from sonant.core import SonantError
from sonant.evaluation.plda import train_plda

BETWEEN, WITHIN = np.diag([3.0, 1.0, 0.2]), np.array([[1.0, 0.3, 0.0], [0.3, 0.5, 0.1], [0.0, 0.1, 0.8]])
MEAN = np.array([5.0, -2.0, 0.5])


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    speakers = np.repeat(np.arange(3000), rng.integers(1, 7, 3000))
    y = rng.multivariate_normal(np.zeros(3), BETWEEN, 3000)
    return MEAN + y[speakers] + rng.multivariate_normal(np.zeros(3), WITHIN, len(speakers)), speakers


def test_covariances_are_found_again(drawn):
    learnt = train_plda(*drawn, unit=False)
    back = np.linalg.inv(learnt.basis_EE)
    np.testing.assert_allclose(back.T @ back, WITHIN, atol=0.05)
    np.testing.assert_allclose(back.T @ np.diag(learnt.between_E) @ back, BETWEEN, atol=0.2)


def test_score_is_the_log_likelihood_ratio(drawn):
    learnt = train_plda(*drawn, unit=False)
    back = np.linalg.inv(learnt.basis_EE)
    within, between = back.T @ back, back.T @ np.diag(learnt.between_E) @ back
    x = drawn[0][:6]
    enrol, test = np.array([0, 1, 2, 0]), np.array([3, 4, 5, 0])
    total = within + between
    both = multivariate_normal(np.zeros(6), np.block([[total, between], [between, total]]))
    one = multivariate_normal(np.zeros(3), total)
    y = x - learnt.mean_D - learnt.centre_E
    expected = [
        both.logpdf(np.concatenate([y[a], y[b]])) - one.logpdf(y[a]) - one.logpdf(y[b])
        for a, b in zip(enrol, test, strict=True)
    ]
    np.testing.assert_allclose(learnt.score(x, x, enrol, test), expected, rtol=1e-9)


def test_tells_speakers_apart_where_the_cosine_does_not():
    """The direction in which recordings differ is larger than that in which speakers do."""
    rng = np.random.default_rng(1)
    speakers = np.repeat(np.arange(200), 5)
    x = np.concatenate([rng.normal(size=(200, 4))[speakers], 0.05 * rng.normal(size=(1000, 4))], axis=1)
    x[:, :4] *= 0.3
    x = np.concatenate([x, 4 * rng.normal(size=(1000, 4))], axis=1)
    learnt = train_plda(x[:500], speakers[:500], lda_dim=4)
    enrol, test = np.arange(500, 1000, 5), np.arange(501, 1000, 5)
    same, other = learnt.score(x, x, enrol, test), learnt.score(x, x, enrol, np.roll(test, 1))
    assert (same > 0).mean() > 0.9
    assert (other < 0).mean() > 0.9


@pytest.mark.parametrize(
    ("speakers", "options", "said"),
    [
        ([0, 1, 2, 3], {}, "several vectors of some of them"),
        ([0, 0, 0, 0], {}, "several speakers"),
        ([0, 0, 1, 1], {"lda_dim": 2}, "at most 1 channels, asked for 2"),
    ],
)
def test_what_cannot_be_learnt_from(speakers, options, said):
    with pytest.raises(SonantError, match=said):
        train_plda(np.random.default_rng(0).normal(size=(4, 3)), speakers, **options)
