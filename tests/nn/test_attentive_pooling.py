"""Statistics and attention over time against their definitions, one utterance at a time."""

from __future__ import annotations

import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.nn.pooling import Embedding, EmbeddingConfig

LENGTHS = [6, 2, 9]


def frames(*, filler: float = 0.0, dtype=torch.float64) -> Frames:
    x_BTD = torch.randn(3, 9, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)
    made = Frames(x_BTD, torch.tensor(LENGTHS), FrameGeometry(100))
    return made.with_x(x_BTD.masked_fill(~made.mask_BT[:, :, None], filler))


def made(**settings) -> Embedding:
    torch.manual_seed(0)
    embedding = Embedding(EmbeddingConfig(**settings), in_dim=4).double()
    for name, buffer in embedding.named_buffers():
        if "running" in name:
            buffer.uniform_(0.5, 1.5)
    return embedding.eval()


SETTINGS = [
    {"pool": "statistics", "deviation": "unbiased", "floor_by": "add"},
    {"pool": "statistics", "deviation": "none"},
    {"pool": "sap"},
    {"pool": "asp", "attention": 6, "pooled_norm": True, "dim": 5},
    {"pool": "asp", "attention": 6, "attention_net": "tanh", "deviation": "unbiased", "dim": 5, "layers": 2},
    {"pool": "asp", "attention": 6, "attention_net": "relu_batch", "deviation": "none", "context": False},
    {"pool": "sap", "dim": 3, "bias": False, "last_norm": True, "norm": True},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("training", [False, True])
def test_padding_changes_nothing(settings, training):
    embedding = made(**settings)
    embedding.train(training)
    together = embedding(frames())
    assert together.shape == (3, embedding.dim)
    torch.testing.assert_close(together, embedding(frames(filler=7.0)))
    longer = frames()
    longer = Frames(torch.nn.functional.pad(longer.x_BTD, (0, 0, 0, 5)), longer.lengths_B, longer.geometry)
    torch.testing.assert_close(together, embedding(longer))
    if not training:
        for b, x_TD in enumerate(frames().unpad()):
            alone = embedding(Frames(x_TD[None], torch.tensor([len(x_TD)]), frames().geometry))
            torch.testing.assert_close(together[b], alone[0])


@pytest.mark.parametrize("how", ["population", "unbiased"])
def test_statistics_are_mean_and_deviation(how):
    x_TD = frames().unpad()[0]
    std_D = x_TD.std(0, unbiased=how == "unbiased")
    torch.testing.assert_close(made(pool="statistics", deviation=how)(frames())[0], torch.cat([x_TD.mean(0), std_D]))
    added = made(pool="statistics", deviation=how, floor=0.1, floor_by="add")(frames())[0]
    torch.testing.assert_close(added[4:], (std_D.square() + 0.1).sqrt())


def test_self_attention_is_its_formula():
    embedding = made(pool="sap")
    h_TD, pool = frames().unpad()[2], embedding.pool
    w_T = (torch.tanh(h_TD @ pool.linear.weight.T + pool.linear.bias) @ pool.attention).softmax(0)
    torch.testing.assert_close(embedding(frames())[2], w_T @ h_TD)


def test_attentive_statistics_are_their_formula():
    embedding = made(pool="asp", attention=6, attention_net="tanh")
    h_TD, pool = frames().unpad()[0], embedding.pool
    context_D = torch.cat([h_TD.mean(0), h_TD.std(0, unbiased=False)]).expand(len(h_TD), 8)
    w_TD = pool.score(torch.tanh(pool.enter(torch.cat([h_TD, context_D], 1)))).softmax(0)
    mean_D = (w_TD * h_TD).sum(0)
    std_D = ((w_TD * h_TD.square()).sum(0) - mean_D.square()).sqrt()
    torch.testing.assert_close(embedding(frames())[0], torch.cat([mean_D, std_D]))


@pytest.mark.parametrize("pool", ["statistics", "sap", "asp"])
def test_no_frames_and_constant_frames_stay_finite_with_their_gradients(pool):
    x_BTD = torch.ones(3, 5, 4, dtype=torch.float64).requires_grad_()
    out = made(pool=pool)(Frames(x_BTD, torch.tensor([0, 1, 5]), FrameGeometry(100)))
    out.square().sum().backward()
    assert torch.isfinite(out).all()
    assert torch.isfinite(x_BTD.grad).all()
    assert (out[0, :4] == 0).all()


def test_half_precision_is_summed_in_single():
    settings = {"pool": "asp", "attention": 6}
    exact = made(**settings)(frames())
    half = made(**settings).to(torch.bfloat16)(frames(dtype=torch.bfloat16))
    assert half.dtype == torch.bfloat16
    assert (half.double() - exact).abs().max() < 0.1


def test_a_batch_of_one_cannot_train_a_batch_norm():
    one = Frames(torch.randn(1, 5, 4), torch.tensor([5]), FrameGeometry(100))
    with pytest.raises(SonantError, match="data.batch_size"):
        made(pool="statistics", last_norm=True).float().train()(one)


@pytest.mark.parametrize("settings", [{"attention": 0}, {"floor": 0.0}, {"layers": 2}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match="embedding"):
        EmbeddingConfig(pool="asp", **settings)
