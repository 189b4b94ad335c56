"""Signals, kaldi-native-fbank as the reference implementation, and the slow twin in float64."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from sonant.core import FrameGeometry, FrameModule, Frames
from sonant.features._savgol import regression_targets


def wave_frames(waves, rate: int = 16000, dtype: torch.dtype = torch.float32) -> Frames:
    """A padded batch of waveforms of any lengths."""
    waves = [torch.as_tensor(wave, dtype=dtype) for wave in waves]
    padded = torch.nn.utils.rnn.pad_sequence(waves, batch_first=True)
    return Frames.of_wave(padded, torch.tensor([len(wave) for wave in waves]), rate)


def harmonic(seconds: float, rate: int = 16000, seed: int = 0) -> np.ndarray:
    """A gliding harmonic complex with syllable-like loudness over weak noise, rounded to 16 bits."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(120 + 40 * np.sin(2 * np.pi * 1.3 * t)) / rate
    tone = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 30))
    wave = 0.08 * tone * (1 + np.sin(2 * np.pi * 3 * t)) + 0.003 * rng.standard_normal(len(t)) + 0.01
    return (np.round(wave * 32768).clip(-32768, 32767) / 32768).astype(np.float32)


@pytest.fixture(scope="session")
def source() -> FrameGeometry:
    return FrameGeometry(16000)


@pytest.fixture(scope="session")
def speech(data_dir) -> list[np.ndarray]:
    """Ten read utterances, two of each of five speakers."""
    import soundfile

    speakers = sorted(path for path in (data_dir / "librispeech-mini" / "test-other").iterdir() if path.is_dir())
    files: list[Path] = [path for speaker in speakers for path in sorted(speaker.rglob("*.flac"))[:2]]
    return [soundfile.read(path, dtype="float32")[0] for path in files]


class PaseTargets:
    """The targets of PASE and PASE+ as the originals computed them, and how they are computed here."""

    def __init__(self, folder: Path):
        self.folder = folder

    def arrays(self, file: str, *names: str) -> list[torch.Tensor]:
        """Arrays of ``<file>.npz``, targets [D, T] as (T, D); batches, which keep their axes, are of 2 utterances."""
        with np.load(self.folder / f"{file}.npz", allow_pickle=False) as arrays:
            found = [torch.from_numpy(arrays[name]) for name in names]
        return [x.T if x.dim() == 2 and len(x) > 2 else x for x in found]

    def speech(self) -> Frames:
        """The 2 s of speech that the targets are of, (1, 32000, 1)."""
        return Frames.of_wave(self.arrays("labels", "wav_i16")[0][None].float() / 32768, None, 16000)

    def compute(self, features: FrameModule, wave: Frames, *, deltas: int = 2) -> torch.Tensor:
        """(B, L // 160, D) targets at 10 ms a frame."""
        size = wave.x_BTD.shape[1] // 160
        return regression_targets(features, wave, lengths_B=wave.lengths_B // 160, size=size, deltas=deltas).x_BTD


@pytest.fixture(scope="session")
def pase(oracle_dir) -> PaseTargets:
    return PaseTargets(oracle_dir / "pase")


@pytest.fixture(scope="session")
def kaldi():
    """kaldi-native-fbank as a function (wave, kind, rate, frame, mel and other options) -> (T, D)."""
    knf = pytest.importorskip("kaldi_native_fbank", reason="kaldi-native-fbank, the reference, is not installed")

    def compute(wave, kind: str, *, rate: int = 16000, frame=(), mel=(), **own) -> np.ndarray:
        options = knf.FbankOptions() if kind == "fbank" else knf.MfccOptions()
        settings = {"dither": 0.0, "snip_edges": False, "samp_freq": rate, **dict(frame)}
        for part, values in ((options.frame_opts, settings), (options.mel_opts, dict(mel)), (options, own)):
            for name, value in values.items():
                setattr(part, name, value)
        computer = (knf.OnlineFbank if kind == "fbank" else knf.OnlineMfcc)(options)
        computer.accept_waveform(rate, (np.asarray(wave, dtype=np.float64) * 32768).tolist())
        computer.input_finished()
        rows = [computer.get_frame(i) for i in range(computer.num_frames_ready)]
        return np.array(rows).reshape(len(rows), -1)

    return compute


@pytest.fixture(scope="session")
def slow_logmel():
    """One frame at a time in float64, from Kaldi's documentation: (wave, n_mels, high_hz) -> (T, n_mels) at 16 kHz."""

    def mel(hz: float) -> float:
        return 1127 * math.log(1 + hz / 700)

    def frame_of(wave: np.ndarray, i: int) -> np.ndarray:
        frame = np.empty(400)
        for k in range(400):
            s = 160 * i + 80 - 200 + k
            while not 0 <= s < len(wave):
                s = -s - 1 if s < 0 else 2 * len(wave) - 1 - s
            frame[k] = wave[s] * 32768.0
        return frame

    def compute(wave, n_mels: int, high_hz: float) -> np.ndarray:
        wave, rows = np.asarray(wave, dtype=np.float64), []
        window = np.array([(0.5 - 0.5 * math.cos(2 * math.pi * k / 399)) ** 0.85 for k in range(400)])
        edges = np.linspace(mel(20), mel(high_hz), n_mels + 2)
        for i in range((len(wave) + 80) // 160):
            frame = frame_of(wave, i)
            frame -= frame.mean()
            frame = np.concatenate([frame[:1] * 0.03, frame[1:] - 0.97 * frame[:-1]]) * window
            power = np.abs(np.fft.rfft(frame, 512)) ** 2
            row = np.zeros(n_mels)
            for m in range(n_mels):
                left, centre, right = edges[m : m + 3]
                for k in range(256):
                    at = mel(k * 31.25)
                    if left < at < right:
                        row[m] += power[k] * min((at - left) / (centre - left), (right - at) / (right - centre))
            rows.append(np.log(np.maximum(row, 2.0**-23)))
        return np.array(rows)

    return compute
