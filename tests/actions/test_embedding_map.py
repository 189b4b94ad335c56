import numpy as np
import pytest
import soundfile

from sonant import build
from sonant.actions.embedding_map import draw_map
from sonant.actions.knn import knn
from sonant.core import SonantError
from sonant.data.recipes.folder import prepare


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    rng = np.random.default_rng(0)
    for name, pitch in (("low", 100.0), ("high", 900.0)):
        (folder / name).mkdir()
        for take in range(8):
            wave = np.sin(2 * np.pi * pitch * np.arange(8000) / 16000) + 0.1 * rng.normal(size=8000)
            soundfile.write(folder / name / f"{name}{take}.wav", 0.2 * wave, 16000)
    return prepare(folder, folder / "manifest").folder


@pytest.fixture(scope="module")
def model():
    return build.baseline("logmel", features={"cmvn": "none"})


def test_every_utterance_is_a_point(corpus, model, tmp_path):
    pytest.importorskip("sklearn", reason="t-SNE is that of scikit-learn")
    assert draw_map(model, corpus, tmp_path / "map.svg") == {"utterances": 16, "classes": 2}
    svg = (tmp_path / "map.svg").read_text()
    assert svg.count("<circle") == 16 + 2
    assert "low (8)" in svg


def test_neighbours_know_the_speaker(corpus, model):
    figures, line = knn(model, train=corpus, test=corpus, k=3)
    assert figures["accuracy"] == 1.0
    assert line.extra == {"classes": 2, "labelled": 16, "test": 16}
    few = knn(model, train=corpus, test=corpus, k=1, fraction=0.25, seed=1)[1]
    assert few.extra["labelled"] == 4


def test_labels_from_a_table(corpus, model, tmp_path):
    rows = [f"{name}{take}\t{'m' if name == 'low' else 'f'}" for name in ("low", "high") for take in range(8)]
    (tmp_path / "sex.tsv").write_text("key\tsex\n" + "\n".join(rows) + "\n")
    assert knn(model, train=corpus, test=corpus, labels=tmp_path / "sex.tsv", k=3)[0]["accuracy"] == 1.0
    with pytest.raises(SonantError, match="has a label"):
        knn(model, train=corpus, test=corpus, label="language")
