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


@pytest.mark.parametrize("settings", [{"dim": 0}, {"layers": 0}, {"dropout": 1.0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        gru.Config(**settings)
