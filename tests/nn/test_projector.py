import pytest
import torch
from torch import nn

from sonant.core import SonantError
from sonant.nn.iter_norm import IterNorm
from sonant.nn.projector import Projector


def test_layers_are_those_of_the_widths():
    head = Projector(5, (8, 6, 4))
    assert [type(layer) for layer in head.layers] == [
        *(nn.Linear, nn.BatchNorm1d, nn.ReLU) * 2,
        nn.Linear,
    ]
    assert [layer.bias is not None for layer in head.layers if isinstance(layer, nn.Linear)] == [False, False, True]
    assert head.dim == 4
    assert head(torch.randn(7, 5)).shape == (7, 4)


def test_without_layers_vectors_stay():
    head, x = Projector(5, ()), torch.randn(2, 3, 5)
    assert torch.equal(head(x), x)
    assert (head.dim, list(head.parameters())) == (5, [])


@pytest.mark.parametrize(("last", "kind", "bias"), [("batch", nn.BatchNorm1d, False), ("iter", IterNorm, False)])
def test_the_last_layer_may_have_a_norm(last, kind, bias):
    head = Projector(5, (8, 4), last=last, activation="gelu", norm=False)
    assert isinstance(head.layers[-1], kind)
    assert (head.layers[-2].bias is not None) == bias
    assert head.layers[0].bias is not None
    assert Projector(5, (4,), last="plain").layers[-1].weight is None


def test_all_views_are_one_batch():
    torch.manual_seed(0)
    head, x_BVC = Projector(5, (8, 4)), torch.randn(6, 2, 5)
    torch.testing.assert_close(head(x_BVC), head(x_BVC.flatten(0, 1)).view(6, 2, 4))


def test_widths_below_one_are_told():
    with pytest.raises(SonantError, match="widths of a projector"):
        Projector(5, (8, 0))
