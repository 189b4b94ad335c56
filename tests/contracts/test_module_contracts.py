"""What every feature extractor, encoder and context promises."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from contract_parts import Part, parts
from safetensors.torch import load_file, save_file

from sonant.core import FrameGeometry, mask_of

MODULES = parts("features", "encoders", "contexts")
every_module = pytest.mark.parametrize("part", MODULES, ids=str)
every_learner = pytest.mark.parametrize("part", parts("encoders", "contexts"), ids=str)


@every_module
def test_builds_and_declares_itself(part: Part):
    module = part.build()
    frames = part.frames(part.lengths)
    out = module(frames)
    assert isinstance(module.geometry, FrameGeometry)
    assert out.geometry == module.geometry
    assert out.dim == module.dim
    assert torch.isfinite(out.x_BTD).all()
    assert out.x_BTD.dtype == frames.x_BTD.dtype


@every_module
def test_frame_counts_equal_the_geometry(part: Part):
    """For every length around a hop, from the shortest possible input on, alone and as one of a batch."""
    module = part.build()
    geometry = module.geometry
    shortest = geometry.samples(1)
    lengths = [1, *range(shortest, shortest + geometry.hop + 2)][:: 1 if part.settings or geometry.hop < 50 else 7]
    lengths += [geometry.samples(n) + d for n in (1, 2, 5) for d in (-1, 0, 1) if geometry.samples(n) + d > 0]
    with torch.no_grad():
        for n in lengths:
            out = module(part.frames([n]))
            assert (out.x_BTD.shape[1], out.lengths_B.tolist()) == (geometry.frames(n), [geometry.frames(n)]), n
        together = module(part.frames(lengths))
    assert together.lengths_B.tolist() == [geometry.frames(n) for n in lengths]
    assert together.x_BTD.shape[1] == geometry.frames(max(lengths))


@every_module
def test_alone_equals_inside_a_padded_batch(part: Part):
    """In float64, where rounding cannot hide a leak; every layer; whatever the padding holds."""
    module = part.build().double()
    lengths = part.lengths
    frames = part.frames(lengths, dtype=torch.float64)
    with torch.no_grad():
        last, inner = module.forward_layers(frames)
        for b, n in enumerate(lengths):
            alone, alone_inner = module.forward_layers(
                dataclasses.replace(frames, x_BTD=frames.x_BTD[b : b + 1, :n], lengths_B=torch.tensor([n]))
            )
            for name, whole in {"": last, **inner}.items():
                one = alone_inner[name] if name else alone
                torch.testing.assert_close(whole.unpad()[b], one.x_BTD[0], rtol=1e-9, atol=1e-9, msg=f"{name} {n}")
    for out in (last, *inner.values()):
        assert (out.x_BTD[~mask_of(out.lengths_B, out.x_BTD.shape[1])] == 0).all(), "not zero past the length"


@every_module
def test_layers_are_what_is_returned(part: Part):
    module = part.build()
    frames = part.frames(part.lengths)
    with torch.no_grad():
        last, inner = module.forward_layers(frames)
        assert tuple(inner) == module.layers
        assert torch.equal(last.x_BTD, module(frames).x_BTD)


@pytest.mark.parametrize("part", [part for part in MODULES if not part.chooses], ids=str)
def test_declared_reach_is_the_measured_one(part: Part):
    """The samples that a frame's gradient reaches are those that geometry, past and future declare, to the last one."""
    module = part.build().double()
    geometry = module.geometry
    n = geometry.samples(24)
    frames = part.frames([n], dtype=torch.float64)
    x_BTD = frames.x_BTD.requires_grad_()
    out_TD = module(frames.with_x(x_BTD)).x_BTD[0]
    i = out_TD.shape[0] // 2
    weights_D = torch.randn(out_TD.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    (gradient,) = torch.autograd.grad((out_TD[i] * weights_D).sum(), x_BTD)
    size_L = gradient[0].abs().sum(-1)
    reached = (size_L > part.rounding * size_L.max()).nonzero()[:, 0]
    past, future = module.past, module.future
    begin = 0 if past is None else max(geometry.offset + (i - past) * geometry.hop, 0)
    end = n if future is None else min(geometry.offset + (i + future) * geometry.hop + geometry.window, n)
    assert begin <= reached.min() <= begin + part.slack
    assert end - part.slack <= reached.max() + 1 <= end


@every_learner
def test_save_and_load_is_bit_identical(part: Part, tmp_path):
    module, other = part.build(seed=0), part.build(seed=1)
    state = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    save_file(state, tmp_path / "module.safetensors")
    other.load_state_dict(load_file(tmp_path / "module.safetensors"))
    frames = part.frames(part.lengths)
    with torch.no_grad():
        assert torch.equal(module(frames).x_BTD, other(frames).x_BTD)


@every_learner
def test_same_seed_same_module(part: Part):
    frames = part.frames(part.lengths)
    with torch.no_grad():
        assert torch.equal(part.build(seed=3)(frames).x_BTD, part.build(seed=3)(frames).x_BTD)


@every_learner
def test_bfloat16_stays_near(part: Part):
    module, frames = part.build(), part.frames(part.lengths)
    with torch.no_grad():
        full = module(frames).x_BTD
        with torch.autocast("cpu", torch.bfloat16):
            half = module(frames).x_BTD.float()
    assert (full - half).abs().max() <= 0.1 * full.abs().max()
