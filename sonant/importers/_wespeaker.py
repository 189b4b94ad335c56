"""What importers of wespeaker's models share: where their weights lie, and the features below them."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ._rename import body_of, open_weights

BODIES = ("t_model.", "encoder_q.", "encoder.")  # what extraction takes, the teacher before the student
HEADS = ("projection.", "projection_head.", "mlp.")


def open_wespeaker(source: Any) -> tuple[dict[str, Tensor], list[str], str]:
    """(weights of the encoder without the heads of training, all names, name for messages) of a checkpoint."""
    whole, where = open_weights(source, containers=("state_dict", "model"))
    own = {key: value for key, value in body_of(whole, BODIES).items() if not key.startswith(HEADS)}
    return own, list(whole), where


def kaldi_fbank(n_mels: int) -> dict:
    """The section ``features``: torchaudio's ``kaldi.fbank`` without dither, mean taken off."""
    return {
        "name": "logmel",
        "n_mels": n_mels,
        "window": "hamming",
        "high_hz": 0.0,
        "snip_edges": True,
        "cmvn": "utterance_mean",
    }
