from __future__ import annotations

import copy
import pickle

import pytest
import torch

from sonant.nn.conv import Conv
from sonant.nn.prepared import Prepared


@pytest.fixture
def conv():
    torch.manual_seed(0)
    return Conv(3, 4, kernel=5, stride=2, left=1, right=0)


def stepped(conv, x):
    with torch.no_grad():
        return conv.step(x, conv.begin(len(x), device=x.device, dtype=x.dtype))[0]


def test_weights_that_change_are_noticed(conv):
    x = torch.randn(2, 20, 3)
    before = stepped(conv, x)
    state = conv.begin(2, device="cpu", dtype=x.dtype)
    with torch.no_grad():
        conv.weight.mul_(2)
        after = conv.step(x, state)[0]
    torch.testing.assert_close(after - conv.bias, 2 * (before - conv.bias))
    conv.half().float()
    rounded = stepped(conv, x)
    assert 0 < (rounded - after).abs().max() < 1e-2
    conv.weight.data = conv.weight.data.clone().zero_()
    torch.testing.assert_close(stepped(conv, x), conv.bias.expand_as(after))


def test_copies_go_their_own_way(conv):
    x = torch.randn(2, 20, 3)
    before = stepped(conv, x)
    for other in (copy.deepcopy(conv), pickle.loads(pickle.dumps(conv))):
        assert torch.equal(stepped(other, x), before)
        with torch.no_grad():
            other.weight.zero_()
        assert not torch.equal(stepped(other, x), before)
    assert torch.equal(stepped(conv, x), before)


def test_gradients_reach_the_weights(conv):
    x = torch.randn(2, 20, 3)
    stepped(conv, x)
    conv.step(x, conv.begin(2, device="cpu", dtype=x.dtype))[0].sum().backward()
    assert conv.weight.grad.abs().min() > 0


def test_a_stream_that_begins_in_another_thread_takes_nothing_away():
    """It forgets between the comparison of the keys and the return of what was kept."""
    prepared = Prepared(lambda weight: "tensor")

    class Meddler:
        def __eq__(self, other):
            prepared.forget()
            return True

    class Weight:
        requires_grad, _version, device = False, 0, "cpu"
        dtype = property(lambda self: Meddler())

        def data_ptr(self):
            return 1

        def is_inference(self):
            return False

    assert [prepared(Weight()) for _ in range(3)] == ["tensor"] * 3
