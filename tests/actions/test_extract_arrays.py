"""Extraction from features computed before, of words, and of one vector per utterance."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import soundfile
import torch

from sonant import build
from sonant.actions.extract import extract
from sonant.cli.main import main
from sonant.core import FrameGeometry, SonantError
from sonant.data.arrays import ArrayReader, ArrayWriter
from sonant.data.words import Word, write_words

CONFIG = {
    "features": {"name": "arrays", "dim": 4},
    "encoder": {"name": "identity"},
    "context": {"name": "gru", "dim": 6},
    "embedding": {"pool": "last", "dim": 3},
    "method": {"name": "ae_rnn", "hidden": 6, "layers": 1},
}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build.method_of(build.resolve(CONFIG)).representation().eval()


@pytest.fixture
def arrays(tmp_path):
    generator = np.random.default_rng(0)
    facts = {"geometry": asdict(FrameGeometry(16000, hop=160, window=400))}
    with ArrayWriter(tmp_path / "arrays", facts=facts) as writer:
        for name, count in (("a", 50), ("b", 20)):
            writer.write(name, generator.standard_normal((count, 4)))
    return tmp_path / "arrays"


def test_vectors_of_words_are_those_of_their_frames_alone(model, arrays, tmp_path):
    words = [Word("one", "?", None, "a", 0.1, 0.3), Word("two", "?", None, "b", 0.0, 0.2)]
    write_words(tmp_path / "words.tsv", words)
    facts = extract(model, arrays, tmp_path / "out", words=tmp_path / "words.tsv")
    assert (facts["layer"], facts["dim"], facts["written"]) == ("embedding", 3, 2)
    frames, vectors = ArrayReader(arrays), ArrayReader(tmp_path / "out")
    for key, x_TD in (("one", frames["a"][10:30]), ("two", frames["b"])):
        with torch.inference_mode():
            alone_BD = model.embed(torch.from_numpy(x_TD)[None])
        np.testing.assert_allclose(vectors[key], alone_BD[0].numpy(), atol=1e-6)


def test_frames_of_whole_arrays(model, arrays, tmp_path):
    facts = extract(model, arrays, tmp_path / "out", layer="c")
    assert (facts["dim"], facts["written"]) == (6, 2)
    assert {key: x.shape for key, x in ArrayReader(tmp_path / "out").items()} == {"a": (50, 6), "b": (20, 6)}


def test_words_that_cannot_be_cut_are_named_and_skipped(model, arrays, tmp_path, capsys):
    words = [Word("gone", "?", None, "c", 0.0, 0.2), Word("late", "?", None, "b", 0.3, 0.4)]
    write_words(tmp_path / "words.tsv", [*words, Word("fine", "?", None, "b", 0.0, 0.1)])
    facts = extract(model, arrays, tmp_path / "out", words=tmp_path / "words.tsv")
    assert (facts["written"], sorted(facts["skipped_names"])) == (1, ["gone", "late"])
    errors = capsys.readouterr().err
    assert "'c', which is not there" in errors and "outside of 'b'" in errors


def test_models_of_waveforms_take_no_arrays(arrays, tmp_path):
    wave = build.representation_of(
        {"sample_rate": 16000, "encoder": {"name": "cpc_conv", "dim": 8}, "context": {"name": "identity"}}
    )
    with pytest.raises(SonantError, match="reads waveforms"):
        extract(wave, arrays, tmp_path / "out")


def test_settings_of_a_baseline_and_what_they_do_not_mix_with(tmp_path, capsys):
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).standard_normal(8000) * 0.1, 16000)
    command = ["extract", "mfcc", str(tmp_path / "a.wav"), str(tmp_path / "out")]
    assert main([*command, "--features.cmvn", "none", "--features.deltas=0"]) == 0
    assert ArrayReader(tmp_path / "out").shape("a") == (50, 13)
    for rest, told in (
        (["--features.cmvn", "none"], "already holds arrays"),
        (["--features.cmnv", "none"], "Did you mean 'cmvn'"),
        (["--formt", "npy"], "Did you mean 'format'"),
        (["--features.cmvn", "nothing"], "'cmvn' must be"),
    ):
        assert main([*command, *rest]) == 2
        assert told in capsys.readouterr().err
    with pytest.raises(SonantError, match="for the baselines"):
        extract("raw", tmp_path / "a.wav", tmp_path / "raw", features={"cmvn": "none"})


def test_info_tells_the_size_of_the_embedding(model):
    from sonant.actions.info import describe

    assert describe(model)["embedding_dim"] == 3
    assert describe("mfcc")["embedding_dim"] is None
