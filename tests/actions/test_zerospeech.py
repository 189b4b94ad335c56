"""ZeroSpeech submissions of a baseline on noise that has the shape of the benchmarks."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import soundfile

from sonant.actions.score_abx import score_abx
from sonant.actions.zerospeech import submit
from sonant.core import SonantError
from sonant.data.zerospeech import LIBRISPEECH, read_array

ITEM = "#file onset offset #phone prev-phone next-phone speaker"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Four subsets of four utterances by two speakers, with item files of two phones for one of them."""
    root = tmp_path_factory.mktemp("abxLS")
    rng = np.random.default_rng(0)
    for subset in LIBRISPEECH:
        (root / subset / "deep").mkdir(parents=True)
        for number in range(4):
            soundfile.write(root / subset / "deep" / f"u{number}.wav", 0.1 * rng.standard_normal(8000), 16000)
    (root / "index.json").write_text("{}")  # as the toolbox of the benchmark leaves one
    lines = [
        f"u{number} {0.1 * place:.2f} {0.1 * place + 0.09:.2f} {phone} x y s{number % 2}"
        for number in range(4)
        for place, phone in enumerate("abab")
    ]
    for name in ("triphone-dev-clean", "phoneme-dev-clean"):
        (root / f"{name}.item").write_text("\n".join([ITEM, *lines]) + "\n")
    return root


def test_a_submission_holds_what_the_benchmark_asks_for(dataset, tmp_path):
    made = submit(tmp_path / "s", model="logmel", audio=[str(dataset)])
    assert made.files == dict.fromkeys(LIBRISPEECH, 4)
    assert not made.absent
    assert "publication.authors" in made.open
    assert {path.name for path in (tmp_path / "s").iterdir()} == {*LIBRISPEECH, "meta.yaml", "params.yaml", "scores"}
    x_TD = np.load(tmp_path / "s" / "dev-other" / "u3.npy")
    assert (x_TD.dtype, x_TD.shape) == (np.float64, (50, 80))


def test_scores_are_those_of_abx_with_the_settings_of_the_benchmark(dataset, tmp_path):
    made = submit(tmp_path / "s", model="logmel", audio=[str(dataset)])
    with (tmp_path / "s" / "scores" / "score_all_phonetic.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(made.scores) == len(rows) == 6
    assert {(row["granularity"], row["context_mode"], row["speaker_mode"]) for row in rows} == {
        (*task, speaker)
        for task in (("triphone", "within"), ("phoneme", "within"), ("phoneme", "any"))
        for speaker in ("within", "across")
    }
    scored, _ = score_abx(
        dataset / "phoneme-dev-clean.item",
        model="logmel",
        audio=dataset / "dev-clean",
        speaker="across",
        context="any",
        distance="angular",
        slicing="librilight",
        max_group_size=10,
        max_x_across=5,
        seed=3459,
    )
    assert made.scores[-1].figure["error"] == pytest.approx(scored.error, abs=1e-6)
    assert rows[-1]["score"] == f"{scored.error:.4f}"


def test_goes_on_where_it_stopped(dataset, tmp_path):
    submit(tmp_path / "s", model="logmel", audio=[str(dataset)])
    lost, kept = tmp_path / "s" / "dev-clean" / "u0.npy", tmp_path / "s" / "dev-clean" / "u1.npy"
    whole, before = lost.read_bytes(), kept.stat().st_mtime_ns
    lost.unlink()
    (tmp_path / "s" / "dev-clean" / ".u0.npy.x.part").write_bytes(whole[:50])
    submit(tmp_path / "s", model="logmel", audio=[str(dataset)])
    assert lost.read_bytes() == whole
    assert kept.stat().st_mtime_ns == before
    assert not list((tmp_path / "s").rglob("*.part"))


def test_features_and_single_subsets(dataset, tmp_path):
    whole = submit(tmp_path / "s", model="logmel", audio=[str(dataset)])
    rate = {"rate": "100", "items": [str(dataset)]}
    again = submit(tmp_path / "again", features=tmp_path / "s", **rate)
    assert [r.figure for r in again.scores] == [r.figure for r in whole.scores]
    one = submit(
        tmp_path / "one",
        model="logmel",
        audio=[f"dev-clean={dataset / 'dev-other'}"],
        items=[f"triphone-dev-clean={dataset / 'triphone-dev-clean.item'}"],
        max_group_size=None,
        max_x_across=None,
    )
    assert one.absent == list(LIBRISPEECH[1:])
    assert [r.settings["max_group_size"] for r in one.scores] == [None, None]


@pytest.mark.parametrize(
    ("benchmark", "source", "place"),
    [
        ("abx17", "LANG1/1s", "german/1s/u.npy"),
        ("zr2017", "test/english/10s", "english/10s/u.fea"),
        ("zr2021", "phonetic/test-other", "phonetic/test-other/u.txt"),
        ("zr2021", "semantic/dev/synthetic", "semantic/dev/synthetic/u.txt"),
    ],
)
def test_other_benchmarks(tmp_path, benchmark, source, place):
    (tmp_path / "data" / source).mkdir(parents=True)
    soundfile.write(tmp_path / "data" / source / "u.wav", 0.1 * np.random.default_rng(0).standard_normal(8000), 16000)
    made = submit(tmp_path / "s", model="mfcc", audio=[str(tmp_path / "data")], benchmark=benchmark)
    assert sum(made.files.values()) == 1
    assert read_array(tmp_path / "s" / place).shape == (50, 39)
    assert (tmp_path / "s" / "meta.yaml").is_file() == (benchmark != "zr2017")
    assert (tmp_path / "s" / "params.yaml").is_file() == (benchmark == "abx17")


def test_mistakes_are_told(dataset, tmp_path):
    for options, told in (
        ({"audio": ["dev-claen=."]}, "Did you mean 'dev-clean'"),
        ({"audio": [str(dataset / "dev-clean")]}, "no audio or features for any subset"),
        ({"audio": [str(dataset)], "benchmark": "abxls"}, "abxLS"),
        ({"audio": []}, "give its folder"),
        ({"audio": [str(dataset)], "features": dataset}, "either a model"),
    ):
        with pytest.raises(SonantError, match=told):
            submit(tmp_path / "out", model="logmel", **options)
    (tmp_path / "out" / "dev-clean").mkdir(parents=True)
    (tmp_path / "out" / "dev-clean" / "notes.md").write_text("")
    with pytest.raises(SonantError, match=r"notes\.md"):
        submit(tmp_path / "out", model="logmel", audio=[str(dataset)])
    (dataset / "dev-clean" / "u0.wav").write_bytes((dataset / "dev-clean" / "deep" / "u0.wav").read_bytes())
    with pytest.raises(SonantError, match="called 'u0'"):
        submit(tmp_path / "twice", model="logmel", audio=[str(dataset)])
    (dataset / "dev-clean" / "u0.wav").unlink()


def test_frames_of_another_layer_or_model_are_not_mixed_in(dataset, tmp_path):
    submit(tmp_path / "s", model="logmel", audio=[str(dataset)])
    (tmp_path / "s" / "dev-clean" / "u0.npy").unlink()
    with pytest.raises(SonantError, match="holds frames of logmel: .* these are of mfcc"):
        submit(tmp_path / "s", model="mfcc", audio=[str(dataset)])
    assert not (tmp_path / "s" / "dev-clean" / "u0.npy").exists()


def test_an_array_of_a_killed_copy_is_told(tmp_path):
    (tmp_path / "x.npy").touch()
    with pytest.raises(SonantError, match="holds no array of frames"):
        read_array(tmp_path / "x.npy")
