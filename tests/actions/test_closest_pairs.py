"""Pairs of segments that lie near to each other."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import combinations

import numpy as np
import pytest

import sonant.actions.closest_pairs as module
from sonant.actions.closest_pairs import closest_pairs
from sonant.cli.main import main
from sonant.core import FrameGeometry, SonantError
from sonant.data.arrays import ArrayWriter
from sonant.data.pairs import read_pairs
from sonant.data.words import Word, write_words
from sonant.evaluation.same_different import dtw_distances

GEOMETRY = FrameGeometry(16000, hop=160, window=160)
SPEAKERS = "xxyyxy"


@pytest.fixture
def corpus(tmp_path):
    """Six segments of three words in one recording each, the second half of it noise."""
    generator = np.random.default_rng(0)
    shapes = [generator.standard_normal((12, 5)) for _ in range(3)]
    frames = [shapes[i % 3] + 0.1 * generator.standard_normal((12, 5)) for i in range(6)]
    with ArrayWriter(tmp_path / "frames", facts={"geometry": asdict(GEOMETRY)}) as writer:
        for i, x_TD in enumerate(frames):
            writer.write(f"r{i}", np.concatenate([x_TD, generator.standard_normal((20, 5))]))
    words = [Word(f"w{i}", "?", SPEAKERS[i], f"r{i}", 0.0, 0.12) for i in range(6)]
    write_words(tmp_path / "words.tsv", words)
    return tmp_path, [x.astype(np.float32) for x in frames]


def test_the_nearest_segments_are_paired(corpus):
    folder, frames = corpus
    pairs, counts = closest_pairs(folder / "frames", folder / "words.tsv", share=1.0)
    assert {frozenset((pair.a, pair.b)) for pair in pairs} == {frozenset((f"r{i}", f"r{i + 3}")) for i in range(3)}
    assert all((pair.a_start, pair.a_end, pair.label) == (0.0, 0.12, "?") for pair in pairs)
    assert (counts["segments"], counts["found"], counts["kept"]) == (6, 3, 3)
    distances = dict(zip(combinations(range(6), 2), dtw_distances(frames, distance="cosine"), strict=True))
    assert counts["largest_distance"] == pytest.approx(max(distances[i, i + 3] for i in range(3)))


def test_share_keeps_the_nearest_and_neighbours_add_more(corpus):
    folder, _ = corpus
    every, _ = closest_pairs(folder / "frames", folder / "words.tsv", share=1.0, neighbours=5)
    assert len(every) == 15
    few, _ = closest_pairs(folder / "frames", folder / "words.tsv", share=0.4, neighbours=5)
    assert few == every[:6]


def test_pairs_of_different_speakers_only(corpus):
    folder, _ = corpus
    pairs, _ = closest_pairs(folder / "frames", folder / "words.tsv", share=1.0, neighbours=5, different_speakers=True)
    speaker = {f"r{i}": SPEAKERS[i] for i in range(6)}
    assert len(pairs) == 9 and all(speaker[pair.a] != speaker[pair.b] for pair in pairs)
    write_words(folder / "one.tsv", [Word("a", "?", None, "r0", 0.0, 0.1), Word("b", "?", "x", "r1", 0.0, 0.1)])
    with pytest.raises(SonantError, match="speaker of every segment"):
        closest_pairs(folder / "frames", folder / "one.tsv", different_speakers=True)


@pytest.mark.parametrize("speakers", [None, np.array([0, 1, 0, 2, 1, 0, 2])])
def test_nearest_is_its_definition(speakers, monkeypatch):
    monkeypatch.setattr(module, "ROWS", 3)
    N, generator = 7, np.random.default_rng(0)
    condensed = generator.integers(0, 9, N * (N - 1) // 2).astype(np.float32)
    matrix = dict(zip(combinations(range(N), 2), condensed, strict=True))
    wanted = {}
    for i in range(N):
        others = [j for j in range(N) if j != i and (speakers is None or speakers[i] != speakers[j])]
        for j in sorted(others, key=lambda j: (matrix[min(i, j), max(i, j)], j))[:2]:
            wanted[min(i, j), max(i, j)] = matrix[min(i, j), max(i, j)]
    i_P, j_P, distance_P = module._nearest(condensed, N, 2, speakers)
    found = dict(zip(zip(i_P.tolist(), j_P.tolist(), strict=True), distance_P, strict=True))
    assert found == wanted


def test_settings_out_of_range_are_refused(corpus):
    folder, _ = corpus
    for settings, message in (({"share": 0}, "share"), ({"neighbours": 0}, "neighbour"), ({"distance": "l2"}, "l2")):
        with pytest.raises(SonantError, match=message):
            closest_pairs(folder / "frames", folder / "words.tsv", **settings)


def test_the_command_writes_a_list_of_pairs(corpus, capsys):
    folder, _ = corpus
    places = [str(folder / name) for name in ("frames", "words.tsv", "pairs.tsv")]
    assert main(["pairs", "closest", *places, "--share", "1", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["kept"] == len(read_pairs(folder / "pairs.tsv")) == 3
