import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sonant.core import SonantError
from sonant.evaluation.knn import class_scores, knn_accuracy


def test_ranking_of_the_classes(oracle_dir):
    arrays = load_file(oracle_dir / "speaker" / "losses.safetensors")
    bank, labels, query = (arrays[f"knn.{name}"] for name in ("bank", "bank_labels", "query"))
    votes = class_scores(bank, labels, query, classes=5)
    expected = arrays["knn.pred_ranking_k20_t0.1"]
    assert torch.equal(votes.argsort(dim=1, descending=True, stable=True)[votes.sum(1) > 0][:, 0], expected[:, 0])
    ranked = torch.gather(votes, 1, expected)
    assert (ranked[:, 1:] <= ranked[:, :-1] + 1e-6).all()


def test_one_neighbour_is_the_nearest():
    x = np.eye(3)
    found = knn_accuracy(x, ["a", "b", "c"], x + 0.1, ["a", "b", "b"], k=1)
    assert found == {"accuracy": pytest.approx(2 / 3), "balanced_accuracy": pytest.approx(3 / 4)}


def test_many_queries_in_blocks(monkeypatch):
    from sonant.evaluation import knn

    g = torch.Generator().manual_seed(0)
    bank, query, labels = torch.randn(30, 4, generator=g), torch.randn(50, 4, generator=g), torch.arange(30) % 3
    whole = class_scores(bank, labels, query, classes=3)
    monkeypatch.setattr(knn, "BLOCK", 64)
    torch.testing.assert_close(class_scores(bank, labels, query, classes=3), whole)


def test_unknown_class():
    with pytest.raises(SonantError, match="no labelled vector is of d"):
        knn_accuracy(np.eye(2), ["a", "b"], np.eye(2), ["a", "d"])
