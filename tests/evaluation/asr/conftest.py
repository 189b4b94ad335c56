"""Utterances whose frames spell their words, so that a small recogniser learns them in seconds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pad_sequence

from sonant.core import FrameGeometry, Frames, numpy_generator
from sonant.data.manifest import Utterance
from sonant.evaluation.asr.config import Config

WORDS = ("AB", "BCA", "CAB", "B")
SMALL = Config(
    stack=2, hidden=16, layers=2, dropout=0.1, batch_size=6, short_epochs=1, epochs=3, short_lr=1e-2, lr=1e-2,
    time_warp=5, channel_width=1, burn_in=0,
)  # fmt: skip


class Spelt:
    """A source: six frames a letter, a dimension each for A, B, C and the space, with noise and an offset."""

    layers, dim, geometry, device = ("x",), 4, FrameGeometry(16000, 160, 160), torch.device("cpu")

    def batch(self, utterances):
        found = []
        for u in utterances:
            rng = numpy_generator("spelt", u.id)
            letters = np.array(["ABC ".index(c) for c in u.text])
            x_TD = np.eye(4, dtype=np.float32)[np.repeat(letters, 6)] * 3 + 5
            found.append(torch.from_numpy(x_TD + 0.1 * rng.standard_normal(x_TD.shape).astype(np.float32)))
        lengths_B = torch.tensor([len(x) for x in found])
        return [Frames(pad_sequence(found, batch_first=True), lengths_B, self.geometry)]


def utterances(count: int, *, name: str) -> list[Utterance]:
    rng = numpy_generator("texts", name)
    texts = [" ".join(rng.choice(WORDS, size=rng.integers(1, 5))) for _ in range(count)]
    return [
        Utterance(id=f"{name}{i}", path="-", text=text, duration=0.06 * len(text), speaker=f"s{i % 4}")
        for i, text in enumerate(texts)
    ]


@pytest.fixture(scope="session")
def spelt():
    """A source, utterances to learn from, to hold out and to test."""
    return Spelt(), utterances(32, name="train"), utterances(8, name="held"), utterances(10, name="test")
