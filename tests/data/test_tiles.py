from __future__ import annotations

import json

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.data.config import DataConfig, build_view
from sonant.data.pool import Pool
from sonant.data.views.tiles import Config, Tiles, folded, tile_counts, tile_start

RATE = 8000


class Ramp:
    """A pool of utterances whose samples count through all of them."""

    sample_rate = 1

    def __init__(self, lengths):
        self.samples = np.array(lengths)
        self.first = np.cumsum(self.samples) - self.samples

    def read(self, number, *, start, count):
        assert start >= 0 and start + count <= self.samples[number]
        return np.arange(start, start + count, dtype=np.float32) + self.first[number]


def cases(oracle_dir):
    told = json.loads((oracle_dir / "scpc" / "chunking.json").read_text())
    for name, case in told["cases"].items():
        policy, window, valid, lobe = name.split("|")
        if policy == "fixed":
            yield told["feat_lens"], window, valid.endswith("True"), int(lobe.removeprefix("lobe=")), case


def test_places_are_those_of_the_original(oracle_dir):
    seen = 0
    for lengths, window, valid, lobe, case in cases(oracle_dir):
        options = {"shift": lobe + 1, "window": window, "pad": "valid" if valid else "constant"}
        width = 2 * lobe + 1 if window == "symmetric" else lobe + 1
        slices, sources = [], []
        for source, count in enumerate(tile_counts(np.array(lengths), **options)):
            starts = [tile_start(tile, **options) for tile in range(count)]
            slices += [[start, start + width] for start in starts]
            sources += [source] * int(count)
        assert (slices, sources) == (case["slices"], case["sources"])
        seen += 1
    assert seen == 18


@pytest.mark.parametrize("pad", ["constant", "reflect", "replicate"])
def test_padding_is_that_of_the_original(oracle_dir, pad):
    seen = 0
    for lengths, window, valid, lobe, case in cases(oracle_dir):
        if f"chunk_{pad}" in case:
            cfg = Config(seconds=lobe + 1, window=window, pad="valid" if valid else pad, value=-9, batch_size=2)
            view = Tiles(cfg, Ramp(lengths))
            assert [view.read(tile, key=None, seed=0).tolist() for tile in range(len(view))] == case[f"chunk_{pad}"]
            seen += 1
    assert seen == 6


def test_reflection_goes_to_and_fro():
    assert folded(np.arange(-4, 7), 3, reflect=True).tolist() == [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]
    assert folded(np.arange(-2, 3), 1, reflect=True).tolist() == [0] * 5


def test_tiles_of_a_batch_are_drawn_from_its_utterances(manifest):
    pool = Pool(manifest, sample_rate=RATE)
    view = Tiles(Config(seconds=0.1, batch_size=3, most=8, drop_last=False), pool)
    epochs = [[view.batch(index, key) for index in range(view.steps)] for key in (1, 1, 2)]
    assert all(np.array_equal(a, b) for a, b in zip(epochs[0], epochs[1], strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(epochs[0], epochs[2], strict=True))
    for batch in epochs[0]:
        assert len(batch) == len(set(batch.tolist())) == 8
        assert len({view.utterance_of(tile) for tile in batch}) <= 3
    everything = Tiles(Config(seconds=0.1, batch_size=3, most=None, drop_last=False), pool)
    drawn = np.concatenate([everything.batch(index, 5) for index in range(everything.steps)])
    assert sorted(drawn) == list(range(len(everything)))


def test_a_configuration_names_them(manifest):
    cfg = DataConfig(view="tiles", chunk_seconds=0.1, tile_window="symmetric", tile_pad="reflect", batch_size=2)
    pool = Pool(manifest, sample_rate=RATE)
    view = build_view(cfg, pool)
    assert (view.width, len(view.batch(0, 3))) == (1599, 8)
    assert len(build_view(cfg, pool, training=False).batch(0, None)) > 8
    wave = view.read(0, key=None, seed=0)
    assert np.array_equal(wave[: 1599 - 1200][::-1], wave[1599 - 1200 + 1 :][: 1599 - 1200]) and len(wave) == 1599


def test_too_short_a_corpus_is_told(manifest):
    with pytest.raises(SonantError, match="as long as a tile of 9 s"):
        Tiles(Config(seconds=9.0), Pool(manifest, sample_rate=RATE))
