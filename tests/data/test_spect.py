"""SpectDataSet folders read and written."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant.core import FrameGeometry, SonantError
from sonant.data.manifest import Utterance
from sonant.data.recipes.spect import prepare
from sonant.data.spect import SpectDir, read_tokens, runs_of, write_labels


@pytest.fixture
def folder(tmp_path):
    """Three utterances, of which the last has no tokens."""
    for kind in ("feat", "ali", "ref"):
        (tmp_path / kind).mkdir()
    for id, frames in (("u1", 6), ("u2", 4), ("u3", 5)):
        torch.save(torch.randn(frames, 3), tmp_path / "feat" / f"x-{id}.pt")
        torch.save(torch.tensor([0, 0, 2, 2, 1, 1][:frames]), tmp_path / "ali" / f"x-{id}.pt")
    torch.save(torch.tensor([[2, 2, 4], [5, -1, -1], [1, 4, 6]]), tmp_path / "ref" / "x-u1.pt")
    torch.save(torch.tensor([2, 1]), tmp_path / "ref" / "x-u2.pt")
    (tmp_path / "feat" / "notes.txt").write_text("")
    return tmp_path


def test_reads_utterances_that_are_whole(folder):
    spect = SpectDir(folder, prefix="x-")
    assert (spect.ids, spect.incomplete) == (["u1", "u2"], ["u3"])
    assert spect.shape("u1") == (6, 3)
    assert spect.ali("u1", 6) == [(0, 0, 2), (2, 2, 4), (1, 4, 6)]
    assert spect.ref("u1", 6) == [(2, 2, 4), (5, -1, -1), (1, 4, 6)]
    assert spect.ref("u2", 4) == [(2, -1, -1), (1, -1, -1)]


def test_runs():
    assert runs_of(np.array([3, 3, 0, 3])) == [(3, 0, 2), (0, 2, 3), (3, 3, 4)]
    assert runs_of(np.array([], dtype=np.int64)) == []


@pytest.mark.parametrize(
    ("kind", "tensor", "told"),
    [
        ("ali", torch.zeros(5, dtype=torch.long), "5,"),
        ("ali", torch.zeros(6), "whole numbers"),
        ("ref", torch.tensor([[1, 0, 7]]), "0 to 7 of 6"),
        ("ref", torch.zeros(2, 2, dtype=torch.long), "R, 3"),
        ("ref", {"a": 1}, "expected one tensor"),
    ],
)
def test_tensors_that_do_not_fit_are_told(folder, kind, tensor, told):
    torch.save(tensor, folder / kind / "x-u1.pt")
    spect = SpectDir(folder, prefix="x-")
    with pytest.raises(SonantError, match=told):
        getattr(spect, kind)("u1", 6)


def test_folders_without_features_are_told(folder, tmp_path):
    with pytest.raises(SonantError, match="another prefix"):
        SpectDir(folder, prefix="y-")
    with pytest.raises(SonantError, match="no folder 'feat'"):
        SpectDir(folder / "feat")


def test_token_files_hold_both_in_either_order(tmp_path):
    (tmp_path / "token2id").write_text("SIL 0\n\naa 1\n")
    (tmp_path / "id2token").write_text("0 SIL\n1 aa\n")
    assert read_tokens(tmp_path / "token2id") == read_tokens(tmp_path / "id2token") == {0: "SIL", 1: "aa"}
    (tmp_path / "token2id").write_text("SIL\n")
    with pytest.raises(SonantError, match="line 1"):
        read_tokens(tmp_path / "token2id")


def test_labels_are_those_of_the_frame_centres(tmp_path):
    geometry = FrameGeometry(16000, hop=160, window=400, offset=-120, tail=120)  # centres at 5, 15, 25, ... ms
    phones = [("b", 0.012, 0.031), ("sil", 0.031, 0.04), ("a", 0.04, 0.0449), ("b", 0.0452, 0.07)]
    utterances = [
        Utterance(id="u", path="", phones=phones),
        Utterance(id="v", path="", phones=[("a", 0.0, 0.01)]),
        Utterance(id="w", path=""),
    ]
    assert write_labels(tmp_path, utterances, frames={"u": 6, "w": 6}, geometry=geometry) == 1
    torch.save(torch.zeros(6, 2), (tmp_path / "feat").mkdir() or tmp_path / "feat" / "u.pt")
    spect = SpectDir(tmp_path)
    assert spect.names == {0: "SIL", 1: "a", 2: "b"}
    assert spect.ali("u", 6) == [(0, 0, 1), (2, 1, 3), (0, 3, 5), (2, 5, 6)]
    assert spect.ref("u", 6) == [(2, 1, 3), (2, 5, 6)]


def test_a_first_utterance_that_cannot_be_read_is_skipped_like_any_other(tmp_path, capsys):
    for place, name in enumerate("abc"):
        (tmp_path / "in" / "feat").mkdir(parents=True, exist_ok=True)
        torch.save(torch.ones(20 + place, 5), tmp_path / "in" / "feat" / f"{name}.pt")
    (tmp_path / "in" / "feat" / "a.pt").write_bytes(b"hello")
    manifest = prepare(tmp_path / "in", tmp_path / "out")
    assert [u.id for u in manifest] == ["b", "c"]
    assert "a.pt: damaged, or no file of torch" in capsys.readouterr().err


def test_a_list_of_tokens_that_is_no_text_is_told(tmp_path):
    (tmp_path / "token2id.txt").write_bytes(b"\xff\xfe\x00 1\n")
    with pytest.raises(SonantError, match="the list of tokens .* is not text in UTF-8"):
        read_tokens(tmp_path / "token2id.txt")
