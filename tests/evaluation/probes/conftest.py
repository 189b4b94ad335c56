"""A corpus whose phones are tones and whose speakers hum, so that little training tells them apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

import sonant
from sonant import build
from sonant.data.manifest import Manifest, ManifestWriter, Utterance

TONES = {"a": 400.0, "b": 900.0, "c": 1700.0, "d": 3000.0}
WORDS = ("abc", "dca", "bdb", "cad")
SPEAKERS = 6
PHONE_S = 0.12


def sing(letters: str, *, hum: float, rng: np.random.Generator) -> np.ndarray:
    """One tone per letter, silence for a space, and the speaker's hum below."""
    time = np.arange(int(PHONE_S * 16000)) / 16000
    tones = [0.3 * np.sin(2 * np.pi * TONES[letter] * time) if letter != " " else 0 * time for letter in letters]
    wave = np.concatenate(tones)
    wave = wave + 0.1 * np.sin(2 * np.pi * hum * np.arange(len(wave)) / 16000)
    return (wave + 0.003 * rng.standard_normal(len(wave))).astype(np.float32)


def aligned(letters: str) -> tuple[list, list]:
    """Segments of the phones and of the words."""
    place = [(letter, i * PHONE_S, (i + 1) * PHONE_S) for i, letter in enumerate(letters)]
    words = [(letters[i : i + 3], i * PHONE_S, (i + 3) * PHONE_S) for i in range(0, len(letters), 4)]
    return [segment for segment in place if segment[0] != " "], words


def write(folder: Path, *, utterances: int, seed: int) -> Manifest:
    rng = np.random.default_rng(seed)
    folder.mkdir()
    with ManifestWriter(folder) as writer:
        for speaker in range(SPEAKERS):
            for number in range(utterances):
                words = rng.choice(WORDS, size=int(rng.integers(2, 4)))
                text = " ".join(words)
                name = f"{folder.name}-s{speaker}-{number}"
                soundfile.write(folder / f"{name}.wav", sing(text, hum=120 + 60 * speaker, rng=rng), 16000)
                phones, words = aligned(text)
                u = Utterance(
                    id=name, path=str(folder / f"{name}.wav"), speaker=f"s{speaker}", text=text, phones=phones,
                    words=words, language="even" if speaker % 2 else "odd",
                )  # fmt: skip
                writer.add(u)
        return writer.finish()


@pytest.fixture(scope="session")
def train(tmp_path_factory) -> Manifest:
    return write(tmp_path_factory.mktemp("tones") / "train", utterances=6, seed=0)


@pytest.fixture(scope="session")
def test(tmp_path_factory) -> Manifest:
    return write(tmp_path_factory.mktemp("tones") / "test", utterances=2, seed=1)


@pytest.fixture(scope="session")
def logmel():
    return sonant.load("logmel")


@pytest.fixture(scope="session")
def loud():
    """Log-mel features that are not normalised, so that their means tell speakers apart."""
    plain = {"features": {"name": "logmel"}, "encoder": {"name": "identity"}, "context": {"name": "identity"}}
    return build.representation_of({"sample_rate": 16000, **plain}).eval()


@pytest.fixture
def small():
    """A model with weights and three layers of one size."""
    import torch

    torch.manual_seed(0)
    config = {
        "sample_rate": 16000,
        "features": {"name": "logmel", "n_mels": 20, "cmvn": "utterance"},
        "encoder": {"name": "mlp", "layers": 1, "dim": 16},
        "context": {"name": "gru", "dim": 16, "layers": 2},
        "layer": "c",
    }
    return build.representation_of(config).eval()
