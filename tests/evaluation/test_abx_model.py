"""ABX straight from a model and the audio."""

from __future__ import annotations

import numpy as np
import pytest
from abx_parts import HEADER, LETTERS, complete, write_items

from sonant.core import FrameGeometry, FrameModule, Frames, Representation, SonantError
from sonant.evaluation.abx import abx_of_model, evaluator


class Chunks(FrameModule):
    """Each frame is 80 samples, as they are."""

    def __init__(self, source):
        super().__init__()
        self.geometry, self.dim = source.stack(kernel=80, stride=80), 80

    def forward(self, frames):
        wave_BL = frames.x_BTD[..., 0]
        lengths_B = self.geometry.frames(frames.lengths_B)
        size = wave_BL.shape[1] // 80
        return Frames(wave_BL[:, : size * 80].reshape(len(wave_BL), size, 80), lengths_B, self.geometry).masked()


class Same(FrameModule):
    """Frames as they are."""

    def __init__(self, local):
        super().__init__()
        self.geometry, self.dim = local.geometry, local.dim

    def forward(self, frames):
        return frames


@pytest.fixture
def spoken(tmp_path):
    """(model, item file, audio folder): phones are tones of files of unlike length."""
    import soundfile

    rng, rows = np.random.default_rng(0), []
    for number in range(12):
        tones, name = [], f"f{number}"
        for place in range(4 + number % 3):
            phone = int(rng.integers(3))
            tones.append(np.sin(2 * np.pi * (200 + 300 * phone) * np.arange(800) / 8000 + rng.uniform(0, 6)))
            rows.append(
                (name, f"{place / 10:.1f}", f"{place / 10 + 0.1:.1f}", LETTERS[phone], "p", "n", f"S{number % 3}")
            )
        wave = np.concatenate(tones) + 0.1 * rng.normal(size=800 * len(tones))
        (tmp_path / "audio" / f"S{number % 3}").mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "audio" / f"S{number % 3}" / f"{name}.wav", 0.3 * wave, 8000)
    items = write_items(tmp_path / "tones.item", HEADER + "\n".join(map(" ".join, rows)) + "\n")
    chunks = Chunks(FrameGeometry(8000))
    return Representation(encoder=chunks, context=Same(chunks)), items, tmp_path / "audio"


def test_model_equals_its_features(spoken):
    import soundfile

    model, items, audio = spoken
    options = {"speaker": "across", "context": "any", "distance": "angular", "max_group_size": None}
    found = abx_of_model(model, items, audio, layer="z", batch_seconds=1.0, slicing="fastabx", **options)
    features = {}
    for path in audio.rglob("*.wav"):
        wave = soundfile.read(path, dtype="float32")[0]
        features[path.stem] = wave[: len(wave) // 80 * 80].reshape(-1, 80)
    assert found.error == complete(features, items, **options).error
    assert 0 < found.error < 0.5
    paths = {path.stem: path for path in audio.rglob("*.wav")}
    assert abx_of_model(model, items, paths, slicing="fastabx", **options).error == found.error


def test_evaluator_during_training(spoken):
    model, items, audio = spoken
    figures = evaluator(items, audio, speaker="within", context="any")(model, 100)
    options = {"speaker": "within", "context": "any", "distance": "angular", "slicing": "librilight"}
    assert figures == {"abx_within": abx_of_model(model, items, audio, max_group_size=None, **options).error}


def test_audio_that_is_missing_or_ambiguous(spoken):
    model, items, audio = spoken
    (audio / "S0" / "f0.wav").rename(audio / "S0" / "other.wav")
    with pytest.raises(SonantError, match=r"1 of the 12 files .* f0"):
        evaluator(items, audio)
    (audio / "S0" / "f1.wav").write_bytes((audio / "S1" / "f1.wav").read_bytes())
    (audio / "S0" / "other.wav").rename(audio / "S0" / "f0.wav")
    with pytest.raises(SonantError, match="'f1' is the name of several"):
        evaluator(items, audio)
