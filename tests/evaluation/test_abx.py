"""ABX against published tools' numbers, against loops over triples, and against common sense."""

from __future__ import annotations

import json
from dataclasses import replace

import abx_reference
import numpy as np
import pytest
import torch
from abx_parts import complete, corpus, items_of
from hypothesis import given, settings
from hypothesis import strategies as st

from sonant.core import SonantError
from sonant.evaluation import _abx_cells, _abx_count
from sonant.evaluation import abx as module
from sonant.nn.dtw import numba_installed

MODES = [(speaker, context) for speaker in ("within", "across") for context in ("within", "any")]
DISTANCES = ["angular", "cosine", "euclidean", "kl", "identical"]


# ---- the published tools ----


@pytest.fixture(scope="module")
def oracle(oracle_dir):
    folder = oracle_dir / "abx"
    return folder, {name: dict(np.load(folder / f"{name}_features.npz")) for name in ("synthetic", "mfcc")}


def settings_of(key):
    return dict(part.split("=") for part in key.split(",") if "=" in part)


SLICINGS = {
    "exact_default_slicing": "fastabx",
    "exact_librilight_slicing": "librilight",
    "libriabx2_full": "librilight",
}


def test_synthetic_oracle(oracle):
    folder, features = oracle
    scores = json.loads((folder / "scores_synthetic.json").read_text())
    for key, expected in scores.items():
        given = settings_of(key)
        mode = {name: given[name] for name in ("speaker", "context")}
        if "libriabx2_pooling" in given:
            found = complete(
                *(features["synthetic"], folder / "synthetic.item"),
                **{**mode, "slicing": "librilight", "pooling": given["libriabx2_pooling"]},
            )
            assert abs(found.error - expected) < 1e-6, key
            continue
        for tool, score in expected.items():
            found = complete(
                *(features["synthetic"], folder / "synthetic.item"),
                **{**mode, "slicing": SLICINGS[tool], "distance": given["distance"]},
                normalise=True if tool == "libriabx2_full" else None,
            )
            assert abs(found.error - score) < 1e-6, (key, tool)


@pytest.mark.skipif(not numba_installed(), reason="numba is not installed: ten million pairs take too long")
def test_mfcc_oracle(oracle):
    folder, features = oracle
    for key, expected in json.loads((folder / "scores_mfcc.json").read_text()).items():
        for tool in ("exact_default_slicing", "exact_librilight_slicing"):
            items = folder / f"mfcc_{key.split(',')[0]}.item"
            found = complete(features["mfcc"], items, **settings_of(key), slicing=SLICINGS[tool])
            assert abs(found.error - expected[tool]) < 1e-6, (key, tool)


def test_libriabx2_crosscheck(oracle):
    folder, features = oracle
    for key, expected in json.loads((folder / "scores_libriabx2_crosscheck.json").read_text()).items():
        part = key.split(",")[0]
        items = folder / ("mfcc_subset_unbalanced.item" if part == "subset" else f"mfcc_{part}.item")
        found = complete(features["mfcc"], items, **settings_of(key), slicing="librilight")
        # In one cell libriabx2 rounds two distances 2.7e-8 apart (in float64) the other way round: 4.06e-6.
        one_triple = key == "phoneme,speaker=across,context=within"
        assert abs(found.error - expected["libriabx2_full"]) < (5e-6 if one_triple else 1e-6), key
        if "fastabx_default_slicing" in expected:
            default = complete(features["mfcc"], items, **settings_of(key))
            assert abs(default.error - expected["fastabx_default_slicing"]) < 1e-6, key


@pytest.mark.parametrize(("speaker", "context"), MODES)
def test_every_cell_of_the_oracle(oracle, speaker, context):
    folder, features = oracle
    lines = (folder / f"synthetic_cells_speaker-{speaker}_context-{context}.csv").read_text().split()
    names = lines[0].split(",")
    rows = [dict(zip(names, line.split(","), strict=True)) for line in lines[1:]]
    expected = {}
    for row in rows:
        where = f"{row['prev-phone']} {row['next-phone']}" if context == "within" else "any"
        voice = row.get("speaker_x", row["speaker"])
        expected[where, row["#phone"], row["#phone_b"], row["speaker"], voice] = float(row["score"]), int(row["size"])
    options = {"speaker": speaker, "context": context, "keep_cells": True}
    found = cells_of(complete(features["synthetic"], folder / "synthetic.item", **options))
    assert found.keys() == expected.keys()
    for key, (error, triples) in expected.items():
        assert found[key][1] == triples
        assert abs(found[key][0] - error) < 1e-6


