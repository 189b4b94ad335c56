"""One vector from the frames of an utterance."""

from __future__ import annotations

import pytest
import torch

from sonant.core import FrameGeometry, Frames
from sonant.nn.pooling import Embedding, EmbeddingConfig


def frames(lengths: list[int], *, filler: float = 0.0) -> Frames:
    x_BTD = torch.randn(len(lengths), max(lengths), 4, generator=torch.Generator().manual_seed(0))
    made = Frames(x_BTD, torch.tensor(lengths), FrameGeometry(100))
    return made.with_x(x_BTD.masked_fill(~made.mask_BT[:, :, None], filler))


@pytest.mark.parametrize("pool", ["mean", "max", "last"])
@pytest.mark.parametrize("dim", [None, 3])
def test_padding_changes_nothing(pool, dim):
    torch.manual_seed(0)
    embedding = Embedding(EmbeddingConfig(pool=pool, dim=dim), in_dim=4)
    whole = frames([5, 2, 7])
    together = embedding(whole)
    torch.testing.assert_close(together, embedding(frames([5, 2, 7], filler=9.0)))
    assert together.shape == (3, embedding.dim)
    for b, n in enumerate([5, 2, 7]):
        alone = embedding(Frames(whole.x_BTD[b : b + 1, :n], torch.tensor([n]), whole.geometry))
        torch.testing.assert_close(together[b : b + 1], alone)


def test_pools_are_what_they_are_called():
    whole = frames([5, 2])
    x_TD = whole.x_BTD[1, :2]
    for pool, expected in (("mean", x_TD.mean(0)), ("max", x_TD.amax(0)), ("last", x_TD[-1])):
        torch.testing.assert_close(Embedding(EmbeddingConfig(pool=pool), in_dim=4)(whole)[1], expected)


def test_no_frames_give_a_finite_vector_and_norm_gives_length_one():
    none = Frames(torch.zeros(1, 3, 4), torch.tensor([0]), FrameGeometry(100))
    for pool in ("mean", "max", "last"):
        assert torch.equal(Embedding(EmbeddingConfig(pool=pool), in_dim=4)(none), torch.zeros(1, 4))
    normed = Embedding(EmbeddingConfig(norm=True), in_dim=4)(frames([5, 2]))
    torch.testing.assert_close(normed.norm(dim=-1), torch.ones(2))


def test_names_of_weights_stay_those_of_older_models():
    assert list(Embedding(EmbeddingConfig(dim=3), in_dim=4).state_dict()) == ["linear.weight", "linear.bias"]
    assert list(Embedding(EmbeddingConfig(pool="last"), in_dim=4).state_dict()) == []
