"""Search for spoken queries."""

from __future__ import annotations

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.evaluation.probes._features import Cached, Live
from sonant.evaluation.probes.query_by_example import Config, Task

LOOSE = {"min_seconds": 0.3, "min_characters": 3}


def test_words_are_found(logmel, train, test):
    found = Task(Config(**LOOSE)).run(logmel, train, test)
    assert found.counts["queries"] == 4
    assert found.counts["documents"] == len(test)
    assert found.figures["mean_ap"] > 0.9
    assert found.figures["mtwv"] > 0.3
    assert found.layers == {}  # one layer: nothing to choose


def test_the_layer_is_chosen_on_the_training_manifest(small, train, test):
    found = Task(Config(**LOOSE, max_queries=2)).run(small, train, test)
    assert list(found.layers) == ["z", "layer_1", "c"]
    best = found.layers[found.counts["chosen_layer"]]
    assert best == max(found.layers.values()) == found.chosen["mtwv"]


def test_a_search_in_parts_is_that_in_all_at_once(small, train, test):
    found = [Task(Config(**LOOSE, max_queries=2, cache_gb=gb)).run(small, train, test) for gb in (4.0, 1e-4)]
    assert found[0].figures == pytest.approx(found[1].figures, abs=1e-6)
    assert found[0].layers == pytest.approx(found[1].layers, abs=1e-6)


def test_queries_of_a_list_and_their_own_utterance(test, tmp_path):
    first = next(iter(test))
    word, onset, offset = first.words[0]
    lines = ["key\tlabel\tspeaker\tfile\tonset\toffset", f"q\t{word}\t?\t{first.id}\t{onset}\t{offset}"]
    (tmp_path / "q.tsv").write_text("\n".join([*lines, "r\tnever\t?\telsewhere\t0\t1"]) + "\n")
    there = Task(Config(queries=str(tmp_path / "q.tsv")))._search(test, 0)
    assert [query.id for query in there.queries] == ["q"]
    assert there.queries[0].duration == pytest.approx(offset - onset)
    assert there.trial_QM.sum() == len(test) - 1
    assert not there.trial_QM[0, 0]
    assert there.hit_QM[0].tolist() == [word in u.text.split() for u in test]


def test_drawn_queries_depend_on_the_seed(train):
    names = [[q.id for q in Task(Config(**LOOSE))._search(train, seed).queries] for seed in (0, 0, 1)]
    assert names[0] == names[1] != names[2]


def test_no_fitting_word_is_told(logmel, train, test):
    with pytest.raises(SonantError, match="lower --min-seconds"):
        Task(Config(min_seconds=9.0)).run(logmel, train, test)


def test_frames_are_unit_vectors(logmel, test):
    utterances = list(test)[:2]
    frames = Task(Config())._frames(Cached(Live(logmel, ["z"]), utterances), utterances[1], 0)
    np.testing.assert_allclose(np.linalg.norm(frames.numpy(), axis=1), 1, atol=1e-5)