def cells_of(result):
    cells, found = result.cells, {}
    for i in range(len(cells)):
        labels = (result.contexts[cells.context[i]], result.phones[cells.phone_a[i]], result.phones[cells.phone_b[i]])
        voices = (result.speakers[cells.speaker[i]], result.speakers[cells.speaker_x[i]])
        found[(*labels, *voices)] = float(cells.error[i]), int(cells.triples[i])
    return found


def rounded(result):
    return {key: (round(error, 9), triples) for key, (error, triples) in cells_of(result).items()}


# ---- loops over triples ----


@pytest.mark.parametrize(("speaker", "context"), MODES)
@pytest.mark.parametrize("distance", DISTANCES)
def test_equals_the_loops_over_triples(speaker, context, distance):
    coarse = distance == "identical"
    features, rows = corpus(DISTANCES.index(distance), tokens=44, phones=3, dim=1 if coarse else 3, coarse=coarse)
    if distance == "kl":
        features = {name: np.exp(x) / np.exp(x).sum(1, keepdims=True) for name, x in features.items()}
    mode = {"speaker": speaker, "context": context, "distance": distance}
    for slicing in ("fastabx", "librilight"):
        expected, cells = abx_reference.abx(features, rows, rate="100", slicing=slicing, **mode)
        found = complete(features, items_of(rows), slicing=slicing, precision="float64", keep_cells=True, **mode)
        assert abs(found.error - expected) < 1e-9
        assert found.n_triples == sum(triples for _, triples in cells.values())
        assert found.n_cells == len(cells) == len(found.cells)


@pytest.mark.parametrize(("speaker", "context"), MODES)
def test_large_groups_in_blocks_equal_small_ones(speaker, context, monkeypatch):
    """Bands of speakers, rows in parts and torch instead of numba are the same score."""
    features, rows = corpus(5, tokens=160, phones=5, speakers=5, noise=2.0)
    mode = {"speaker": speaker, "context": context, "keep_cells": True}
    expected = complete(features, items_of(rows), **mode)
    for small, band, largest in ((1, 40, 2**25), (1, 1, 2**25), (1, 40, 200), (1, 1, 1)):
        monkeypatch.setattr(_abx_cells, "SMALL", small)
        monkeypatch.setattr(_abx_cells, "BAND", band)
        monkeypatch.setattr(_abx_cells, "LARGEST", largest)
        monkeypatch.setattr(module, "_AT_ONCE", 500)
        found = complete(features, items_of(rows), **mode)
        assert abs(found.error - expected.error) < 1e-9
        assert found.n_triples == expected.n_triples
        assert rounded(found) == rounded(expected)


@pytest.mark.parametrize(("speaker", "context"), MODES)
def test_without_numba(speaker, context, monkeypatch, capsys):
    features, rows = corpus(6, tokens=80)
    mode = {"speaker": speaker, "context": context, "precision": "float64"}
    expected = complete(features, items_of(rows), **mode)
    monkeypatch.setattr("sonant.nn.dtw.numba_installed", lambda: False)
    monkeypatch.setattr(_abx_count, "numba_installed", lambda: False)
    found = complete(features, items_of(rows), **mode)
    assert abs(found.error - expected.error) < 1e-9
    assert "sonant[abx]" in capsys.readouterr().err


# ---- properties ----


def test_known_answers():
    """Phones apart: 0. One phone in two names: 0.5. All alike: every triple is a tie."""
    features, rows = corpus(1, noise=1e-3)
    assert complete(features, items_of(rows), speaker="across", context="any").error == 0.0
    alike = {name: np.ones_like(x) for name, x in features.items()}
    for speaker, context in MODES:
        assert complete(alike, items_of(rows), speaker=speaker, context=context).error == 0.5
    mixed, noisy = corpus(2, tokens=400, phones=2, contexts=1, noise=1e4)
    assert abs(complete(mixed, items_of(noisy), speaker="across", context="any").error - 0.5) < 0.05


