"""Both layouts of VCTK on made-up copies."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from sonant.core import SonantError
from sonant.data.recipes import vctk

TEXT = "Please call Stella."


def put(path, *, seconds=0.5):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full(int(seconds * 48_000), 0.1), 48_000)


def text(root, speaker, number):
    path = root / f"txt/{speaker}/{speaker}_{number}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{TEXT}\n")


@pytest.fixture
def old(tmp_path):
    """0.80: one microphone, numbers without p in the list of speakers."""
    root = tmp_path / "VCTK-Corpus"
    for speaker in ("p225", "p226"):
        for number in ("001", "002"):
            put(root / f"wav48/{speaker}/{speaker}_{number}.wav")
            text(root, speaker, number)
    (root / "speaker-info.txt").write_text(
        "ID  AGE  GENDER  ACCENTS  REGION\n225  23  F    English    Southern  England\n226  22  M    English  Surrey\n"
    )
    return tmp_path


@pytest.fixture
def new(tmp_path):
    """0.92: two microphones, one of them absent for p315, whose texts are lost."""
    root = tmp_path / "VCTK-Corpus-0.92"
    for speaker in ("p225", "p315", "s5"):
        for microphone in ("mic1", "mic2")[: 1 if speaker == "p315" else 2]:
            put(root / f"wav48_silence_trimmed/{speaker}/{speaker}_001_{microphone}.flac")
        if speaker != "p315":
            text(root, speaker, "001")
    put(root / "wav48_silence_trimmed/log.flac")
    (root / "wav48_silence_trimmed/p225/notes.txt").write_text("")
    (root / "speaker-info.txt").write_text(
        "ID  AGE  GENDER  ACCENTS  REGION COMMENTS \np225  23  F    English    Southern  England\n"
        "p315  18  M  American  New England  (no text)\ns5  18  F  British\n"
    )
    return tmp_path


def test_version_0_80(old):
    manifest = vctk.prepare(old, old / "out")
    assert [u.id for u in manifest] == ["p225_001", "p225_002", "p226_001", "p226_002"]
    assert {(u.speaker, u.gender, u.language, u.text) for u in manifest} == {
        ("p225", "F", "en", TEXT), ("p226", "M", "en", TEXT)
    }  # fmt: skip
    assert all(u.sample_rate == 48_000 and u.duration == 0.5 for u in manifest)
    inside = vctk.prepare(old / "VCTK-Corpus", old / "again")
    assert [u.path for u in inside] == [u.path for u in manifest]


def test_version_0_92_has_two_microphones(new):
    first, second = (vctk.prepare(new, new / name, microphone=name) for name in ("mic1", "mic2"))
    told = [(u.id, u.speaker, u.gender, u.text) for u in first]
    assert told == [("p225_001", "p225", "F", TEXT), ("p315_001", "p315", "M", None), ("s5_001", "s5", "F", TEXT)]
    assert [u.id for u in second] == ["p225_001", "s5_001"]
    assert all("_mic1.flac" in u.path for u in first) and all("_mic2.flac" in u.path for u in second)


def test_what_is_not_vctk(old, tmp_path):
    with pytest.raises(SonantError, match=r"holds no wav48_silence_trimmed or wav48.*datashare"):
        vctk.prepare(old / "VCTK-Corpus" / "txt", tmp_path / "out")
    (tmp_path / "empty" / "wav48").mkdir(parents=True)
    with pytest.raises(SonantError, match="holds no recording of mic2"):
        vctk.prepare(tmp_path / "empty", tmp_path / "out", microphone="mic2")
    bad = old / "VCTK-Corpus/wav48/p226/p226_003.wav"
    bad.write_bytes(b"no audio")
    assert len(vctk.prepare(old, tmp_path / "out")) == 4
    with pytest.raises(SonantError, match="p226_003"):
        vctk.prepare(old, tmp_path / "out", strict=True)
