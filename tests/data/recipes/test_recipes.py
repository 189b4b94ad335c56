"""The recipes on tiny trees and, where it is there, on real speech."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import pkgutil
import tarfile
import typing
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sonant.core import SonantError
from sonant.data import recipes
from sonant.data.manifest import Manifest
from sonant.data.recipes import folder, kaldi, librispeech, mini_librispeech

RATE = 8000
GRID = """File type = "ooTextFile"
Object class = "TextGrid"

0 0.5 <exists> 1
"IntervalTier" "{tier}" 0 0.5 3
0 0.1 ""
0.1 0.3 "hi"
0.3 0.5 "you"
"""


def write_audio(path: Path, *, seconds: float = 0.5, channels: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full((int(seconds * RATE), channels), 0.1), RATE)
    return path


def test_every_recipe_has_the_one_signature():
    names = [module.name for module in pkgutil.iter_modules(recipes.__path__) if not module.name.startswith("_")]
    assert {"folder", "librispeech", "mini_librispeech", "kaldi"} <= set(names)
    for name in names:
        module = importlib.import_module(f"sonant.data.recipes.{name}")
        assert module.ABOUT and "\n" not in module.ABOUT
        first, second, *options = inspect.signature(module.prepare).parameters.values()
        assert (first.name, second.name) == ("source", "out")
        assert all(option.kind is inspect.Parameter.KEYWORD_ONLY for option in options)
        hints = typing.get_type_hints(module.prepare)
        for option in options:
            parts = {part for part in typing.get_args(hints[option.name]) if part is not type(None)}
            simple = hints[option.name] in (str, int, float, bool, Path) or parts <= {str, int, float, bool, Path}
            assert simple or typing.get_origin(hints[option.name]) is typing.Literal, (name, option)
        listed = [option.name for option in options if option.name not in module.prepare.__doc__]
        assert not listed, f"{name} does not explain {listed}"


def test_folder_speakers(tmp_path):
    write_audio(tmp_path / "src/anna/day1/x_7.wav")
    write_audio(tmp_path / "src/ben/day2/x_8.wav")
    write_audio(tmp_path / "src/y_9.wav")

    def speakers(**options):
        manifest = folder.prepare(tmp_path / "src", tmp_path / "out", **options)
        return {u.id: u.speaker for u in manifest}

    assert speakers() == {"x_7": "anna", "x_8": "ben", "y_9": None}
    assert speakers(speaker_level=2) == {"x_7": "day1", "x_8": "day2", "y_9": None}
    assert speakers(speaker_level=-1) == {"x_7": "day1", "x_8": "day2", "y_9": None}
    assert speakers(speaker_from="none") == {"x_7": None, "x_8": None, "y_9": None}
    assert speakers(speaker_pattern=r"_(\d)$") == {"x_7": "7", "x_8": "8", "y_9": "9"}
    assert speakers(speaker_pattern=r"(.)/day(?P<speaker>\d)") == {"x_7": "1", "x_8": "2", "y_9": None}
    with pytest.raises(SonantError, match="needs a group in parentheses"):
        speakers(speaker_pattern="x_")
    with pytest.raises(SonantError, match="no regular expression"):
        speakers(speaker_pattern="(x")


def test_folder_of_isolated_words(tmp_path, capsys):
    write_audio(tmp_path / "src/x/zero_anna_1.wav", seconds=0.5)
    write_audio(tmp_path / "src/x/one_ben_2.wav", seconds=0.75)
    write_audio(tmp_path / "src/x/other.wav")
    (tmp_path / "src/x/one_ben_2.txt").write_text("eins")
    pattern = r"(?P<label>[a-z]+)_(?P<speaker>[a-z]+)_\d+$"
    one, other, zero = folder.prepare(tmp_path / "src", tmp_path / "out", pattern=pattern)
    assert (zero.speaker, zero.text, zero.words) == ("anna", "zero", [("zero", 0.0, 0.5)])
    assert (one.speaker, one.text, one.words) == ("ben", "eins", [("one", 0.0, 0.75)])
    assert (other.speaker, other.text, other.words) == ("x", None, None)
    assert "is not in 1 of 3 names, as in 'x/other'" in capsys.readouterr().err
    with pytest.raises(SonantError, match="is not in 3 of 3 names"):
        folder.prepare(tmp_path / "src", tmp_path / "out", pattern="(?P<label>[0-9]{9})")
    for bad, says in (("(a", "no regular expression"), ("(?P<word>a)", "needs a group"), ("a", "needs a group")):
        with pytest.raises(SonantError, match=says):
            folder.prepare(tmp_path / "src", tmp_path / "out", pattern=bad)
    with pytest.raises(SonantError, match="has a group called 'digit'"):
        folder.prepare(tmp_path / "src", tmp_path / "out", pattern="(?P<label>a)(?P<digit>b)")
    with pytest.raises(SonantError, match="both tell the speaker"):
        folder.prepare(tmp_path / "src", tmp_path / "out", pattern=pattern, speaker_pattern="(x)")


def test_folder_takes_what_stands_beside_the_audio(tmp_path):
    write_audio(tmp_path / "src/x.wav")
    (tmp_path / "src/x.txt").write_text("Hi\n you")
    (tmp_path / "src/x.TextGrid").write_text(GRID.format(tier="words"))
    (u,) = folder.prepare(tmp_path / "src", tmp_path / "out", language="en")
    assert (u.text, u.language, u.phones) == ("Hi you", "en", None)
    assert u.words == [("hi", 0.1, 0.3), ("you", 0.3, 0.5)]
    (tmp_path / "grids").mkdir()
    (tmp_path / "grids/x.TextGrid").write_text(GRID.format(tier="Phones"))
    (u,) = folder.prepare(tmp_path / "src", tmp_path / "out", alignments=tmp_path / "grids")
    assert (u.words, u.phones) == (None, [("hi", 0.1, 0.3), ("you", 0.3, 0.5)])


def test_folder_channels(tmp_path):
    write_audio(tmp_path / "src/x.wav", channels=2)

    def rows(channels):
        manifest = folder.prepare(tmp_path / "src", tmp_path / "out", channels=channels)
        assert len(manifest.table.paths) == 1
        return [(u.id, u.channel) for u in manifest]

    assert rows("first") == [("x", 0)]
    assert rows("each") == [("x-0", 0), ("x-1", 1)]
    assert rows("all") == [("x", None)]


def test_bad_files_are_named_counted_and_skipped(tmp_path, capsys):
    write_audio(tmp_path / "src/good.wav")
    (tmp_path / "src/empty.wav").touch()
    (tmp_path / "src/text.flac").write_text("hello " * 100)
    soundfile.write(tmp_path / "src/slow.wav", np.zeros(5), 3)
    (tmp_path / "src/good.TextGrid").write_text("nonsense")
    manifest = folder.prepare(tmp_path / "src", tmp_path / "out")
    assert [u.id for u in manifest] == ["good"]
    assert manifest.summary["skipped"] == 4
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5
    assert all(line.startswith("sonant: skipped: ") for line in lines[:4])
    assert lines[4] == "sonant: 4 items skipped, 1 utterances kept"
    with pytest.raises(SonantError, match=r"empty\.wav' is empty"):
        folder.prepare(tmp_path / "src", tmp_path / "out2", strict=True)
    assert not (tmp_path / "out2" / "recordings.jsonl").exists()
    (tmp_path / "src/good.wav").unlink()
    with pytest.raises(SonantError, match="nothing usable is left: all 3 items"):
        folder.prepare(tmp_path / "src", tmp_path / "out3")


def test_check_finds_what_the_header_hides(tmp_path):
    write_audio(tmp_path / "src/good.wav")
    wave = np.full(4000, 0.1)
    wave[9] = np.inf
    soundfile.write(tmp_path / "src/inf.wav", wave, RATE, subtype="FLOAT")
    assert len(folder.prepare(tmp_path / "src", tmp_path / "out")) == 2
    assert [u.id for u in folder.prepare(tmp_path / "src", tmp_path / "out", check=True)] == ["good"]


def test_many_bad_files_do_not_flood(tmp_path, capsys):
    write_audio(tmp_path / "src/good.wav")
    for number in range(30):
        (tmp_path / f"src/{number}.wav").touch()
    folder.prepare(tmp_path / "src", tmp_path / "out")
    assert len(capsys.readouterr().err.splitlines()) == 22


def librispeech_tree(root: Path) -> Path:
    write_audio(root / "dev/19/198/19-198-0000.flac")
    write_audio(root / "dev/19/198/19-198-0001.flac")
    (root / "dev/19/198/19-198.trans.txt").write_text("19-198-0000 HI YOU\n19-198-0001 AND YOU\n")
    write_audio(root / "test/26/1/26-1-0000.flac")
    (root / "SPEAKERS.TXT").write_text(
        "; ID | SEX | SUBSET | MINUTES | NAME\n19 | F | dev | 1 | A\n26 | M | test | 2 | B\n"
    )
    grid = root / "alignments/dev/19/198/19-198-0000.TextGrid"
    grid.parent.mkdir(parents=True)
    grid.write_text(GRID.format(tier="words"))
    return root


def test_librispeech(tmp_path):
    root = librispeech_tree(tmp_path / "LibriSpeech")
    for source in (root, tmp_path):
        manifest = librispeech.prepare(source, tmp_path / "out")
        first, second, third = manifest
        assert (first.id, first.speaker, first.gender, first.text) == ("19-198-0000", "19", "F", "HI YOU")
        assert first.words == [("hi", 0.1, 0.3), ("you", 0.3, 0.5)]
        assert (second.words, second.text) == (None, "AND YOU")
        assert (third.speaker, third.gender, third.text) == ("26", "M", None)
    assert len(librispeech.prepare(root, tmp_path / "out", splits="test")) == 1
    (one, _) = librispeech.prepare(root / "dev", tmp_path / "out")
    assert (one.gender, len(one.words)) == ("F", 2)
    with pytest.raises(SonantError, match="unknown split 'tset'. Did you mean 'test'"):
        librispeech.prepare(root, tmp_path / "out", splits="tset")
    with pytest.raises(SonantError, match="holds no split"):
        librispeech.prepare(root / "alignments", tmp_path / "out")
    with pytest.raises(SonantError, match="--download"):
        librispeech.prepare(None, tmp_path / "out")


@pytest.mark.parametrize("published", [True, False])
def test_mini_librispeech_downloads_once(tmp_path, published, capsys):
    librispeech_tree(tmp_path / "build/LibriSpeech")
    (tmp_path / "build/LibriSpeech/dev").rename(tmp_path / "build/LibriSpeech/dev-clean-2")
    server = tmp_path / "31"
    server.mkdir()
    with tarfile.open(server / "dev-clean-2.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "build/LibriSpeech", "LibriSpeech")
    if published:
        digest = hashlib.md5((server / "dev-clean-2.tar.gz").read_bytes()).hexdigest()
        (server / "md5sum.txt").write_text(f"{digest}  dev-clean-2.tar.gz\n")
    options = {"part": "dev-clean-2", "url": server.as_uri()}
    manifest = mini_librispeech.prepare(None, tmp_path / "out", **options)
    assert [u.id for u in manifest] == ["19-198-0000", "19-198-0001"]
    assert ("is not verified" in capsys.readouterr().err) != published
    assert not manifest.table.paths[0].startswith("/")
    for file in server.iterdir():
        file.unlink()
    assert len(mini_librispeech.prepare(None, tmp_path / "out", **options)) == 2
    with pytest.raises(SonantError, match="unknown part 'dev-clean'. Did you mean 'dev-clean-2'"):
        mini_librispeech.prepare(None, tmp_path / "out", part="dev-clean")


def kaldi_tree(root: Path) -> Path:
    write_audio(root / "wav/r1.wav", seconds=3.0, channels=2)
    write_audio(root / "wav/r2.wav", seconds=2.0)
    (root / "data").mkdir()
    (root / "data/wav.scp").write_text("r1 wav/r1.wav\nr2 wav/r2.wav\n")
    (root / "data/utt2spk").write_text("r1 anna\nr2 ben\nu1 anna\nu2 ben\nu3 ben\n")
    (root / "data/text").write_text("u1 hello there\nu2 yes\n")
    (root / "data/spk2gender").write_text("anna f\nben m\n")
    return root / "data"


def test_kaldi_whole_recordings(tmp_path):
    data = kaldi_tree(tmp_path)
    first, second = kaldi.prepare(data, tmp_path / "out", language="en")
    assert (first.id, first.speaker, first.gender, first.duration, first.channel) == ("r1", "anna", "f", 3.0, 0)
    assert (second.id, second.language, second.text) == ("r2", "en", None)


def test_kaldi_segments(tmp_path, capsys):
    data = kaldi_tree(tmp_path)
    (data / "segments").write_text("u1 r1 0.5 1.75\nu2 r2 0 1\nu3 r2 1.5 2.02\nu4 r9 0 1\nu5 r2 7 8\nu6 r2\n")
    manifest = kaldi.prepare(data, tmp_path / "out")
    rows = [(u.id, u.recording, u.start, round(u.duration, 3), u.speaker, u.text) for u in manifest]
    assert rows == [
        ("u1", "r1", 0.5, 1.25, "anna", "hello there"),
        ("u2", "r2", 0.0, 1.0, "ben", "yes"),
        ("u3", "r2", 1.5, 0.5, "ben", None),
    ]
    assert len((tmp_path / "out/recordings.jsonl").read_text().splitlines()) == 2
    told = capsys.readouterr().err
    assert all(
        part in told for part in ("'r9', which wav.scp lacks", "'u5' from 7 s", "segment 'u6'", "3 items skipped")
    )


def test_kaldi_without_opening_a_file(tmp_path):
    data = kaldi_tree(tmp_path)
    with pytest.raises(SonantError, match="holds no reco2dur or utt2dur"):
        kaldi.prepare(data, tmp_path / "out", sample_rate=RATE)
    (data / "reco2dur").write_text("r1 3.0\nr2 2.0\n")
    for file in (tmp_path / "wav").iterdir():
        file.unlink()
    assert [u.duration for u in kaldi.prepare(data, tmp_path / "out", sample_rate=RATE)] == [3.0, 2.0]
    (data / "reco2dur").write_text("r1 3.0\nr2 long\n")
    with pytest.raises(SonantError, match="'long' is no time in seconds"):
        kaldi.prepare(data, tmp_path / "out", sample_rate=RATE)


def test_kaldi_refuses_commands(tmp_path):
    data = kaldi_tree(tmp_path)
    (data / "wav.scp").write_text(f"r1 sph2pipe -f wav {tmp_path}/x.sph |\n")
    with pytest.raises(SonantError, match=r"'r1' is a command .* runs no commands"):
        kaldi.prepare(data, tmp_path / "out")


def test_real_librispeech_both_ways(data_dir, tmp_path):
    root = data_dir / "librispeech-mini"
    ours = librispeech.prepare(root, tmp_path / "a", splits="test-other")
    theirs = kaldi.prepare(root / "kaldi/test-other", tmp_path / "b", root=root)
    assert len(ours) == 50
    for one, other in zip(ours, theirs, strict=True):
        assert (one.id, one.path, one.speaker, one.text) == (other.id, other.path, other.speaker, other.text)
        assert one.gender.lower() == other.gender
        assert one.words[-1][2] <= one.duration
    assert ours.hours * 60 == pytest.approx(6.6, abs=0.05)


def test_real_digits_by_pattern(data_dir, tmp_path):
    manifest = folder.prepare(data_dir / "fsdd/recordings", tmp_path, speaker_pattern=r"_([a-z]+)_\d+$")
    assert (len(manifest), sorted(manifest.speakers)) == (2000, ["george", "jackson", "nicolas", "yweweler"])
    assert set(manifest.table.sample_rate.tolist()) == {8000}
    assert Manifest.open(tmp_path).hours * 60 == pytest.approx(13.8, abs=0.1)