@given(seed=st.integers(0, 10**6), mode=st.sampled_from(MODES))
@settings(max_examples=15, deadline=None)
def test_invariances(seed, mode):
    speaker, context = mode
    features, rows = corpus(seed, tokens=40, phones=3)
    rng = np.random.default_rng(seed)
    options = {"speaker": speaker, "context": context, "precision": "float64"}
    try:
        expected = complete(features, items_of(rows), **options).error
    except SonantError:
        return  # chance left no cell
    assert 0.0 <= expected <= 1.0
    shuffled = [rows[i] for i in rng.permutation(len(rows))]
    assert complete(features, items_of(shuffled), **options).error == pytest.approx(expected, abs=1e-12)
    renamed = [(*row[:3], {"A": "z", "B": "y"}.get(row[3], row[3]), *row[4:6], f"x{row[6]}") for row in rows]
    assert complete(features, items_of(renamed), **options).error == pytest.approx(expected, abs=1e-12)
    louder = {name: x * rng.uniform(0.1, 10, (len(x), 1)) for name, x in features.items()}
    assert complete(louder, items_of(rows), **options).error == pytest.approx(expected, abs=1e-6)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turned = {name: x @ rotation for name, x in features.items()}
    assert complete(turned, items_of(rows), **options).error == pytest.approx(expected, abs=1e-2)


def test_zero_frames_do_not_break_the_score():
    features, rows = corpus(7)
    features["file0"][:5] = 0.0
    scores = {
        zero: complete(features, items_of(rows), speaker="across", context="any", zero_frames=zero).error
        for zero in ("apart", "uniform")
    }
    assert all(0 < score < 0.5 for score in scores.values())
    assert scores["apart"] != scores["uniform"]


def test_codebook_vectors_tie_exactly():
    """Few distinct frames: cells of vectors and of their numbers agree where distances are 0 or equal."""
    _, rows = corpus(8, tokens=80)
    rng = np.random.default_rng(8)
    units = {row[0]: rng.integers(0, 4, 60) for row in rows}
    vectors = {name: np.eye(4, 37, dtype=np.float32)[x] for name, x in units.items()}
    for speaker, context in MODES:
        one = complete(units, items_of(rows), speaker=speaker, context=context, distance="identical")
        many = complete(vectors, items_of(rows), speaker=speaker, context=context, distance="cosine")
        assert one.error == pytest.approx(many.error, abs=1e-12)


# ---- sub-sampling ----


def test_subsampling_is_deterministic_and_order_free():
    features, rows = corpus(9, tokens=400, phones=3, noise=2.0)
    options = {"speaker": "across", "context": "any", "max_group_size": 4, "max_x_across": 1}
    first = complete(features, items_of(rows), **options)
    backwards = complete(features, items_of(rows[::-1]), **options)
    assert first.error == backwards.error
    assert first.n_triples == backwards.n_triples
    assert first.items == 3 * 3 * 4
    assert first.error != complete(features, items_of(rows), **options, seed=1).error
    assert abs(first.error - complete(features, items_of(rows), speaker="across", context="any").error) < 0.1


def test_limits_that_do_not_bind_change_nothing():
    features, rows = corpus(10)
    everything = complete(features, items_of(rows), speaker="across", context="any")
    limited = complete(
        features, items_of(rows), speaker="across", context="any", max_group_size=10**6, max_x_across=10**6
    )
    assert limited.error == everything.error


@pytest.mark.parametrize("context", ["within", "any"])
def test_x_speakers_are_limited_in_small_and_large_groups(context, monkeypatch):
    features, rows = corpus(11, tokens=240, speakers=5)
    options = {"speaker": "across", "context": context, "max_x_across": 2, "keep_cells": True}
    small = complete(features, items_of(rows), **options)
    monkeypatch.setattr(_abx_cells, "SMALL", 1)
    large = complete(features, items_of(rows), **options)
    assert rounded(large) == rounded(small)
    voices: dict[tuple, set] = {}
    for where, phone, _, speaker, x_speaker in cells_of(small):
        voices.setdefault((where, phone, speaker), set()).add(x_speaker)
    assert max(map(len, voices.values())) == 2


