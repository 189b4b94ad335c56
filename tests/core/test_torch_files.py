from __future__ import annotations

import argparse
import os
import pickle

import pytest
import torch

from sonant.core import SonantError
from sonant.core.torch_files import read_torch


class Command:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return os.system, ("exit 1",)


def test_tensors_and_what_is_allowed(tmp_path):
    torch.save({"x": torch.arange(3), "args": argparse.Namespace(a=1)}, tmp_path / "x.pt")
    assert read_torch(tmp_path / "x.pt", allowed=(argparse.Namespace,))["args"].a == 1
    with pytest.raises(SonantError, match="asks to run code .argparse.Namespace"):
        read_torch(tmp_path / "x.pt")
    torch.save(torch.arange(3), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert read_torch(tmp_path / "old.pt", mmap=True).tolist() == [0, 1, 2]


def test_files_of_strangers_are_one_line(tmp_path):
    torch.save(Command(), tmp_path / "code.pt")
    (tmp_path / "code.pkl").write_bytes(pickle.dumps(Command()))
    torch.save(torch.zeros(100), tmp_path / "whole.pt")
    (tmp_path / "half.pt").write_bytes((tmp_path / "whole.pt").read_bytes()[:300])
    (tmp_path / "text.pt").write_text("hello")
    (tmp_path / "empty.pt").touch()
    for name, told in (
        ("code.pt", "asks to run code .*system"),
        ("code.pkl", "refused"),
        ("half.pt", "damaged"),
        ("text.pt", "damaged"),
        ("empty.pt", "is empty"),
        ("none.pt", "no such file"),
        (".", "a folder"),
    ):
        with pytest.raises(SonantError, match=told) as caught:
            read_torch(tmp_path / name)
        assert len(str(caught.value)) < len(str(tmp_path)) + 300
        assert "weights_only" not in str(caught.value)
