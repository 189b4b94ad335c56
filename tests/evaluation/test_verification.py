"""Error rates of trials, beside the originals' figures and beside counting."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from sonant.core import SonantError
from sonant.evaluation import verification as v

SETS = (
    "balanced_continuous", "balanced_ties_2decimals", "balanced_heavy_ties_1decimal", "imbalanced_8pct_target",
    "imbalanced_ties_2decimals", "llr_like_scores", "separable", "inverted", "tiny_10", "tiny_tie_block",
)  # fmt: skip


@pytest.fixture(scope="module")
def oracle(oracle_dir):
    folder = oracle_dir / "speaker"
    return load_file(folder / "scoring.safetensors"), json.loads((folder / "scoring.json").read_text())


@pytest.mark.parametrize("name", SETS)
def test_figures_of_the_originals(oracle, name):
    arrays, expected = oracle[0], oracle[1][name]
    scores, same = arrays[f"{name}.scores"], arrays[f"{name}.labels"].astype(bool)

    def eer(variant):
        return v.equal_error_rate(scores, same, variant=variant)

    found = {
        "exact.eer_linear_interp_fraction": eer("exact"),
        "exact.eer_rocch_fraction": v.hull_error_rate(scores, same),
        "sslsv.eer_percent": 100 * eer("sslsv"),
        "seed.eer_percent": 100 * eer("seed"),
        "wespeaker.eer_fraction": eer("wespeaker"),
        "speechbrain.eer_fraction": eer("speechbrain"),
        "seed.mindcf_p0.01": v.min_dcf(scores, same, variant="seed"),
        "sslsv.mindcf_p0.01_cmiss10_cfa1": v.min_dcf(scores, same, c_miss=10, variant="sslsv"),
        "sslsv.cllr": v.cllr(scores, same),
    }
    for p in (0.001, 0.01, 0.05):
        found[f"exact.mindcf_normalised_p{p}"] = v.min_dcf(scores, same, p_target=p)
        found[f"sslsv.mindcf_p{p}"] = v.min_dcf(scores, same, p_target=p, variant="sslsv")
    for p in (0.01, 0.05):
        found[f"wespeaker.mindcf_p{p}"] = v.min_dcf(scores, same, p_target=p, variant="wespeaker")
        found[f"speechbrain.mindcf_unnormalised_p{p}"] = p * v.min_dcf(scores, same, p_target=p, variant="speechbrain")
        found[f"sslsv.actdcf_p{p}"] = v.act_dcf(scores, same, p_target=p, threshold=0.5)
    for key, value in found.items():
        if expected[key] is not None:
            assert value == pytest.approx(expected[key], rel=1e-7, abs=1e-9), key


@pytest.mark.parametrize("name", ["balanced_continuous", "imbalanced_8pct_target"])
def test_precision_of_the_best_scores(oracle, name):
    arrays, expected = oracle
    found = v.average_r_precision(*(arrays[f"{name}.{part}"] for part in ("scores", "labels", "enrol_id")))
    assert found == pytest.approx(expected[name]["sslsv.avgrprec"], abs=1e-9)


@pytest.mark.parametrize(
    ("same", "other", "rate"),
    [
        ([3, 4], [1, 2], 0.0),
        ([1, 2], [3, 4], 1.0),
        ([1, 3], [2, 4], 0.5),
        ([2, 3, 4, 5], [0, 1, 2.5, 0.5], 0.25),
        ([1, 1], [1, 1], 0.5),  # no information
    ],
)
def test_known_answers(same, other, rate):
    scores, flags = np.array([*same, *other]), np.array([True] * len(same) + [False] * len(other))
    assert v.equal_error_rate(scores, flags) == pytest.approx(rate)
    assert v.equal_error_rate(scores[::-1], flags[::-1]) == pytest.approx(rate)


def test_two_normal_distributions():
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.standard_normal(50000) + 2, rng.standard_normal(80000)])
    rate = v.equal_error_rate(scores, np.arange(130000) < 50000)
    assert rate == pytest.approx(0.1587, abs=0.003)  # the normal distribution's tail beyond one deviation


def test_counted_by_hand():
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.4, 0.2])
    same = np.array([True, True, False, True, False, False])
    assert v.equal_error_rate(scores, same) == pytest.approx(1 / 3)
    # accepting from 0.8 on misses one of three and raises no alarm
    assert v.min_dcf(scores, same, p_target=0.5) == pytest.approx(1 / 3)
    # at prior 0.9 a miss costs nine times as much: accepting from 0.6 on, one alarm of three, 0.1 / 3 / 0.1
    assert v.min_dcf(scores, same, p_target=0.9) == pytest.approx(1 / 3)


def test_equal_scores_are_one_decision():
    """Whatever the order in which they are listed."""
    rng = np.random.default_rng(0)
    same = rng.random(500) < 0.3
    scores = np.round(rng.normal(size=500) + same, 1)
    order = rng.permutation(500)
    assert v.equal_error_rate(scores, same) == v.equal_error_rate(scores[order], same[order])
    assert v.min_dcf(scores, same) == v.min_dcf(scores[order], same[order])
    assert v.equal_error_rate(np.zeros(4), [True, False, True, False]) == pytest.approx(0.5)


def test_hull_is_never_above_the_curve():
    rng = np.random.default_rng(1)
    for _ in range(20):
        same = rng.random(40) < 0.5
        scores = rng.normal(size=40) + same
        assert v.hull_error_rate(scores, same) <= v.equal_error_rate(scores, same) + 1e-12


def test_calibrated_ratios_reach_the_lowest_cost():
    """Of two normal distributions the log likelihood ratio is known; shifted, it costs more."""
    rng = np.random.default_rng(2)
    same = np.arange(200_000) < 100_000
    x = rng.normal(size=200_000) + np.where(same, 1.0, -1.0)
    llrs = 2 * x
    assert v.act_dcf(llrs, same, p_target=0.2) == pytest.approx(v.min_dcf(llrs, same, p_target=0.2), abs=0.005)
    assert v.act_dcf(llrs + 3, same, p_target=0.2) > v.min_dcf(llrs, same, p_target=0.2) + 0.1
    assert v.cllr(llrs, same) < v.cllr(llrs + 1, same) < 1
    assert v.cllr(np.zeros(200_000), same) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("scores", "same", "said"),
    [
        ([1.0, 2.0], [True, True], "both kinds"),
        ([1.0, float("nan")], [True, False], "1 scores are not finite"),
        ([1.0, 2.0, 3.0], [True, False], "same length"),
    ],
)
def test_what_gives_no_figure(scores, same, said):
    with pytest.raises(SonantError, match=said):
        v.equal_error_rate(np.array(scores), np.array(same))
    with pytest.raises(SonantError, match="must lie in"):
        v.min_dcf(np.array([1.0, 2.0]), np.array([True, False]), p_target=1.0)
