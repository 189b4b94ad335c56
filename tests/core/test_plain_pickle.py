"""Pickles are read as data: plain values of either Python, never code."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.core.plain_pickle import read_plain_pickle


class Bomb:
    def __reduce__(self):
        return (print, ("ran",))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_survive(tmp_path, protocol):
    value = [[(3, 4), (0, 0)], {"a": 1.5, "b": None}, "text", b"bytes", True]
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(value, protocol=protocol))
    if protocol > 2:  # below, bytes are stored as a call
        assert read_plain_pickle(tmp_path / "x.pkl") == value
    (tmp_path / "y.pkl").write_bytes(pickle.dumps(value[:3], protocol=protocol))
    assert read_plain_pickle(tmp_path / "y.pkl") == value[:3]


def test_texts_of_python_2_are_read(tmp_path):
    (tmp_path / "x.pkl").write_bytes(b"(lp0\nS'caf\\xe9'\np1\na(I1\nI2\ntp2\na.")
    assert read_plain_pickle(tmp_path / "x.pkl") == ["café", (1, 2)]


@pytest.mark.parametrize("value", [Bomb(), [Bomb()], np.zeros(3), print])
def test_what_would_run_code_is_refused(tmp_path, capsys, value):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(value))
    with pytest.raises(SonantError, match="refused, the file asks to run code"):
        read_plain_pickle(tmp_path / "x.pkl")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("raw", [b"", b"hello", pickle.dumps([1, 2])[:-2]])
def test_damaged_files_are_told(tmp_path, raw):
    (tmp_path / "x.pkl").write_bytes(raw)
    with pytest.raises(SonantError, match="damaged, or no pickle"):
        read_plain_pickle(tmp_path / "x.pkl")
    with pytest.raises(SonantError, match="cannot read"):
        read_plain_pickle(tmp_path / "none.pkl")
