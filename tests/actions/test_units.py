"""Fitting, encoding and scoring units of log-mel frames, with every interruption and every change."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from sonant import build
from sonant.actions import _unit_clusters, _unit_frames
from sonant.actions.units_encode import encode_units
from sonant.actions.units_fit import fit_units
from sonant.actions.units_score import score_units
from sonant.core import SonantError
from sonant.data.arrays import ArrayReader
from sonant.data.cloud import Cloud
from sonant.data.manifest import ManifestWriter, Utterance
from sonant.data.run_length import expand
from sonant.data.units import read_units

FIT = {"k": 6, "memory_gb": 0.01, "batch": 200, "epochs": 4, "tol": 0.0}


@pytest.fixture(scope="module")
def audio(tmp_path_factory) -> Path:
    """Folder of 8 utterances of noises of two kinds, about 0.6 s each."""
    folder = tmp_path_factory.mktemp("noises")
    for number in range(8):
        draws = np.random.default_rng(number)
        wave = draws.standard_normal(8000 + 800 * number)
        wave[: len(wave) // 2] = np.convolve(wave[: len(wave) // 2], np.ones(8) / 4, mode="same")
        soundfile.write(folder / f"u{number}.wav", 0.1 * wave, 16000)
    return folder


@pytest.fixture(scope="module", autouse=True)
def small_groups():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_unit_frames, "GROUP_SECONDS", 1.4)
        patch.setattr(_unit_clusters, "BLOCK_BYTES", 200 * 320)
        yield


@pytest.fixture(scope="module")
def fitted(audio, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("units")
    fit_units("logmel", audio, out, **FIT)
    return out


def centroids(out: Path, k: int = 6) -> np.ndarray:
    return read_units(out / f"k_{k}").centroids_KD


class Stop(Exception):
    pass


def stopping(label: str, *, after: int):
    """A bar that breaks off with its call number ``after``."""

    def bar(name):
        calls = []

        def update(done, whole):
            calls.append(done)
            if name == label and len(calls) == after:
                raise Stop

        return update

    return bar


def test_inertia_is_of_the_frames(fitted):
    units, cloud = read_units(fitted), Cloud.open(fitted / "features")
    x_ND = cloud.read(0, cloud.rows)
    near = np.square(x_ND[:, None] - units.centroids_KD).sum(2).min(1)
    assert units.facts["inertia"] == pytest.approx(near.mean(), rel=1e-5)
    assert (units.facts["frames"], units.facts["epochs"], units.facts["unused"]) == (len(x_ND), 4, 0)
    assert near.mean() < 0.8 * np.square(x_ND - x_ND.mean(0)).sum(1).mean()


def test_the_budget_is_never_exceeded_and_well_used(audio, tmp_path):
    told = fit_units("logmel", audio, tmp_path, **{**FIT, "k": 2, "memory_gb": 0.0011})
    file = tmp_path / "features" / "frames.f32"
    assert 0.0011e9 - 320 < file.stat().st_size <= 0.0011e9 or Cloud.open(file.parent).finished
    assert told["frames"] * 320 <= 0.0011e9


def test_a_small_budget_is_the_beginning_of_a_large_one(audio, tmp_path, monkeypatch):
    monkeypatch.setattr("sonant.actions.units_fit.SMALLEST_GB", 0.0)
    small = {**FIT, "memory_gb": 0.00004}
    assert fit_units("logmel", audio, tmp_path / "a", **small)["frames"] == 125
    part = Cloud.open(tmp_path / "a" / "features").read(0, 125)
    fit_units("logmel", audio, tmp_path / "a", **{**FIT, "k": 3})
    fit_units("logmel", audio, tmp_path / "b", **{**FIT, "k": 3})
    one, two = (Cloud.open(tmp_path / name / "features") for name in "ab")
    assert one.rows == two.rows > 125
    np.testing.assert_allclose(one.read(0, one.rows), two.read(0, two.rows), atol=1e-5)
    np.testing.assert_allclose(one.read(0, 125), part, atol=1e-5)
    np.testing.assert_array_equal(centroids(tmp_path / "a", 3), centroids(tmp_path / "b", 3))


@pytest.mark.parametrize(("label", "after"), [("frames", 2), ("k-means", 2), ("k-means", 5)])
def test_interrupted_and_gone_on_with_it_is_the_same(audio, fitted, tmp_path, label, after):
    with pytest.raises(Stop):
        fit_units("logmel", audio, tmp_path, **FIT, save_seconds=0.0, progress=stopping(label, after=after))
    assert not (tmp_path / "k_6" / "units.json").exists()
    seen = []

    def bar(name):
        return lambda done, whole: seen.append((name, done))

    told = fit_units("logmel", audio, tmp_path, **FIT, progress=bar)
    np.testing.assert_array_equal(centroids(tmp_path), centroids(fitted))
    assert not told["reused"]
    first = next(done for name, done in seen if name == "k-means")
    assert first == (1 if label == "frames" else after + 1)
    assert not (tmp_path / "k_6" / "fit.safetensors").exists()


def test_what_is_there_is_taken(audio, fitted, monkeypatch):
    before = (fitted / "k_6" / "units.json").stat().st_mtime_ns
    monkeypatch.setattr("sonant.actions.units_fit.gather", None)
    assert fit_units("logmel", audio, fitted, **FIT)["reused"]
    assert (fitted / "k_6" / "units.json").stat().st_mtime_ns == before


def test_frames_that_are_there_are_taken_for_another_k(audio, fitted, monkeypatch):
    monkeypatch.setattr(_unit_frames, "encode_items", None)
    assert not fit_units("logmel", audio, fitted, **{**FIT, "k": 5})["reused"]
    assert len(centroids(fitted, 5)) == 5
    assert len(centroids(fitted, 6)) == 6


@pytest.mark.parametrize(
    ("change", "said"),
    [({"seed": 1}, "seed 0, now 1"), ({"tol": 0.1}, "tol 0.0, now 0.1"), ({"memory_gb": 0.02}, "memory_gb 0.01")],
)
def test_other_settings_are_told_of(audio, fitted, change, said):
    with pytest.raises(SonantError, match=f"{said}.*--overwrite-kmeans"):
        fit_units("logmel", audio, fitted, **{**FIT, **change})


def test_another_model_or_other_data_are_told_of(audio, fitted, tmp_path):
    with pytest.raises(SonantError, match="fitted otherwise .model"):
        fit_units("mfcc", audio, fitted, **FIT)
    with pytest.raises(SonantError, match="frames of another model than asked.*--overwrite-features"):
        fit_units("mfcc", audio, fitted, **{**FIT, "k": 3})
    soundfile.write(tmp_path / "u0.wav", np.zeros(9000), 16000)
    with pytest.raises(SonantError, match="frames of other data"):
        fit_units("logmel", tmp_path, fitted, **{**FIT, "k": 3})


def test_overwriting(audio, tmp_path, monkeypatch):
    fit_units("logmel", audio, tmp_path, **FIT)
    features = tmp_path / "features" / "frames.f32"
    made = features.stat().st_mtime_ns
    assert not fit_units("logmel", audio, tmp_path, **FIT, overwrite_kmeans=True)["reused"]
    assert features.stat().st_mtime_ns == made
    assert not fit_units("logmel", audio, tmp_path, **FIT, overwrite_features=True)["reused"]
    assert features.stat().st_mtime_ns > made
    told = fit_units("mfcc", audio, tmp_path, **FIT, overwrite_features=True)
    assert (told["dim"], Cloud.open(features.parent).dim) == (39, 39)


def test_a_bad_file_is_counted(audio, tmp_path, capsys):
    for file in audio.iterdir():
        (tmp_path / "in" / file.name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "in" / "u3.wav").write_bytes(b"RIFF, but no more")
    told = fit_units("logmel", tmp_path / "in", tmp_path / "units", **FIT)
    assert told["skipped"] == ["u3"]
    facts = encode_units(tmp_path / "units", tmp_path / "in", tmp_path / "out")
    assert (facts["written"], facts["skipped_names"]) == (7, ["u3"])
    assert "skipped u3" in capsys.readouterr().err
    with pytest.raises(SonantError, match="u3"):
        encode_units(tmp_path / "units", tmp_path / "in", tmp_path / "again", strict=True)


def test_more_units_than_frames(audio, tmp_path):
    with pytest.raises(SonantError, match="at most as many clusters as frames: 5000 of"):
        fit_units("logmel", audio, tmp_path, **{**FIT, "k": 5000})


def test_units_of_a_corpus_in_three_forms(audio, fitted, tmp_path):
    options = [fitted / "k_6", audio, tmp_path]
    made = {form: encode_units(*options, form=form)["out"] for form in ("units", "runs", "centroids")}
    assert [Path(place).name for place in made.values()] == ["k_6", "k_6_runs", "k_6_centroids"]
    readers = {form: ArrayReader(place) for form, place in made.items()}
    units, table = readers["units"], read_units(fitted / "k_6").centroids_KD
    assert (len(units), units.geometry.rate, units.facts["units"]["k"]) == (8, 100, 6)
    assert np.load(tmp_path / "k_6" / "u0.npy").dtype == np.int32
    for key in units:
        unit_T = units[key][:, 0].astype(int)
        assert expand(*readers["runs"][key].T.astype(int)).tolist() == unit_T.tolist()
        np.testing.assert_array_equal(readers["centroids"][key], table[unit_T])
    again = encode_units(*options)
    assert (again["written"], again["already_there"]) == (0, 8)


def test_encoding_goes_on_and_mixes_nothing(audio, fitted, tmp_path):
    with pytest.raises(Stop):
        encode_units(fitted / "k_6", audio, tmp_path, progress=stopping("x", after=3)("x"))
    assert len(list((tmp_path / "k_6").glob("*.npy"))) == 3
    told = encode_units(fitted / "k_6", audio, tmp_path)
    assert (told["written"], told["already_there"]) == (5, 3)
    fit_units("logmel", audio, tmp_path / "other", **{**FIT, "seed": 3})
    with pytest.raises(SonantError, match="already holds arrays with units"):
        encode_units(tmp_path / "other", audio, tmp_path)


def test_units_belong_to_their_model(audio, fitted, tmp_path):
    with pytest.raises(SonantError, match="not the one that these units were fitted on"):
        encode_units(fitted / "k_6", audio, tmp_path, model="mfcc")


@pytest.fixture(scope="module")
def hubert(tmp_path_factory) -> Path:
    """A HuBERT of two blocks, imported from the files of transformers."""
    folder = tmp_path_factory.mktemp("hubert")
    foreign = Path(__file__).parents[1] / "importers" / "transformers_oracles" / "hubert"
    build.save(build.convert("transformers", str(foreign)), folder)
    return folder


@pytest.mark.parametrize(
    ("asked", "block"), [({"layer": "layer_1"}, 1), ({"torchaudio_element": 0}, 1), ({"torchaudio_element": 1}, 2)]
)
def test_units_of_a_block_of_hubert(audio, hubert, tmp_path, asked, block):
    """Blocks count from 1; element 6 of torchaudio's list, which conv_ssl takes for layer 6, is block 7."""
    told = fit_units(hubert, audio, tmp_path, **{**FIT, "k": 4}, **asked)
    assert (told["layer"], told["rate"]) == (f"layer_{block}", 50)
    encode_units(tmp_path, audio, tmp_path / "out")
    wave = torch.from_numpy(soundfile.read(audio / "u2.wav", dtype="float32")[0])
    with torch.no_grad():
        frames = build.load(hubert).encode_all(wave[None])
    blocks = {name: x.x_BTD[0].numpy() for name, x in frames.items()}
    cloud = Cloud.open(tmp_path / "features")
    seen_ND = cloud.read(0, cloud.rows)
    near = {name: np.abs(seen_ND - blocks[name][5]).max(1).min() for name in ("layer_0", "layer_1", "layer_2")}
    assert near.pop(f"layer_{block}") < 1e-4 and min(near.values()) > 1e-2
    unit_T = ArrayReader(tmp_path / "out" / "k_4")["u2"][:, 0].astype(int)
    found_T = read_units(tmp_path).of(blocks[f"layer_{block}"])
    assert np.mean(found_T == unit_T) > 0.95  # alone and in a batch: rounding may move a frame between two centroids


