"""A few seconds of speech-like audio and a run trained on it, made once."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sonant.cli.main import main

SMALL = shlex.split(
    "--train.steps 3 --train.log_every 1 --train.valid_every 2 --train.checkpoint_every 2 --train.device cpu "
    "--data.batch_size 2 --data.chunk_seconds 0.4 --data.workers 0 --encoder.dim 16 --encoder.blocks 1 "
    "--context.dim 16 --method.horizons 3 --method.negatives 8"
)


def voice(seconds: float, *, seed: int, rate: int = 16000) -> np.ndarray:
    """A harmonic sound whose pitch moves, with some noise: (L,) in [-1, 1]."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(120 + 40 * np.sin(2 * np.pi * 3 * time + seed)) / rate
    tone = sum(np.sin(k * phase) / k for k in range(1, 6)) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time))
    return (0.15 * tone + 0.01 * rng.standard_normal(len(time))).astype(np.float32)


@pytest.fixture(scope="session")
def audio(tmp_path_factory) -> Path:
    """Folder of 3 speakers x 4 utterances of about a second."""
    folder = tmp_path_factory.mktemp("audio")
    for speaker in "abc":
        (folder / speaker).mkdir()
        for number in range(4):
            wave = voice(0.9 + 0.1 * number, seed=ord(speaker) * 10 + number)
            soundfile.write(folder / speaker / f"{speaker}{number}.flac", wave, 16000)
    return folder


@pytest.fixture(scope="session")
def corpus(audio, tmp_path_factory) -> Path:
    """The manifest of ``audio``."""
    out = tmp_path_factory.mktemp("corpus")
    assert main(["prepare", "folder", str(audio), str(out)]) == 0
    return out


@pytest.fixture(scope="session")
def trained(corpus, tmp_path_factory) -> Path:
    """A run folder of three steps of CPC."""
    run = tmp_path_factory.mktemp("runs") / "small"
    assert main(["train", "cpc-laptop", "--data.train", str(corpus), "--run", str(run), *SMALL]) == 0
    return run
