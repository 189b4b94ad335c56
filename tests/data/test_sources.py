from __future__ import annotations

import pytest
import soundfile

from sonant.core import SonantError
from sonant.data.kaldi import read_entries, read_scp
from sonant.data.sources import find_utterances


def test_a_folder_a_file_and_a_manifest(tree, manifest):
    by_folder = find_utterances(tree)
    assert [u.id for u in by_folder][:7] == ["a-0", "a-1", "a-2", "a-3", "a-4", "a-5", "b-0"]
    (single,) = find_utterances(tree / "b/b-3.wav")
    assert single == by_folder[9]
    assert single.duration == soundfile.info(tree / "b/b-3.wav").duration
    by_manifest = find_utterances(manifest.folder)
    assert [(u.id, u.path, u.duration) for u in by_manifest] == [(u.id, u.path, u.duration) for u in by_folder]


def test_wav_scp(tree, tmp_path):
    (tmp_path / "wav.scp").write_text(f"one {tree}/a/a-0.wav\ntwo\t{tree}/b/b-1.wav\n")
    for source in (tmp_path, tmp_path / "wav.scp"):
        assert [(u.id, u.path) for u in find_utterances(source)] == [
            ("one", f"{tree}/a/a-0.wav"),
            ("two", f"{tree}/b/b-1.wav"),
        ]


def test_relative_paths_are_found_from_above(tree, tmp_path, monkeypatch):
    (tmp_path / "corpus/kaldi/train").mkdir(parents=True)
    (tmp_path / "corpus/a").symlink_to(tree / "a")
    scp = tmp_path / "corpus/kaldi/train/wav.scp"
    scp.write_text("one a/a-0.wav\n")
    assert read_scp(scp)["one"] == tmp_path / "corpus/a/a-0.wav"
    monkeypatch.chdir(tree)
    assert read_scp(scp)["one"].as_posix() == "a/a-0.wav"
    assert find_utterances(scp)[0].duration > 0
    assert read_scp(scp, root=tmp_path)["one"] == tmp_path / "a/a-0.wav"


def test_commands_are_refused(tmp_path):
    marker = tmp_path / "ran"
    (tmp_path / "wav.scp").write_text(f"one touch {marker} |\n")
    with pytest.raises(SonantError, match="runs no commands from files"):
        find_utterances(tmp_path / "wav.scp")
    assert not marker.exists()


def test_an_unreadable_file_is_kept_for_its_reader_to_name(tree, tmp_path):
    (tmp_path / "a.wav").touch()
    soundfile.write(tmp_path / "b.wav", soundfile.read(tree / "a/a-0.wav")[0], 8000)
    first, second = find_utterances(tmp_path)
    assert first.duration == 0.0
    assert second.duration > 0


def test_nothing_there(tmp_path):
    with pytest.raises(SonantError, match="no file or folder"):
        find_utterances(tmp_path / "x")
    with pytest.raises(SonantError, match="no audio beneath"):
        find_utterances(tmp_path)


def test_entries(tmp_path):
    (tmp_path / "text").write_text("a  HELLO  THERE\n\nb\n", encoding="utf-8")
    assert read_entries(tmp_path / "text") == {"a": "HELLO  THERE", "b": ""}
    (tmp_path / "text").write_text("a 1\na 2\n")
    with pytest.raises(SonantError, match="line 2: the key 'a' comes twice"):
        read_entries(tmp_path / "text")
    (tmp_path / "text").write_bytes(b"a \xff\xfe\n")
    with pytest.raises(SonantError, match="UTF-8"):
        read_entries(tmp_path / "text")
