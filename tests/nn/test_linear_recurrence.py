from __future__ import annotations

import pytest
import torch

from sonant.core import SonantError
from sonant.nn import linear_recurrence as module
from sonant.nn.linear_recurrence import linear_recurrence


def by_loop(a_BTD, b_BTD, initial_BD=None):
    """The definition, with autograd through every step."""
    c_BD = torch.zeros_like(b_BTD[:, 0]) if initial_BD is None else initial_BD
    frames = []
    for t in range(b_BTD.shape[1]):
        c_BD = a_BTD[:, t] * c_BD + b_BTD[:, t]
        frames.append(c_BD)
    return torch.stack(frames, dim=1)


def case(B=2, T=13, D=3, *, seed=0):
    g = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(B, T, D, generator=g, dtype=torch.float64, requires_grad=True) for _ in "ab")
    return a, b, torch.randn(B, D, generator=g, dtype=torch.float64, requires_grad=True)


@pytest.fixture(params=["frame by frame", "doubling"])
def scan(request, monkeypatch):
    """Either way to compute it, on this machine."""
    if request.param == "doubling":
        monkeypatch.setattr(module, "_frame_by_frame", module._doubling)


@pytest.mark.parametrize("T", [1, 2, 3, 4, 7, 8, 13, 64, 65])
@pytest.mark.parametrize("starts", [True, False])
def test_values_and_gradients_are_those_of_the_loop(scan, T, starts):
    a, b, initial = case(T=T)
    given = (a, b, initial) if starts else (a, b)
    c, want = linear_recurrence(*given), by_loop(*given)
    torch.testing.assert_close(c, want, rtol=1e-12, atol=1e-12)
    probe = torch.randn(c.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ours, theirs = (torch.autograd.grad((out * probe).sum(), given) for out in (c, want))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_gradients_have_gradients(scan):
    assert torch.autograd.gradgradcheck(linear_recurrence, case(B=1, T=5, D=2))


@pytest.mark.parametrize("level", [0.0, 1e-30, 1 - 1e-7, 1.0])
def test_closed_and_open_gates_stay_finite(scan, level):
    """Products of factors underflow, or stay at one for thousands of frames."""
    a = torch.full((1, 3000, 2), level)
    b = torch.randn(1, 3000, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    c = linear_recurrence(a, b)
    want = by_loop(a.double(), b.double())
    torch.testing.assert_close(c.double(), want, rtol=1e-5, atol=1e-5 * want.abs().max().item())
    c.sum().backward()
    assert torch.isfinite(b.grad).all()


def test_no_frames_and_no_utterances(scan):
    for shape in ((2, 0, 3), (0, 5, 3)):
        b = torch.zeros(shape, requires_grad=True)
        c = linear_recurrence(torch.ones(shape), b, torch.ones(shape[0], 3))
        assert c.shape == shape
        c.sum().backward()


def test_is_at_least_float32_under_autocast(scan):
    a, b, initial = (part.detach().bfloat16() for part in case(T=200))
    with torch.autocast("cpu", torch.bfloat16):
        c = linear_recurrence(a.sigmoid(), b, initial)
    assert c.dtype == torch.float32
    want = by_loop(a.sigmoid().float(), b.float(), initial.float())
    torch.testing.assert_close(c, want)


def test_keeps_its_inputs_and_its_output_alone(scan):
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.numel()) or x, lambda x: x):
        linear_recurrence(*case(T=64))
    assert sum(kept) == 2 * 2 * 64 * 3 + 2 * 3


def test_compiles():
    """As one graph without breaks, by a backend that needs no compiler."""
    a, b, initial = case(T=9)
    compiled = torch.compile(linear_recurrence, backend="aot_eager", fullgraph=True)
    c = compiled(a, b, initial)
    torch.testing.assert_close(c, by_loop(a, b, initial))
    ours, theirs = (torch.autograd.grad(out.square().sum(), (a, b, initial)) for out in (c, by_loop(a, b, initial)))
    torch.testing.assert_close(ours, theirs)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(SonantError, match="of one shape"):
        linear_recurrence(torch.zeros(1, 2, 3), torch.zeros(1, 3, 3))
