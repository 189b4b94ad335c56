from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch

from sonant.core import FrameGeometry, SonantError
from sonant.data.arrays import FORMATS, ArrayReader, ArrayWriter

FACTS = {
    "geometry": {"sample_rate": 16_000, "hop": 160, "window": 465, "offset": 0, "tail": 0},
    "layer": "c",
    "model": "runs/cpc",
    "dim": 5,
}
GENERATOR = np.random.default_rng(0)
ARRAYS = {name: GENERATOR.standard_normal((t, 5)).astype(np.float32) for name, t in (("a", 7), ("s/b", 1), ("c", 30))}


def place(folder, format, *, single: bool):
    return folder / (f"x.{format}" if single else "out")


CASES = [(format, False) for format in FORMATS] + [(format, True) for format in ("npz", "h5", "ark")]


@pytest.fixture(autouse=True)
def needs_h5py(request):
    if "h5" in request.node.name:
        pytest.importorskip("h5py", reason="the optional package h5py is not installed")


@pytest.mark.parametrize(("format", "single"), CASES)
def test_round_trip(tmp_path, format, single):
    path = place(tmp_path, format, single=single)
    with ArrayWriter(path, format=format, facts=FACTS) as writer:
        for key, x_TD in ARRAYS.items():
            writer.write(key, x_TD)
    with ArrayReader(path) as reader:
        assert sorted(reader) == sorted(ARRAYS)
        for key, x_TD in ARRAYS.items():
            assert reader[key].dtype == np.float32
            np.testing.assert_array_equal(reader[key], x_TD)
        assert "b" in reader
        np.testing.assert_array_equal(reader["b"], ARRAYS["s/b"])
        assert reader.geometry == FrameGeometry(sample_rate=16_000, hop=160, window=465)
        assert (reader.facts["layer"], reader.facts["model"], reader.facts["complete"]) == ("c", "runs/cpc", True)
        with pytest.raises(KeyError):
            reader["nowhere"]
    assert not list(tmp_path.rglob("*parts*"))


@pytest.mark.parametrize(("format", "single"), CASES)
def test_an_interrupted_writer_goes_on(tmp_path, format, single):
    path = place(tmp_path, format, single=single)
    with pytest.raises(RuntimeError), ArrayWriter(path, format=format, facts=FACTS) as writer:
        writer.write("a", ARRAYS["a"])
        raise RuntimeError
    again = ArrayWriter(path, format=format, facts=FACTS)
    assert again.complete == {"a"}
    again.write("s/b", ARRAYS["s/b"])
    again.close()
    more = ArrayWriter(path, format=format, facts=FACTS)
    assert more.complete == {"a", "s/b"}
    more.write("c", ARRAYS["c"])
    more.write("a", ARRAYS["a"] + 1)
    more.close()
    with ArrayReader(path) as reader:
        assert sorted(reader) == sorted(ARRAYS)
        np.testing.assert_array_equal(reader["a"], ARRAYS["a"] + 1)
        np.testing.assert_array_equal(reader["s/b"], ARRAYS["s/b"])


def test_other_facts_are_refused(tmp_path):
    with ArrayWriter(tmp_path, format="npy", facts=FACTS) as writer:
        writer.write("a", ARRAYS["a"])
    with pytest.raises(SonantError, match="already holds arrays with layer 'c', and these have 'z'"):
        ArrayWriter(tmp_path, format="npy", facts={**FACTS, "layer": "z"})
    with pytest.raises(SonantError, match="format 'npy'"):
        ArrayWriter(tmp_path, format="pt", facts=FACTS)
    with pytest.raises(SonantError, match="Did you mean 'npy'"):
        ArrayWriter(tmp_path, format="numpy")


@pytest.mark.parametrize("key", ["", "/etc/x", "../x", "a/../../x", ".hidden", "a\\b"])
def test_keys_stay_inside_the_folder(tmp_path, key):
    writer = ArrayWriter(tmp_path / "out", format="npy")
    with pytest.raises(SonantError, match="cannot name an array"):
        writer.write(key, ARRAYS["a"])
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["index.json", "out"]


def test_only_frames_and_vectors_are_written(tmp_path):
    writer = ArrayWriter(tmp_path, format="npy")
    with pytest.raises(SonantError, match=r"must be \(frames, dimensions\), got shape \(1, 2, 3\)"):
        writer.write("a", np.zeros((1, 2, 3)))
    writer.write("vector", np.arange(3))
    assert ArrayReader(tmp_path)["vector"].tolist() == [0, 1, 2]
    ArrayWriter(tmp_path / "ark", format="ark").write("with space", np.zeros((1, 1)))
    with pytest.raises(SonantError, match="holds a space"):
        ArrayWriter(tmp_path / "ark", format="ark").close()


