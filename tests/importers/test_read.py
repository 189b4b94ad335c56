from __future__ import annotations

import argparse
import os
import pickle

import numpy as np
import pytest
import torch

from sonant.core import SonantError
from sonant.importers._read import as_mapping, as_tensors, read_checkpoint, read_json


class Runs:
    """Pickles to a call of a function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def message_of(path) -> str:
    with pytest.raises(SonantError) as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_code_in_a_pickle_is_refused_and_named(tmp_path):
    path, proof = tmp_path / "evil.pt", tmp_path / "proof"
    torch.save({"weights": {"a": torch.zeros(1)}, "config": Runs(os.mkdir, str(proof))}, path)
    assert "mkdir" in message_of(path)
    assert not proof.exists()


def test_code_in_a_bare_pickle_is_refused(tmp_path):
    path, proof = tmp_path / "evil.pt", tmp_path / "proof"
    path.write_bytes(pickle.dumps(Runs(os.mkdir, str(proof)), protocol=2))
    message_of(path)
    assert not proof.exists()


def test_objects_in_an_npz_are_refused(tmp_path):
    path, proof = tmp_path / "evil.npz", tmp_path / "proof"
    np.savez(path, a=np.array([Runs(os.mkdir, str(proof))], dtype=object))
    message_of(path)
    assert not proof.exists()


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors", "a.npz"])
@pytest.mark.parametrize("content", [b"", b"hello, this is no checkpoint", b"PK\x03\x04 cut short", b"\x80\x02"])
def test_damaged_files_are_told(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    message_of(tmp_path / name)


def test_half_a_checkpoint_is_told(tmp_path):
    torch.save({"a": torch.zeros(1000)}, tmp_path / "whole.pt")
    (tmp_path / "half.pt").write_bytes((tmp_path / "whole.pt").read_bytes()[:2000])
    message_of(tmp_path / "half.pt")


def test_missing_files_are_told(tmp_path):
    assert "no such file" in message_of(tmp_path / "nothing.pt")


def test_plain_data_is_read(tmp_path):
    content = {"config": argparse.Namespace(dim=3), "weights": {"a": torch.arange(3)}}
    torch.save(content, tmp_path / "good.pt")
    read = read_checkpoint(tmp_path / "good.pt")
    assert as_mapping(read["config"], "config") == {"dim": 3}
    assert torch.equal(as_tensors(read["weights"], "weights")["a"], torch.arange(3))


def test_state_dicts_hold_tensors_only():
    with pytest.raises(SonantError, match="b hold something else"):
        as_tensors({"a": torch.zeros(1), "b": 3}, "file")
    with pytest.raises(SonantError, match="expected a state dict, found list"):
        as_tensors([], "file")
    with pytest.raises(SonantError, match="expected arguments by name"):
        as_mapping(3, "file")


def test_json_must_be_an_object(tmp_path):
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(SonantError, match="JSON object"):
        read_json(tmp_path / "a.json")
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(SonantError, match="not readable"):
        read_json(tmp_path / "b.json")
