"""Archives of the word-embedding recipes: written, read again, and refused where they are damaged."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.data.archives import (
    Extracted,
    aligned_keys,
    frame_counts,
    pairs_of_aligned,
    pairs_of_keys,
    read_aligned,
    read_frame_pairs,
    read_pair_keys,
    read_pair_paths,
    shapes_of,
    write_aligned,
    write_archive,
    write_extracted,
    write_frame_pairs,
    write_pair_keys,
    write_pair_paths,
)
from sonant.data.arrays import ArrayReader
from sonant.data.pairs import Pair

A, B = "word_s0602a_044207-044257", "word_s0801b_000010-000070"


def frames(count: int, dim: int = 3, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)


@pytest.mark.parametrize("compressed", [True, False])
def test_an_archive_survives_its_file(tmp_path, compressed):
    arrays = {A: frames(50), B: frames(60).astype(np.float64)}
    write_archive(tmp_path / "x.npz", arrays.items(), compressed=compressed)
    with np.load(tmp_path / "x.npz", allow_pickle=False) as read:
        assert list(read) == [A, B]
        assert read[B].dtype == np.float64
        assert all((read[key] == array).all() for key, array in arrays.items())
    assert frame_counts(tmp_path / "x.npz") == {A: 50, B: 60}
    assert ArrayReader(tmp_path / "x.npz")[A].shape == (50, 3)


def test_shapes_are_read_without_the_arrays(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros((7, 2)), b=np.zeros(5))
    assert shapes_of(tmp_path / "x.npz") == {"a": (7, 2), "b": (5,)}
    with pytest.raises(SonantError, match=r"'b' .* must be \(frames, dimensions\)"):
        frame_counts(tmp_path / "x.npz")


def test_objects_and_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.array([{"a": 1}], dtype=object))
    with pytest.raises(SonantError, match="Python objects"):
        shapes_of(tmp_path / "x.npz")
    (tmp_path / "y.npz").write_text("hello")
    with pytest.raises(SonantError, match=r"no \.npz archive"):
        shapes_of(tmp_path / "y.npz")


def test_layers_of_an_extracted_archive(tmp_path):
    layers = {"z": {A: frames(50, 2), B: frames(60, 2)}, "c": {A: frames(50, 4), B: frames(60, 4)}}
    write_extracted(tmp_path / "x.npz", layers)
    assert set(shapes_of(tmp_path / "x.npz")) == {f"{key}.{layer}" for key in (A, B) for layer in "zc"}
    for layer, arrays in layers.items():
        read = Extracted(tmp_path / "x.npz", layer)
        assert list(read) == [A, B]
        assert all((read[key] == arrays[key]).all() for key in read)
    assert frame_counts(tmp_path / "x.npz", suffix=".z") == {f"{A}.z": 50, f"{B}.z": 60}
    with pytest.raises(SonantError, match="no layer 'h'; it has: c, z"):
        Extracted(tmp_path / "x.npz", "h")
    write_archive(tmp_path / "plain.npz", [(A, frames(5))])
    assert list(Extracted(tmp_path / "plain.npz", None)) == [A]


def test_aligned_pairs(tmp_path):
    pairs = [("PT1_0", frames(70), frames(70, seed=1)), ("PT1_1", frames(30), frames(30, seed=1))]
    write_aligned(tmp_path / "x.npz", pairs)
    for (key, x_LD, y_LD), (read_key, read_x_LD, read_y_LD) in zip(
        pairs, read_aligned(tmp_path / "x.npz"), strict=True
    ):
        assert key == read_key
        assert (x_LD == read_x_LD).all()
        assert (y_LD == read_y_LD).all()
    assert aligned_keys(tmp_path / "x.npz") == {"PT1_0": 70, "PT1_1": 30}
    assert pairs_of_aligned(tmp_path / "x.npz")[1] == Pair("PT1_1.X", 0.0, 0.3, "PT1_1.Y", 0.0, 0.3)
    write_aligned(tmp_path / "x.npz", [(A, frames(70), frames(70))])
    assert pairs_of_aligned(tmp_path / "x.npz", "english")[0].label == "word"


def test_aligned_pairs_have_two_equal_sides(tmp_path):
    write_archive(tmp_path / "x.npz", [("k.X", frames(7)), ("k.Y", frames(8))])
    with pytest.raises(SonantError, match="7 and 8 rows"):
        aligned_keys(tmp_path / "x.npz")
    for lone in (".X", ".Y", ".c", ""):
        write_archive(tmp_path / "x.npz", [("k.X", frames(7)), ("k.Y", frames(7)), (f"other{lone}", frames(8))])
        with pytest.raises(SonantError, match="'other.*' lacks its .X or its .Y"):
            aligned_keys(tmp_path / "x.npz")


def test_frame_pairs(tmp_path):
    pieces = [(frames(7), frames(7, seed=1)), (frames(4, seed=2), frames(4, seed=3))]
    one, two = tmp_path / "word1.npy", tmp_path / "word2.npy"
    assert write_frame_pairs(one, two, pieces) == 11
    first_PD, second_PD = read_frame_pairs(one, two)
    assert (first_PD[:7] == pieces[0][0]).all()
    assert (second_PD[7:] == pieces[1][1]).all()
    np.save(two, frames(10))
    with pytest.raises(SonantError, match=r"shapes \(11, 3\) and \(10, 3\)"):
        read_frame_pairs(one, two)
    np.save(two, np.array([{}], dtype=object))
    with pytest.raises(SonantError, match="no .npy file of plain numbers"):
        read_frame_pairs(one, two)


def test_lists_of_keys(tmp_path):
    write_pair_keys(tmp_path / "x.list", [(A, B)])
    assert (tmp_path / "x.list").read_text() == f"{A} {B}\n"
    keys = read_pair_keys(tmp_path / "x.list")
    assert keys == [(A, B)]
    assert pairs_of_keys(keys, "english") == [Pair(A, 0.0, 0.5, B, 0.0, 0.6, "word")]
    other = B.replace("word", "term")
    assert pairs_of_keys([(A, other)], "english")[0].label == "?"
    (tmp_path / "x.list").write_text("a b c\n")
    with pytest.raises(SonantError, match="expected two segment keys"):
        read_pair_keys(tmp_path / "x.list")


def test_paths_are_turned_round(tmp_path, oracle_dir):
    with np.load(oracle_dir / "samediff/expected.npz", allow_pickle=False) as expected:
        backwards = [expected[f"path_{number}"] for number in range(8)]
    (tmp_path / "x.pkl").write_bytes(pickle.dumps([[(int(i), int(j)) for i, j in path] for path in backwards]))
    paths = read_pair_paths(tmp_path / "x.pkl")
    for path_K2, backward_K2 in zip(paths, backwards, strict=True):
        assert path_K2[0].tolist() == [0, 0]
        assert (path_K2[::-1] == backward_K2).all()
    write_pair_paths(tmp_path / "y.pkl", paths)
    assert all((a == b).all() for a, b in zip(paths, read_pair_paths(tmp_path / "y.pkl"), strict=True))


@pytest.mark.parametrize("value", [5, "text", [[(1, 2, 3)]], [[(0, 0), (1, 1)]], [[(1, -1)]], [["ab"]], [[]]])
def test_what_is_no_path_is_refused(tmp_path, value):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(value))
    with pytest.raises(SonantError, match="path"):
        read_pair_paths(tmp_path / "x.pkl")


def test_nothing_in_a_file_of_paths_runs(tmp_path, capsys):
    (tmp_path / "x.pkl").write_bytes(b"cbuiltins\nprint\n(S'ran'\ntR.")
    with pytest.raises(SonantError, match="refused"):
        read_pair_paths(tmp_path / "x.pkl")
    assert capsys.readouterr().out == ""
