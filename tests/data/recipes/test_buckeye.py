"""The Buckeye recipe on a made-up copy: labels, stretches of speech, packed recordings, what is missing."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sonant.core import SonantError
from sonant.data.manifest import Manifest
from sonant.data.recipes import buckeye
from sonant.data.recipes.buckeye import SPLITS, read_labels
from sonant.data.words import words_of_manifest

RATE = 8000
WORDS = """signal s0101a
type 0
color 122
comment created using xlabel Wed Mar 29 12:23:24 2006
separator ;
nfields 1
#
    0.100000  122 {B_TRANS}; B; B; null
    0.250000  122 <SIL>; S; S; null
    0.700000  122 okay; ow k ey; ow k ey; NN
    1.300000  122 whatever; w ah t eh v er; w ah t eh v er; WP
    1.300000  122 ghost; g; g; NN
    1.400000  122 <IVER>; U; U; null
    2.150000  122 yesterday; y eh s t er d ey; y eh s t er d ey; NN
    2.200000  122 <LAUGH-yes>; y eh s; y eh s; UH
    2.400000  122 {E_TRANS}; E; E; null
"""
PHONES = """signal s0101a
nfields 1
#
   0.250000  121 SIL
   0.300000  121 ow; *
   0.500000  121 k+1
   0.700000  121 ey
   1.300000  121 w
   1.400000  121 IVER
   2.150000  121 y
   2.400000  121 {E_TRANS}
