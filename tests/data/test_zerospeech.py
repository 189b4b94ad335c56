"""Formats of the ZeroSpeech benchmarks."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from sonant.core import FrameGeometry, SonantError
from sonant.data.zerospeech import BENCHMARKS, meta, params, read_array, subsets_of, write_array, write_descriptions

GEOMETRY = FrameGeometry(16000, hop=160, window=400)


def test_the_subsets_of_each_benchmark():
    assert [subset.folder for subset in subsets_of("abxLS")] == ["dev-clean", "dev-other", "test-clean", "test-other"]
    assert len(subsets_of("abx17")) == 15
    assert "german/10s" in [subset.folder for subset in subsets_of("abx17")]
    assert "LANG1/10s" in [subset.folder for subset in subsets_of("zr2017")]
    folders = [subset.folder for subset in subsets_of("zr2021")]
    assert folders[0] == "phonetic/dev-clean"
    assert folders[-1] == "semantic/test/synthetic"


@pytest.mark.parametrize("suffix", [".npy", ".txt", ".fea"])
def test_arrays_come_back_as_float64(tmp_path, suffix):
    x_TD = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    write_array(tmp_path / f"a{suffix}", x_TD, GEOMETRY)
    back = read_array(tmp_path / f"a{suffix}")
    assert back.dtype == np.float64
    np.testing.assert_array_equal(back.astype(np.float32), x_TD)
    if suffix == ".fea":
        times = [line.split()[0] for line in (tmp_path / "a.fea").read_text().splitlines()]
        assert times == ["0.0125", "0.0225", "0.0325", "0.0425", "0.0525"]


def test_one_frame_is_too_few(tmp_path):
    with pytest.raises(SonantError, match="at least two"):
        write_array(tmp_path / "a.npy", np.zeros((1, 3)), GEOMETRY)


def test_descriptions_are_filled_in_once(tmp_path):
    made = meta("abxLS", step=0.01, distance="angular", description="ours", train_set="<what>")
    (tmp_path / "about.yaml").write_text("publication: {authors: A B}\nmodel_info: {train_set: librispeech}\n")
    left = write_descriptions(tmp_path, made, None, given=tmp_path / "about.yaml")
    assert "publication.authors" not in left
    assert "publication.institution" in left
    written = yaml.safe_load((tmp_path / "meta.yaml").read_text())
    assert (written["publication"]["authors"], written["model_info"]["train_set"]) == ("A B", "librispeech")
    assert written["benchmark_name"] == "abxLS"
    assert write_descriptions(tmp_path, made, None, given=None) == left


def test_parameters_say_how_features_are_scored():
    assert [params(name, step=0.02, distance="angular") is None for name in BENCHMARKS] == [False, False, True, True]
    made = params("abxLS", step=0.02, distance="angular")
    assert (made["feature_size"], made["distance_mode"], made["max_size_group"], made["seed"]) == (
        0.02,
        "cosine",
        10,
        3459,
    )
    assert meta("zr2021", step=0.01, distance="kl", description="", train_set="")["parameters"]["phonetic"] == {
        "metric": "kl_symmetric",
        "frame_shift": 0.01,
    }
