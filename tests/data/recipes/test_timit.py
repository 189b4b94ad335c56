"""TIMIT on made-up copies: SPHERE and RIFF, upper and lower case."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from sonant.core import SonantError
from sonant.data.manifest import Manifest
from sonant.data.recipes import timit
from sonant.data.recipes.timit import CORE, read_labels

SENTENCES = {
    "TRAIN/DR1/FCJF0": ("SA1", "SI1027"),
    "TEST/DR1/MDAB0": ("SA1", "SX49"),
    "TEST/DR2/FJAS0": ("SA2", "SI770"),
}
PHN = "0 1600 h#\n1600 4000 sh\n4000 4000 q\n4000 8000 iy\n"
WRD = "1600 8000 she\n"


def copy_of(root, *, case=str.upper, container="NIST", doubled=False):
    for folder, sentences in SENTENCES.items():
        for sentence in sentences:
            place = root / case(folder)
            place.mkdir(parents=True, exist_ok=True)
            wave = np.linspace(-0.1, 0.1, 16_000)
            soundfile.write(place / case(f"{sentence}.wav"), wave, 16_000, format=container, subtype="PCM_16")
            if doubled:
                soundfile.write(place / f"{case(f'{sentence}.wav')}.wav", wave, 16_000)
            for suffix, text in (("phn", PHN), ("wrd", WRD), ("txt", "0 16000 She had.\n")):
                (place / case(f"{sentence}.{suffix}")).write_text(text)
    return root


@pytest.mark.parametrize("case", [str.upper, str.lower], ids=["upper", "lower"])
@pytest.mark.parametrize("container", ["NIST", "WAV"])
def test_labels_and_speakers(tmp_path, case, container):
    source = copy_of(tmp_path / "timit", case=case, container=container, doubled=container == "NIST")
    manifest = timit.prepare(source, tmp_path / "out")
    assert (manifest.folder.name, [u.id for u in manifest]) == ("train", ["FCJF0_SA1", "FCJF0_SI1027"])
    first = manifest.utterance(0)
    assert (first.speaker, first.gender, first.text, first.duration) == ("FCJF0", "F", "She had.", 1.0)
    assert first.phones == [("h#", 0.0, 0.1), ("sh", 0.1, 0.25), ("iy", 0.25, 0.5)]
    assert first.words == [("she", 0.1, 0.5)]
    ids = {split: [u.id for u in Manifest.open(tmp_path / "out" / split)] for split in ("test", "core")}
    assert ids == {"test": ["FJAS0_SA2", "FJAS0_SI770", "MDAB0_SA1", "MDAB0_SX49"], "core": ["MDAB0_SA1", "MDAB0_SX49"]}


def test_sentences_of_all_speakers_may_be_left_out(tmp_path):
    source = copy_of(tmp_path / "timit")
    made = timit.prepare(source, tmp_path / "out", sa=False, splits="test")
    assert [u.id for u in made] == ["FJAS0_SI770", "MDAB0_SX49"]
    assert not (tmp_path / "out" / "train").exists()
    inside = timit.prepare(source / "TRAIN", tmp_path / "inside", splits="train")
    assert len(inside) == 2


def test_the_core_speakers_are_two_men_and_a_woman_of_each_region():
    assert len(set(CORE)) == 24 and [name[0] for name in CORE] == ["M", "M", "F"] * 8


def test_what_is_wrong_is_said(tmp_path, capsys):
    source = copy_of(tmp_path / "timit")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SonantError, match="holds no recording of TIMIT"):
        timit.prepare(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(SonantError, match="dev"):
        timit.prepare(source, tmp_path / "out", splits="dev")
    labels = source / "TRAIN/DR1/FCJF0/SA1.PHN"
    labels.write_text("0 1600 h#\n1600 sh\n")
    with pytest.raises(SonantError, match=r"SA1\.PHN' line 2 does not read 'first-sample end-sample label'"):
        read_labels(labels)
    assert [u.id for u in timit.prepare(source, tmp_path / "out", splits="train")] == ["FCJF0_SI1027"]
    assert "line 2" in capsys.readouterr().err
    with pytest.raises(SonantError, match="line 2"):
        timit.prepare(source, tmp_path / "out", splits="train", strict=True)
    (source / "TRAIN/DR1/FCJF0/SI1027.PHN").unlink()
    (source / "TRAIN/DR1/FCJF0/SA1.PHN").unlink()
    assert timit.prepare(source, tmp_path / "out", splits="train").utterance(0).phones is None
