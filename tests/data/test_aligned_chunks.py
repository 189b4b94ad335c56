"""Chunks along alignments, against scpc's slices and by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.data.config import DataConfig, build_view
from sonant.data.loader import Loader
from sonant.data.manifest import ManifestWriter, Utterance
from sonant.data.pool import Pool
from sonant.data.spect import runs_of
from sonant.data.views.aligned_chunks import AlignedChunks, Config, phone_spans, segments_of, word_spans

RATE = 8000


@pytest.fixture(scope="module")
def chunking(oracle_dir) -> dict:
    return json.loads((oracle_dir / "scpc" / "chunking.json").read_text())


@pytest.mark.parametrize("lobe", [0, 1, 3])
@pytest.mark.parametrize("valid", [True, False])
@pytest.mark.parametrize("window", ["causal", "symmetric", "future"])
@pytest.mark.parametrize("policy", ["ali", "ref"])
def test_chunks_are_those_of_scpc(chunking, policy, window, valid, lobe):
    found, sources = [], []
    options = {"lobe": lobe, "window": window, "valid": valid}
    for number, length in enumerate(chunking["feat_lens"]):
        if policy == "ali":
            runs = runs_of(np.array(chunking["ali"][number][:length]))
            spans = phone_spans(segments_of([(str(label), *span) for label, *span in runs], length), **options)
        else:
            rows = chunking["ref"][number][: chunking["ref_lens"][number]]
            spans = word_spans([(a, b) for _, a, b in rows if a >= 0 and b >= 0], length, **options)
        found += [list(span) for span in spans]
        sources += [number] * len(spans)
    case = chunking["cases"][f"{policy}|{window}|valid_only={valid}|lobe={lobe}"]
    assert (found, sources) == (case["slices"], case["sources"])


def test_segments_cover_the_utterance():
    runs = [("a", 2, 5), ("a", 5, 6), ("b", 6, 8), ("c", 11, 15)]
    assert segments_of(runs, 12) == [(0, 2), (2, 6), (6, 8), (8, 11), (11, 12)]
    assert segments_of([("a", 0, 4), ("b", 3, 7)], 7) == [(0, 4), (4, 7)]


@pytest.fixture(scope="module")
def aligned(tree, tmp_path_factory):
    """The tree with phones from 0.1 to 0.2 s and 0.2 to 0.4 s, and the same as words."""
    segments = [("a", 0.1, 0.2), ("b", 0.2, 0.4)]
    with ManifestWriter(tmp_path_factory.mktemp("aligned")) as writer:
        for path in sorted(tree.rglob("*.wav")):
            writer.add(Utterance(id=path.stem, path=str(path), phones=segments, words=segments))
        return writer.finish()


def test_reads_what_lies_around_a_segment(aligned):
    pool = Pool(aligned, sample_rate=RATE)
    view = AlignedChunks(Config(lobe=1, window="causal", most=None), pool)
    whole = pool.read(0)
    assert len(view) == 3 * len(pool)  # silence, a, b, silence, less the first
    for example, (start, end) in enumerate([(0, 1600), (800, 3200), (1600, len(whole))]):
        assert view.utterance_of(example) == 0
        np.testing.assert_array_equal(view.read(example, key=None, seed=0), whole[start:end])
    assert view.size(np.arange(3)) == max(2400, len(whole) - 1600)


@pytest.mark.parametrize("pad", ["constant", "reflect", "replicate"])
def test_what_lies_past_the_ends_is_filled(aligned, pad):
    pool = Pool(aligned, sample_rate=RATE)
    view = AlignedChunks(Config(to="words", lobe=1000, window="causal", pad=pad, value=-9.0), pool)
    whole = pool.read(0)
    filler = {"constant": np.full(200, -9.0), "reflect": whole[200:0:-1], "replicate": np.full(200, whole[0])}[pad]
    np.testing.assert_array_equal(
        view.read(0, key=None, seed=0), np.concatenate([filler, whole[:1600]]).astype(np.float32)
    )
    valid = AlignedChunks(Config(to="words", lobe=1000, window="causal"), pool)
    assert len(valid) == len(view) - len(pool)


def test_batches_draw_a_few_chunks_of_a_few_utterances(aligned):
    cfg = DataConfig(view="aligned", aligned_to="words", batch_size=3, tiles_per_batch=4, sample_rate=RATE)
    pool = Pool(aligned, sample_rate=RATE)
    view = build_view(cfg, pool)
    assert view.steps == len(pool) // 3
    batches = [view.batch(index, 1) for index in range(view.steps)]
    assert all(len(set(batch.tolist())) == 4 for batch in batches)
    owners = [{view.utterance_of(int(example)) for example in batch} for batch in batches]
    assert all(len(one) <= 3 for one in owners)
    assert sum(map(len, owners)) == len(set.union(*owners))
    assert [view.batch(0, 2).tolist() == batches[0].tolist(), view.batch(0, 1).tolist() == batches[0].tolist()] == [
        False,
        True,
    ]
    assert len(build_view(cfg, pool, training=False).batch(0, None)) == 6
    batch = next(iter(Loader(view, seed=0)))
    assert batch.wave_BL.shape == (4, int(batch.lengths_B.max()))


def test_a_corpus_without_alignments_is_told(manifest):
    with pytest.raises(SonantError, match="have no words"):
        AlignedChunks(Config(to="words"), Pool(manifest, sample_rate=RATE))
