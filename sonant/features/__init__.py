"""Waveforms to features: log-mel, MFCC, deltas and normalisation, batched, on the device of the input."""

from ._normalise import Statistics, apply_statistics, speaker_statistics

__all__ = ["Statistics", "apply_statistics", "speaker_statistics"]