def test_folders_without_index_are_read(tmp_path):
    np.save(tmp_path / "a.npy", ARRAYS["a"].astype(np.float64))
    torch.save(torch.from_numpy(ARRAYS["c"]).half(), tmp_path / "c.pt")
    np.savez(tmp_path / "v.npz", np.arange(3))
    reader = ArrayReader(tmp_path)
    assert sorted(reader) == ["a", "c", "v"]
    assert reader.geometry is None
    np.testing.assert_array_equal(reader["a"], ARRAYS["a"])
    np.testing.assert_allclose(reader["c"], ARRAYS["c"], atol=2e-3)
    assert reader["v"].shape == (3,)


def test_a_name_in_two_folders_needs_its_path(tmp_path):
    with ArrayWriter(tmp_path, format="npy") as writer:
        writer.write("x/u", ARRAYS["a"])
        writer.write("y/u", ARRAYS["c"])
    reader = ArrayReader(tmp_path)
    assert "u" not in reader
    assert reader["y/u"].shape == (30, 5)


class Bomb:
    def __reduce__(self):
        return print, ("code ran",)


def test_files_with_code_are_not_run(tmp_path, capsys):
    (tmp_path / "a.pt").write_bytes(pickle.dumps(Bomb(), protocol=2))
    torch.save({"x": Bomb()}, tmp_path / "b.pt")
    np.save(tmp_path / "c.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "d.npz", np.array([Bomb()], dtype=object))
    for key, array in (("a", None), ("b", None), ("c", None), ("d", None)):
        with pytest.raises(SonantError) as error:
            array = ArrayReader(tmp_path)[key]
        assert array is None
        assert "\n" not in str(error.value)
    assert "code ran" not in capsys.readouterr().out


def test_damaged_files_are_named(tmp_path):
    for name in ("x.npz", "x.h5", "x.ark", "x.txt"):
        (tmp_path / name).write_bytes(b"nothing of the kind " * 300)
        with pytest.raises(SonantError, match="x\\."):
            ArrayReader(tmp_path / name)
    with pytest.raises(SonantError, match="no arrays at"):
        ArrayReader(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SonantError, match="holds no .npy"):
        ArrayReader(tmp_path / "empty")
    np.save(tmp_path / "empty/a.npy", ARRAYS["c"])
    (tmp_path / "empty/a.npy").write_bytes((tmp_path / "empty/a.npy").read_bytes()[:300])
    with pytest.raises(SonantError, match="array 'a'.*cannot be read"):
        ArrayReader(tmp_path / "empty")["a"]
    (tmp_path / "empty/a.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(SonantError, match="array 'a'.*cannot be read"):
        ArrayReader(tmp_path / "empty").shape("a")


def test_what_is_no_archive_is_told_by_its_cause(tmp_path):
    np.savez(tmp_path / "good.npz", a=ARRAYS["c"])
    whole = (tmp_path / "good.npz").read_bytes()
    causes = {
        "cut short": whole[: len(whole) // 2],
        "another kind of file": b"text\n" * 20,
        r"empty \(0 bytes\)": b"",
    }
    for says, content in causes.items():
        (tmp_path / "bad.npz").write_bytes(content)
        with pytest.raises(SonantError, match=says):
            ArrayReader(tmp_path / "bad.npz")
    np.savez(tmp_path / "none.npz")
    with pytest.raises(SonantError, match="holds no array"):
        ArrayReader(tmp_path / "none.npz")
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    for read in (ArrayReader(tmp_path / "objects.npz").__getitem__, ArrayReader(tmp_path / "objects.npz").shape):
        with pytest.raises(SonantError, match="holds Python objects, which are not read"):
            read("a")


def kaldi_bytes(key: str, kind: bytes, array: np.ndarray) -> bytes:
    sizes = b"".join(b"\4" + int(size).to_bytes(4, "little") for size in array.shape)
    return key.encode() + b" \0B" + kind + sizes + array.tobytes()


def test_arks_as_kaldi_writes_them(tmp_path):
    double, vector = np.arange(6.0).reshape(2, 3), np.arange(4, dtype=np.float32)
    first = kaldi_bytes("m", b"DM ", double)
    (tmp_path / "x.ark").write_bytes(first + kaldi_bytes("v", b"FV ", vector))
    reader = ArrayReader(tmp_path / "x.ark")
    np.testing.assert_array_equal(reader["m"], double)
    np.testing.assert_array_equal(reader["v"], vector)
    (tmp_path / "x.scp").write_text(f"v /elsewhere/x.ark:{len(first) + 2}\n")  # the ark has moved beside it
    np.testing.assert_array_equal(ArrayReader(tmp_path / "x.scp")["v"], vector)
    (tmp_path / "c.ark").write_bytes(b"k \0BCM " + bytes(30))
    with pytest.raises(SonantError, match="compress=false"):
        ArrayReader(tmp_path / "c.ark")


def test_our_ark_has_kaldis_bytes(tmp_path):
    with ArrayWriter(tmp_path / "x.ark", format="ark") as writer:
        writer.write("a", ARRAYS["a"])
    assert (tmp_path / "x.ark").read_bytes() == kaldi_bytes("a", b"FM ", ARRAYS["a"])
    assert (tmp_path / "x.scp").read_text() == f"a {tmp_path}/x.ark:2\n"
    assert json.loads((tmp_path / "x.index.json").read_text())["arrays"] == 1
