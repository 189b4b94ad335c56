from __future__ import annotations

import pytest
import torch
from torch import nn

from sonant.contexts import gru, lstm, rnn
from sonant.core import FrameGeometry, Frames, SonantError

SOURCE = FrameGeometry(16000, hop=160, window=400)


@pytest.mark.parametrize(("module", "theirs"), [(gru, nn.GRU), (lstm, nn.LSTM), (rnn, nn.RNN)])
def test_layers_run_apart_equal_torch_run_at_once(module, theirs):
    torch.manual_seed(0)
    ours = module.Context(module.Config(dim=5, layers=3), source=SOURCE, in_dim=4)
    stack = theirs(4, 5, 3, batch_first=True)
    stack.load_state_dict({name: ours.rnns[int(name[-1])].state_dict()[f"{name[:-1]}0"] for name in stack.state_dict()})
    x = torch.randn(2, 7, 4)
    torch.testing.assert_close(ours(Frames(x, torch.tensor([7, 7]), SOURCE)).x_BTD, stack(x)[0])


def run(settings: dict, x: Frames, *, train: bool = False):
    """A GRU context on some frames, and its outputs by layer."""
    torch.manual_seed(0)
    context = gru.Context(gru.Config(**settings), source=SOURCE, in_dim=x.dim).train(train)
    last, inner = context.forward_layers(x)
    return context, {**inner, "c": last}


def test_dropout_lies_between_layers_only():
    x = Frames(torch.randn(1, 6, 4), torch.tensor([6]), SOURCE)
    torch.manual_seed(0)
    one = gru.Context(gru.Config(dim=5, layers=1, dropout=0.5), source=SOURCE, in_dim=4)
    two = gru.Context(gru.Config(dim=5, layers=2, dropout=0.5), source=SOURCE, in_dim=4)
    assert torch.equal(one(x).x_BTD, one(x).x_BTD)
    assert not torch.equal(two(x).x_BTD, two(x).x_BTD)
    assert torch.equal(two.eval()(x).x_BTD, two(x).x_BTD)


def test_an_utterance_starts_from_nothing():
    """No state is kept from one call to the next."""
    context = lstm.Context(lstm.Config(dim=5), source=SOURCE, in_dim=4)
    x = Frames(torch.randn(1, 6, 4), torch.tensor([6]), SOURCE)
    assert torch.equal(context(x).x_BTD, context(x).x_BTD)


def test_dropout_spares_the_residual_path():
    """What is added to a layer's output is never dropped: h_{l+1} = dropout(GRU(h_l)) + h_l."""
    x = Frames(torch.randn(1, 400, 4), torch.tensor([400]), SOURCE)
    _, outputs = run({"dim": 5, "layers": 3, "dropout": 0.5, "residual": True}, x, train=True)
    kept = outputs["layer_2"].x_BTD == outputs["layer_1"].x_BTD
    assert kept.float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert (outputs["layer_1"].x_BTD == 0).float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert not (outputs["c"].x_BTD == outputs["layer_2"].x_BTD).any()


def test_dropout_of_the_last_layer_is_an_option():
    x = Frames(torch.randn(1, 400, 4), torch.tensor([400]), SOURCE)
    _, outputs = run({"dim": 5, "dropout": 0.5, "dropout_last": True}, x, train=True)
    assert (outputs["c"].x_BTD == 0).float().mean().item() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("rule", "in_dim", "prenet", "adds"),
    [
        ("later", 5, 0, (False, True, True)),
        ("equal", 5, 0, (True, True, True)),
        ("equal", 4, 0, (False, True, True)),
        ("equal", 4, 1, (True, True, True)),
        ("later", 4, 1, (False, True, True)),
        ("inner", 4, 0, (False, True, False)),
        ("inner", 5, 0, (True, True, False)),
    ],
)
def test_where_inputs_are_added(rule, in_dim, prenet, adds):
    x = Frames(torch.randn(2, 6, in_dim), torch.tensor([6, 6]), SOURCE)
    settings = {"dim": 5, "layers": 3, "residual": True, "residual_on": rule, "prenet": prenet}
    context, outputs = run(settings, x)
    below = outputs.pop("prenet").x_BTD if prenet else x.x_BTD
    for layer, out, adding in zip(context.rnns, outputs.values(), adds, strict=True):
        want = layer(below)[0] + below if adding else layer(below)[0]
        torch.testing.assert_close(out.x_BTD, want)
        below = out.x_BTD


def test_prenet_is_linear_layers_with_relu():
    x = Frames(torch.randn(2, 6, 4), torch.tensor([6, 3]), SOURCE)
    context, outputs = run({"dim": 5, "layers": 2, "prenet": 2}, x)
    assert tuple(outputs) == ("prenet", "layer_1", "c") == (*context.layers, "c")
    want = context.prenet[1](context.prenet[0](x.x_BTD).relu()).relu()
    torch.testing.assert_close(outputs["prenet"].x_BTD[0], want[0])
    torch.testing.assert_close(outputs["prenet"].x_BTD[1, :3], want[1, :3])
    assert not outputs["prenet"].x_BTD[1, 3:].any()
    dropped = run({"dim": 5, "prenet": 1, "prenet_dropout": 0.9}, x, train=True)[1]["prenet"].x_BTD
    assert (dropped[0] == 0).float().mean() > 0.7


def test_weights_keep_their_names():
    """Trained model folders hold these; options add names and change none."""
    plain = {f"rnns.{layer}.{part}_{way}_l0" for layer in (0, 1) for part in ("weight", "bias") for way in ("ih", "hh")}
    x = Frames(torch.randn(1, 3, 4), torch.tensor([3]), SOURCE)
    options = {"residual": True, "residual_on": "equal", "dropout": 0.1, "dropout_last": True, "over": "none"}
    assert set(run({"dim": 5, "layers": 2}, x)[0].state_dict()) == plain
    assert set(run({"dim": 5, "layers": 2, **options}, x)[0].state_dict()) == plain
    assert set(run({"dim": 5, "layers": 2, "prenet": 1}, x)[0].state_dict()) == {
        *plain,
        "prenet.0.weight",
        "prenet.0.bias",
    }


def test_recurrence_over_other_axes():
    """batch: from one utterance to the next at each frame; none: every frame is the first."""
    x = Frames(torch.randn(3, 6, 4), torch.tensor([6, 6, 6]), SOURCE)
    context, outputs = run({"dim": 5, "over": "batch"}, x)
    want = torch.stack([context.rnns[0](x.x_BTD[:, t][None])[0][0] for t in range(6)], dim=1)
    torch.testing.assert_close(outputs["c"].x_BTD, want)
    context, outputs = run({"dim": 5, "over": "none"}, x)
    want = torch.stack([context.rnns[0](x.x_BTD[:, t][:, None])[0][:, 0] for t in range(6)], dim=1)
    torch.testing.assert_close(outputs["c"].x_BTD, want)
    assert context.past == 0
    assert gru.Config().over == "time"


@pytest.mark.parametrize(
    "settings", [{"dim": 0}, {"layers": 0}, {"dropout": 1.0}, {"prenet": -1}, {"prenet_dropout": 1.0}]
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        gru.Config(**settings)
