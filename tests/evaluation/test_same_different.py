"""Same-different scores against the reference numbers, and what they must not depend on."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.evaluation.same_different import (
    by_label,
    discrimination,
    dtw_distances,
    same_different,
    same_different_of_pairs,
)
from sonant.nn.dtw import dtw_path

FIGURES = ("ap", "prb", "swdp_ap", "swdp_prb")


@pytest.fixture(scope="module")
def oracle(oracle_dir):
    """(arrays, metrics, words in the order of the arrays)."""
    folder = oracle_dir / "samediff"
    arrays = dict(np.load(folder / "expected.npz"))
    segments = np.load(folder / "segments.npz")
    metrics = json.loads((folder / "expected.json").read_text())["metrics"]
    return arrays, metrics, [segments[key] for key in arrays["keys"]]


def toy(seed=0, tokens=40):
    """Noisy tokens of six words by three speakers."""
    rng = np.random.default_rng(seed)
    shapes = [rng.standard_normal((rng.integers(4, 9), 5)) for _ in range(6)]
    labels, speakers = rng.integers(0, 6, tokens), rng.integers(0, 3, tokens)
    words = [shapes[label] + 0.7 * rng.standard_normal(shapes[label].shape) for label in labels]
    return words, [f"w{label}" for label in labels], [f"s{speaker}" for speaker in speakers]


@pytest.mark.parametrize(
    ("distance", "name"),
    [("cosine", "cosine"), ("euclidean", "euclidean"), ("sqeuclidean", "euclidean_squared")],
)
def test_reference_distances_and_figures(oracle, distance, name):
    arrays, metrics, words = oracle
    found = dtw_distances(words, distance=distance, precision="float64")
    assert np.abs(found - arrays[f"dist_{name}"]).max() < 1e-9
    single = dtw_distances(words, distance=distance)
    assert np.allclose(single, arrays[f"dist_{name}"], rtol=1e-6, atol=1e-6)
    labels, speakers = arrays["labels"].tolist(), arrays["speakers"].tolist()
    for precision, key in (("float64", f"dtw_{name}"), ("float32", f"dtw_{name}_float32")):
        scored = same_different(words, labels, speakers, distance=distance, precision=precision)
        for figure in FIGURES:
            assert scored.figures[figure] == pytest.approx(metrics[key][figure], abs=1e-6)
        assert scored.ap == pytest.approx(metrics[key]["sw_ap"], abs=1e-6)
        assert (scored.pairs, scored.same_pairs, scored.swdp_pairs) == (1770, 114, 83)
        assert scored.chance == pytest.approx(114 / 1770)


def test_reference_without_normalising(oracle):
    arrays, metrics, words = oracle
    raw = dtw_distances(words, normalise="none", precision="float64")
    assert np.abs(raw - arrays["cost_cosine_unnormalised"]).max() < 1e-9
    figures, _ = discrimination(raw, arrays["word_matches"], ~arrays["speaker_matches"])
    for figure in FIGURES:
        assert figures[figure] == pytest.approx(metrics["dtw_cosine_unnormalised"][figure], abs=1e-6)


def test_reference_of_each_label(oracle):
    arrays, metrics, words = oracle
    expected = metrics["mean_ap_dtw_cosine"]
    scored = same_different(words, arrays["labels"].tolist(), distance="cosine")
    assert {label: pytest.approx(ap, abs=1e-6) for label, (ap, _) in scored.labels.items()} == expected["per_type"]
    assert scored.figures["mean_ap"] == pytest.approx(expected["mean_ap"], abs=1e-6)
    assert scored.figures["mean_prb"] == pytest.approx(expected["mean_prb"], abs=1e-6)
    assert "swdp_ap" not in scored.figures
    assert scored.swdp_pairs is None


@pytest.mark.parametrize("ties", ["expected", "stable"])
def test_reference_figures_of_given_distances(oracle, ties):
    """Nothing in these vectors ties, so both ways give the reference."""
    arrays, metrics, _ = oracle
    for key in ("down_n10_d13", "down_n10_d8", "down_n5_d13"):
        flags = (arrays["word_matches"], ~arrays["speaker_matches"])
        figures, _ = discrimination(arrays[f"dist_{key}_cosine"], *flags, ties=ties)
        for figure in FIGURES:
            assert figures[figure] == pytest.approx(metrics[f"{key}_cosine"][figure], abs=1e-6)


def test_reference_paths(oracle):
    arrays, _, words = oracle
    for number, (i, j) in enumerate(arrays["path_pairs"]):
        x, y = (words[k] / np.linalg.norm(words[k], axis=1, keepdims=True) for k in (i, j))
        path = dtw_path(1 - x @ y.T)
        assert path[::-1].tolist() == arrays[f"path_{number}"].tolist()
        cost = (1 - (x.astype(float) @ y.T.astype(float)))[path[:, 0], path[:, 1]].sum()
        assert cost == pytest.approx(arrays["path_costs"][number], abs=1e-4)


def test_order_of_tokens_does_not_matter():
    words, labels, speakers = toy()
    words += [word.copy() for word in words[:5]]  # tokens that are equal tie with everything
    labels, speakers = labels + labels[:5], speakers + speakers[:5]
    before = same_different(words, labels, speakers, distance="cosine", precision="float32")
    order = np.random.default_rng(1).permutation(len(words))
    shuffled = [[column[n] for n in order] for column in (words, labels, speakers)]
    after = same_different(*shuffled, distance="cosine", precision="float32")
    for figure, value in before.figures.items():
        assert after.figures[figure] == pytest.approx(value, abs=1e-3)  # the last bit of a distance may break a tie
    vectors = [np.round(word.mean(axis=0), 1) for word in words]
    one = same_different(vectors, labels, speakers, distance="hamming").figures
    two = same_different([vectors[n] for n in order], *shuffled[1:], distance="hamming").figures
    assert two == pytest.approx(one, abs=1e-12)


def test_other_tokens_add_pairs_and_change_none():
    words, labels, speakers = toy()
    some = same_different(words[:20], labels[:20], speakers[:20], distance="euclidean", precision="float64")
    far = [word + 1e3 * (number + 1) for number, word in enumerate(words[:3])]
    more = same_different(
        [*words[:20], *far], [*labels[:20], "x", "y", "z"], [*speakers[:20], "a", "b", "c"],
        distance="euclidean", precision="float64",
    )  # fmt: skip
    assert more.figures["ap"] == some.figures["ap"]
    assert more.figures["swdp_ap"] == some.figures["swdp_ap"]


def test_a_list_of_all_pairs_is_the_whole():
    words, labels, speakers = toy()
    whole = same_different(words, labels, speakers, distance="cosine", precision="float64")
    i, j = np.triu_indices(len(words), 1)
    i, j = np.where((i + j) % 2, i, j), np.where((i + j) % 2, j, i)
    same, other = (np.array([c[a] == c[b] for a, b in zip(i, j, strict=True)]) for c in (labels, speakers))
    listed = same_different_of_pairs(words, (i, j), same, ~other, distance="cosine", precision="float64")
    assert listed.figures == pytest.approx({figure: whole.figures[figure] for figure in FIGURES}, abs=1e-12)
    assert listed.pairs == whole.pairs


def test_vectors_are_compared_as_they_are():
    words, labels, _ = toy()
    vectors = [word.mean(axis=0) for word in words]
    one = same_different(vectors, labels, distance="cosine", precision="float64")
    two = same_different([vector[None] for vector in vectors], labels, distance="cosine", precision="float64")
    assert one.figures == pytest.approx(two.figures)
    assert "normalise" not in one.settings
    assert two.settings["normalise"] == "lengths"


def test_by_label_is_the_score_of_the_pairs_with_that_label():
    words, labels, _ = toy(tokens=12)
    distance = dtw_distances(words, precision="float64")
    i, j = np.triu_indices(12, 1)
    for label, (ap, prb) in by_label(distance, labels).items():
        involved = np.array([label in (labels[a], labels[b]) for a, b in zip(i, j, strict=True)])
        same = np.array([labels[a] == labels[b] for a, b in zip(i, j, strict=True)])
        figures, _ = discrimination(distance[involved], same[involved])
        assert (ap, prb) == pytest.approx((figures["ap"], figures["prb"]))


def test_one_speaker_leaves_the_other_figures():
    words, labels, _ = toy()
    scored = same_different(words, labels, ["s"] * len(words), distance="cosine")
    assert scored.swdp_pairs == 0
    assert set(scored.figures) == {"ap", "prb", "mean_ap", "mean_prb"}


def test_mistakes():
    words, labels, _ = toy(tokens=4)
    with pytest.raises(SonantError, match="no two tokens share one"):
        same_different(words, ["a", "b", "c", "d"], distance="cosine")
    with pytest.raises(SonantError, match="all 4 tokens are of the word 'a'"):
        same_different(words, ["a"] * 4, distance="cosine")
    with pytest.raises(SonantError, match="1 of 4 tokens are vectors"):
        same_different([*words[:3], np.ones(5)], ["a", "a", "b", "b"], distance="cosine")
    with pytest.raises(SonantError, match="one size"):
        same_different([np.ones(3), np.ones(4), np.ones(3)], ["a", "a", "b"], distance="cosine")
    with pytest.raises(SonantError, match="at least 2"):
        same_different(words[:1], labels[:1], distance="cosine")
