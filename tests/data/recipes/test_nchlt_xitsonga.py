"""The Xitsonga recipe on a made-up copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from sonant.core import SonantError
from sonant.data.manifest import Manifest
from sonant.data.recipes import nchlt_xitsonga
from sonant.data.recipes.nchlt_xitsonga import DEV, SPLITS, TEST
from sonant.data.words import words_of_manifest

NAMES = ("nchlt_tso_001m_0007", "nchlt_tso_102f_0003", "nchlt_tso_131f_0011")


@pytest.fixture
def corpus(tmp_path) -> Path:
    """Three utterances of the subset and one outside it, with an alignment."""
    for name in (*NAMES, "nchlt_tso_131f_0999"):
        path = tmp_path / "src/audio" / name.split("_")[2][:3] / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.full(16000, 0.1), 8000)
    rows = ["0.0 0.1 SIL", "0.1 0.8 rito", "0.8 0.9 SIL", "0.9 1.4 vutomi", "1.4 1.9 hinkwawo"]
    (tmp_path / "x.wrd").write_text("".join(f"{name} {row}\n" for name in NAMES for row in rows))
    (tmp_path / "x.phn").write_text("".join(f"{name} 0.1 0.3 r\n{name} 0.3 0.8 i\n" for name in NAMES))
    return tmp_path


def test_two_sets_of_twelve_speakers():
    assert (len(set(DEV)), len(set(TEST)), len(set(SPLITS["all"]))) == (12, 12, 24)


def test_stretches_of_speech(corpus):
    manifest = nchlt_xitsonga.prepare(
        corpus / "src", corpus / "out", alignment=corpus / "x.wrd", phones=corpus / "x.phn"
    )
    assert (manifest.folder.name, len(manifest), manifest.speakers) == ("all", 6, ["001m", "102f", "131f"])
    first, second, *_ = manifest
    assert (first.id, first.gender, first.language) == ("nchlt-tso-001m-0007_000010-000080", "m", "ts")
    assert (first.phones, second.phones) == ([("r", 0.0, 0.2), ("i", 0.2, 0.7)], [])
    assert second.words == [("vutomi", 0.0, 0.5), ("hinkwawo", 0.5, 1.0)]
    assert [Manifest.open(corpus / "out" / split).speakers for split in ("dev", "test")] == [["001m", "102f"], ["131f"]]
    keys = [word.key for word in words_of_manifest(manifest)]
    assert keys[:2] == ["rito_nchlt-tso-001m-0007_000010-000080", "vutomi_nchlt-tso-001m-0007_000090-000140"]


def test_whole_recordings_of_a_list(corpus):
    (corpus / "subset.txt").write_text("# files\nwavs/nchlt_tso_131f_0011.wav 2.0\nnchlt_tso_131f_0999\n")
    options = {"subset": corpus / "subset.txt", "utterances": "recordings", "splits": "test"}
    first, second = nchlt_xitsonga.prepare(corpus / "src", corpus / "out", **options)
    assert (first.id, second.id, first.words) == ("nchlt-tso-131f-0011", "nchlt-tso-131f-0999", None)
    with pytest.raises(SonantError, match="none of the utterances is of a speaker of dev"):
        nchlt_xitsonga.prepare(corpus / "src", corpus / "out", **{**options, "splits": "dev"})


def test_what_is_missing_is_said(corpus, capsys):
    out = corpus / "out"
    with pytest.raises(SonantError, match="give it with --alignment"):
        nchlt_xitsonga.prepare(corpus / "src", out)
    with pytest.raises(SonantError, match="Give its list of files with --subset"):
        nchlt_xitsonga.prepare(corpus / "src", out, utterances="recordings")
    (corpus / "src/audio/102/nchlt_tso_102f_0003.wav").unlink()
    with pytest.raises(SonantError, match="1 of 3 utterances have no file .* nchlt-tso-102f-0003; add them"):
        nchlt_xitsonga.prepare(corpus / "src", out, alignment=corpus / "x.wrd")
    assert not out.exists()
    assert len(nchlt_xitsonga.prepare(corpus / "src", out, alignment=corpus / "x.wrd", partial=True)) == 4
    assert "1 of 3 utterances have no file" in capsys.readouterr().err
    (corpus / "subset.txt").write_text("nothing\n")
    with pytest.raises(SonantError, match="names no utterance such as"):
        nchlt_xitsonga.prepare(corpus / "src", out, subset=corpus / "subset.txt", utterances="recordings")
    (corpus / "subset.txt").write_text(f"{NAMES[0]}\nnchlt_tso_131f_0999\n")
    both = {"subset": corpus / "subset.txt", "alignment": corpus / "x.wrd"}
    assert len(nchlt_xitsonga.prepare(corpus / "src", out, **both, splits="all")) == 2
    assert "the alignment lacks the utterance nchlt-tso-131f-0999" in capsys.readouterr().err
    (corpus / "empty").mkdir()
    with pytest.raises(SonantError, match=r"expected files such as audio/001/nchlt_tso_001m_0007\.wav"):
        nchlt_xitsonga.prepare(corpus / "empty", out, alignment=corpus / "x.wrd")
