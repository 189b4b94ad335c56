"""Trials scored from audio, from arrays and from scores on file."""

import json

import numpy as np
import pytest
import soundfile

from sonant import build
from sonant.actions.verify import VerifyConfig, trial_evaluator, verify, verify_scores, write_scores
from sonant.cli.main import main
from sonant.core import SonantError
from sonant.data.recipes.folder import prepare

SPEAKERS = {"anna": 140.0, "bert": 95.0, "carl": 230.0, "dora": 310.0}
STATISTICS = VerifyConfig(pool="statistics")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Four "speakers" whose noise has its resonance in different places, four recordings of each; a list of trials."""
    folder = tmp_path_factory.mktemp("voices")
    rng = np.random.default_rng(0)
    for name, pitch in SPEAKERS.items():
        for take in range(4):
            time = np.arange(rng.integers(8000, 24000)) / 16000
            wave = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 12)) + 0.3 * rng.normal(
                size=len(time)
            )
            (folder / name).mkdir(exist_ok=True)
            soundfile.write(folder / name / f"{name}_{take}.wav", 0.1 * wave, 16000)
    names = [f"{name}/{name}_{take}.wav" for name in SPEAKERS for take in range(4)]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    lines = [f"{int(a.split('/')[0] == b.split('/')[0])} {a} {b}" for a, b in pairs]
    (folder / "trials.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def model():
    return build.baseline("logmel", features={"cmvn": "none"})


def test_voices_are_told_apart(corpus, model):
    verified, line = verify(corpus / "trials.txt", model=model, audio=corpus, settings=STATISTICS)
    assert len(verified.scores_P) == 120
    assert verified.figures["eer"] < 0.1
    assert line.figure == verified.figures
    assert line.extra["targets"] == 24
    assert (
        trial_evaluator(corpus / "trials.txt", corpus, settings=STATISTICS)(model, 3)["eer"] == verified.figures["eer"]
    )


@pytest.mark.parametrize("scoring", ["crops", "both"])
def test_crops(corpus, model, scoring):
    cfg = VerifyConfig(pool="statistics", scoring=scoring, crops=3, crop_seconds=0.5)
    found = verify(corpus / "trials.txt", model=model, audio=corpus, settings=cfg)[0]
    assert found.figures["eer"] < 0.1
    assert (found.scores_P <= 1 + 1e-6).all()


def test_embeddings_on_disk_are_the_same(corpus, model, tmp_path):
    from sonant.data.sources import find_utterances
    from sonant.evaluation.utterance_vectors import utterance_vectors

    vectors = utterance_vectors(model, find_utterances(corpus), pool="statistics")
    np.savez(tmp_path / "vectors.npz", **vectors)
    audio = verify(corpus / "trials.txt", model=model, audio=corpus, settings=STATISTICS)[0]
    disk = verify(corpus / "trials.txt", embeddings=tmp_path / "vectors.npz")[0]
    np.testing.assert_allclose(disk.scores_P, audio.scores_P, atol=1e-5)


def test_cohort_and_plda(corpus, model, tmp_path):
    manifest = prepare(corpus, tmp_path / "cohort", speaker_pattern="([a-z]+)_")
    folder = manifest.folder
    for settings in ({"norm": "as", "top": 10}, {"norm": "s"}, {"centre": True, "whiten": True}, {"plda": True}):
        cfg = VerifyConfig(pool="statistics", **settings)
        found = verify(corpus / "trials.txt", model=model, audio=corpus, cohort=folder, settings=cfg)[0]
        assert found.figures["eer"] < 0.2, settings


def test_one_bad_file_is_left_out(corpus, model, tmp_path, capsys):
    import shutil

    broken = shutil.copytree(corpus, tmp_path / "broken")
    (broken / "anna" / "anna_0.wav").write_bytes(b"RIFF nothing")
    found, line = verify(broken / "trials.txt", model=model, audio=broken, settings=STATISTICS)
    assert len(found.scores_P) == 105
    assert line.extra["skipped"] == 1
    assert capsys.readouterr().err.count("skipped") == 1
    with pytest.raises(SonantError, match="anna_0"):
        verify(broken / "trials.txt", model=model, audio=broken, settings=STATISTICS, strict=True)


def test_scores_on_file(corpus, model, tmp_path):
    verified, _ = verify(corpus / "trials.txt", model=model, audio=corpus, settings=STATISTICS)
    write_scores(tmp_path / "scores.txt", verified)
    again, line = verify_scores(tmp_path / "scores.txt")
    assert again.figures["eer"] == pytest.approx(verified.figures["eer"])
    assert {"cllr", "act_dcf"} <= set(line.figure)
    (tmp_path / "plain.txt").write_text("1 2.5\n0 -1\n1 0.5\n0 0.7\n")
    assert verify_scores(tmp_path / "plain.txt")[0].figures["eer"] == pytest.approx(0.5)


def test_command(corpus, tmp_path, capsys):
    arguments = ["eval", "verification", "--scores", str(tmp_path / "s.txt"), "--json", str(tmp_path / "out.json")]
    rng = np.random.default_rng(0)
    (tmp_path / "s.txt").write_text("".join(f"{i % 2} {rng.normal() + i % 2}\n" for i in range(200)))
    assert main([*arguments, "--bootstrap", "200", "--plot", str(tmp_path / "det.svg")]) == 0
    assert "EER" in capsys.readouterr().out
    line = json.loads((tmp_path / "out.json").read_text())
    low, high = line["intervals"]["eer"]
    assert low <= line["figure"]["eer"] <= high
    assert (tmp_path / "det.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"model": "mfcc"}, "needs the audio"),
        ({}, "give one of them"),
        ({"model": "mfcc", "audio": ".", "settings": VerifyConfig(norm="as")}, "need a cohort"),
        ({"model": "mfcc", "audio": ".", "cohort": "."}, "changes nothing"),
        ({"model": "mfcc", "audio": ".", "settings": VerifyConfig(scoring="ful")}, "Did you mean 'full'"),
    ],
)
def test_what_cannot_be_scored(corpus, arguments, said):
    with pytest.raises(SonantError, match=said):
        verify(corpus / "trials.txt", **arguments)


def test_names_without_audio(corpus, model, tmp_path):
    (tmp_path / "trials.txt").write_text("1 anna/anna_0.wav eve/eve_0.wav\n")
    with pytest.raises(SonantError, match="1 of 2 recordings of the trials are not in .*'eve/eve_0.wav'"):
        verify(tmp_path / "trials.txt", model=model, audio=corpus)