"""


def write_recording(folder: Path, name: str, *, words: str | None = WORDS, phones: str | None = PHONES) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / f"{name}.wav", np.full(int(2.4 * RATE), 0.1), RATE)
    for suffix, text in ((".words", words), (".phones", phones)):
        if text is not None:
            (folder / f"{name}{suffix}").write_text(text)


@pytest.fixture
def corpus(tmp_path) -> Path:
    """A recording of every speaker of devpart2 and of s01."""
    for speaker in (*SPLITS["devpart2"], "s01"):
        write_recording(tmp_path / "src" / speaker, f"{speaker}01a")
    return tmp_path / "src"


def test_the_splits_share_no_speaker():
    speakers = [speaker for split in SPLITS.values() for speaker in split]
    assert sorted(speakers) == [f"s{number:02d}" for number in range(1, 41)]


def test_labels_end_where_they_say(tmp_path):
    write_recording(tmp_path, "s0101a")
    assert read_labels(tmp_path / "s0101a.words") == [
        ("SIL", 0.0, 0.1),
        ("SIL", 0.1, 0.25),
        ("okay", 0.25, 0.7),
        ("whatever", 0.7, 1.3),
        ("SIL", 1.3, 1.4),
        ("yesterday", 1.4, 2.15),
        ("SIL", 2.15, 2.2),
        ("SIL", 2.2, 2.4),
    ]
    labels = [label for label, _, _ in read_labels(tmp_path / "s0101a.phones")]
    assert labels == ["SIL", "ow", "k", "ey", "w", "SIL", "y", "SIL"]
    (tmp_path / "x.words").write_text("0.1 122 okay\n")
    with pytest.raises(SonantError, match="has no line '#'"):
        read_labels(tmp_path / "x.words")
    (tmp_path / "x.words").write_text("#\nsoon 122 okay\n")
    with pytest.raises(SonantError, match="does not begin with a time"):
        read_labels(tmp_path / "x.words")


def test_utterances_are_stretches_of_words(corpus, tmp_path):
    manifest = buckeye.prepare(corpus, tmp_path / "out", splits="devpart2")
    assert (len(manifest), manifest.folder.name) == (16, "devpart2")
    assert manifest.speakers == sorted(SPLITS["devpart2"])
    first, second = manifest.utterance(0), manifest.utterance(1)
    assert (first.id, first.recording, first.speaker) == ("s1701a_000025-000130", "s1701a", "s17")
    assert (first.start, first.duration, first.text) == (0.25, pytest.approx(1.05), "okay whatever")
    assert first.words == [("okay", 0.0, 0.45), ("whatever", 0.45, 1.05)]
    assert [label for label, _, _ in first.phones] == ["ow", "k", "ey", "w"]
    assert (second.id, second.words) == ("s1701a_000140-000215", [("yesterday", 0.0, 0.75)])
    keys = [word.key for word in words_of_manifest(manifest)][:3]
    assert keys == ["okay_s1701a_000025-000070", "whatever_s1701a_000070-000130", "yesterday_s1701a_000140-000215"]


def test_utterances_may_be_recordings(corpus, tmp_path):
    (one, *others) = buckeye.prepare(corpus, tmp_path / "out", splits="devpart2", utterances="recordings")
    assert (len(others), one.id, one.duration) == (7, "s1701a", 2.4)
    assert one.words == [("okay", 0.25, 0.7), ("whatever", 0.7, 1.3), ("yesterday", 1.4, 2.15)]


def test_an_alignment_takes_the_place_of_the_word_files(corpus, tmp_path, capsys):
    for file in corpus.rglob("*.words"):
        file.unlink()
    aligned = [f"{speaker}01a 0.5 1.1 hello\n{speaker}01a 1.1 1.2 SPN\n" for speaker in SPLITS["devpart2"][1:]]
    (tmp_path / "x.wrd").write_text("".join(aligned))
    manifest = buckeye.prepare(corpus, tmp_path / "out", splits="devpart2", alignment=tmp_path / "x.wrd")
    assert [u.text for u in manifest] == ["hello"] * 7
    assert "the alignment lacks the recording s1701a" in capsys.readouterr().err
    with pytest.raises(SonantError, match="has no s1701a.words beside it"):
        buckeye.prepare(corpus, tmp_path / "out", splits="devpart2", strict=True)


def test_what_is_missing_is_said(corpus, tmp_path, capsys):
    with pytest.raises(SonantError, match=r"devpart1 lacks s02, s03, .* zs lacks s20, .*; testpart2 lacks s07"):
        buckeye.prepare(corpus, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    manifest = buckeye.prepare(corpus, tmp_path / "out", splits="devpart2,zs", partial=True)
    assert manifest.folder.name == "devpart2"
    assert Manifest.open(tmp_path / "out/zs").speakers == ["s01"]
    assert "zs lacks s20, s23" in capsys.readouterr().err
    with pytest.raises(SonantError, match="unknown split 'devpart'. Did you mean 'devpart"):
        buckeye.prepare(corpus, tmp_path / "out", splits="devpart")
    with pytest.raises(SonantError, match=r"holds no recording of testpart2: expected .*s01/s0101a\.wav"):
        buckeye.prepare(corpus, tmp_path / "out", splits="testpart2", partial=True)


def test_the_archives_as_distributed_are_unpacked_once(corpus, tmp_path):
    speaker = corpus / "s17"
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as packed:
        for file in speaker.iterdir():
            packed.write(file, f"s1701a/{file.name}")
        packed.writestr("../../evil.wav", "")
        packed.writestr("s17/s1701a.log", "")
    with zipfile.ZipFile(corpus / "s17.zip", "w") as packed:
        packed.writestr("s17/s1701a.zip", inner.getvalue())
    for file in speaker.iterdir():
        file.unlink()
    manifest = buckeye.prepare(corpus, tmp_path / "out", splits="devpart2")
    assert len(manifest) == 16
    unpacked = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out/audio").rglob("*.*"))
    assert unpacked == [f"audio/s17/s1701a.{suffix}" for suffix in ("phones", "wav", "words")]
    changed = (tmp_path / "out/audio/s17/s1701a.wav").stat().st_mtime_ns
    buckeye.prepare(corpus, tmp_path / "out", splits="devpart2")
    assert (tmp_path / "out/audio/s17/s1701a.wav").stat().st_mtime_ns == changed
    (corpus / "s18.zip").write_text("no archive")
    for file in (corpus / "s18").iterdir():
        file.unlink()
    with pytest.raises(SonantError, match="cannot unpack"):
        buckeye.prepare(corpus, tmp_path / "out", splits="devpart2")