# ---- messages ----


def test_features_that_do_not_fit():
    features, rows = corpus(13)
    mode = {"speaker": "within", "context": "any"}
    with pytest.raises(SonantError, match=r"2 of the 15 files .* file0, file3"):
        complete({k: v for k, v in features.items() if k not in ("file0", "file3")}, items_of(rows), **mode)
    with pytest.raises(SonantError, match="NaN"):
        complete({**features, "file1": np.full((40, 3), np.nan)}, items_of(rows), **mode)
    with pytest.raises(SonantError, match="differ in size"):
        complete({**features, "file1": np.ones((40, 4), np.float32)}, items_of(rows), **mode)
    with pytest.raises(SonantError, match=r"\(frames, dimensions\)"):
        complete({**features, "file1": np.ones((1, 40, 3), np.float32)}, items_of(rows), **mode)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"speaker": "wihtin"}, "within"),
        ({"context": "all"}, "any"),
        ({"distance": "angle"}, "angular"),
        ({"slicing": "libri-light"}, "librilight"),
        ({"pooling": "haming"}, "hamming"),
        ({"max_group_size": 1}, "at least 2"),
        ({"max_x_across": 5}, "across"),
        ({"rate": "fast"}, "frames per second"),
        ({"rate": -1}, "positive"),
        ({"distance": "identical", "pooling": "mean"}, "averaged"),
        ({"distance": "kl"}, "probabilities"),
    ],
)
def test_settings_that_do_not_exist(options, message):
    features, rows = corpus(14)
    with pytest.raises(SonantError, match=message):
        complete(features, items_of(rows), **{"speaker": "within", "context": "any", **options})


def test_no_cell_says_what_a_cell_needs():
    features, rows = corpus(15, speakers=1)
    with pytest.raises(SonantError, match=r"by another speaker.* 60 tokens .* 1 speakers"):
        complete(features, items_of(rows), speaker="across", context="any")
    with pytest.raises(SonantError, match=r" 0 tokens with frames \(of 60\).* a wrong rate"):
        complete(features, items_of(rows), speaker="across", context="any", slicing="librilight", rate="0.1")
    bare = replace(items_of(rows), previous=None, following=None)
    assert complete(features, bare, speaker="within", context="any").error < 0.5
    with pytest.raises(SonantError, match="prev-phone"):
        complete(features, bare, speaker="within", context="within")


# ---- results ----


def test_tables_agree_with_the_score():
    features, rows = corpus(16, tokens=120, noise=2.0)
    calls = []
    result = complete(
        features, items_of(rows), speaker="across", context="any", progress=lambda *pairs: calls.append(pairs)
    )
    pairs = result.by_phone_pair()
    assert np.mean([row["error"] for row in pairs]) == pytest.approx(result.error)
    assert [row["error"] for row in pairs] == sorted((row["error"] for row in pairs), reverse=True)
    assert sum(row["cells"] for row in pairs) == result.n_cells
    assert sum(row["triples"] for row in pairs) == result.n_triples
    phones, matrix = result.confusions()
    assert np.nanmean(matrix) == pytest.approx(result.error)
    assert matrix[phones.index(pairs[0]["phone"]), phones.index(pairs[0]["other"])] == pairs[0]["error"]
    assert set(result.collapse("speaker")) == {"S0", "S1", "S2"}
    assert result.collapse("phone pair")[pairs[0]["phone"], pairs[0]["other"]] == pairs[0]["error"]
    assert calls[-1] == (result.n_pairs, result.n_pairs)
    with pytest.raises(SonantError, match="phone pair"):
        result.collapse("phones")
    line = json.loads(json.dumps(result.summary()))
    assert line["figure"] == result.error and line["settings"]["speaker"] == "across"
    assert line["confusions"]["matrix"][0][0] is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_equals_cpu():
    features, rows = corpus(17, tokens=200)
    for speaker, context in MODES:
        mode = {"speaker": speaker, "context": context, "precision": "float64"}
        found = complete(features, items_of(rows), device="cuda", **mode)
        assert abs(found.error - complete(features, items_of(rows), **mode).error) < 1e-9
