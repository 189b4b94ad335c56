"""Small corpora for the tests of ABX."""

from __future__ import annotations

import numpy as np

from sonant.evaluation.abx import Items, abx

LETTERS = "ABCDEFG"
HEADER = "#file onset offset #phone prev-phone next-phone speaker\n"


def corpus(seed=0, *, tokens=60, phones=4, speakers=3, contexts=2, dim=3, noise=1.0, coarse=False):
    """Features of files of 4 tokens each, and the rows of an item file at 100 frames a second."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(phones, dim))
    features, rows = {}, []
    for number in range(tokens // 4):
        frames, name = [], f"file{number}"
        voice = rng.integers(speakers)
        for _ in range(4):
            phone, context, length = rng.integers(phones), rng.integers(contexts), rng.integers(3, 9)
            onset = sum(map(len, frames)) / 100
            frames.append(centres[phone] + noise * rng.normal(size=(length, dim)))
            labels = (LETTERS[phone], f"p{context}", "n", f"S{voice}")
            rows.append((name, f"{onset:.2f}", f"{onset + length / 100:.2f}", *labels))
        x_TD = np.concatenate(frames)
        features[name] = np.round(x_TD if coarse else x_TD * 8) / (1 if coarse else 8)
    return {name: x.astype(np.float32) for name, x in features.items()}, rows


def items_of(rows):
    file, onset, offset, phone, previous, following, speaker = zip(*rows, strict=True)
    return Items(file, onset, offset, phone, speaker, previous, following)


def complete(features, items, **options):
    defaults = {"rate": 100, "distance": "angular", "max_group_size": None, "slicing": "fastabx", "threads": 2}
    return abx(features, items, **{**defaults, **options})


def write_items(path, text):
    path.write_text(text)
    return path