def test_an_element_that_there_is_not(audio, hubert, tmp_path):
    with pytest.raises(SonantError, match="no element 2 of this model"):
        fit_units(hubert, audio, tmp_path, **FIT, torchaudio_element=2)
    with pytest.raises(SonantError, match="no element 0 of this model.*--layer"):
        fit_units("logmel", audio, tmp_path, **FIT, torchaudio_element=0)
    with pytest.raises(SonantError, match="not both"):
        fit_units(hubert, audio, tmp_path, **FIT, torchaudio_element=0, layer="layer_1")


def test_scoring_units_that_tell_two_noises_apart(audio, fitted, tmp_path):
    with ManifestWriter(tmp_path / "labels") as writer:
        for number in range(8):
            half = (8000 + 800 * number) / 32000
            phones = [("n", 0.0, half), ("s", half, 2 * half)] if number else None
            writer.add(Utterance(id=f"u{number}", path=str(audio / f"u{number}.wav"), phones=phones))
        writer.finish()
    encode_units(fitted / "k_6", audio, tmp_path / "out")
    figures, line = score_units(tmp_path / "out" / "k_6", tmp_path / "labels")
    assert figures["pnmi"] > 0.8
    assert figures["phone_purity"] > 0.95
    assert 1 <= figures["perplexity_of_use"] <= 6
    assert (line.extra["utterances"], line.extra["left_out"], line.extra["phones"]) == (7, 1, 2)
    assert json.loads(json.dumps(line.line()))["figure"]["pnmi"] == figures["pnmi"]
    encode_units(fitted / "k_6", audio, tmp_path / "out", form="runs")
    with pytest.raises(SonantError, match="does not hold numbers of units"):
        score_units(tmp_path / "out" / "k_6_runs", tmp_path / "labels")
