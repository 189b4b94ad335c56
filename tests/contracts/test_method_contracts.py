"""What every method promises, on every encoder of the tests that it accepts."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from contract_parts import MethodPart, method_parts, padded
from safetensors.torch import load_file, save_file

from sonant import build
from sonant.core import SonantError

every_method = pytest.mark.parametrize("part", method_parts(), ids=str)
LENGTHS = [9000, 6400, 9000, 7777]


@every_method
def test_starts_near_chance(part: MethodPart):
    """Within 5 % of the loss that the method documents for knowing nothing; where that depends on the data: finite."""
    method = part.build()
    out = method(part.batch(LENGTHS))
    assert out.total.dtype == torch.float32
    assert out.total.dim() == 0
    assert math.isfinite(out.total.item())
    assert float(out.count) > 0
    if method.chance() is not None:
        assert out.total.item() == pytest.approx(method.chance(), rel=0.05)


@every_method
def test_every_trainable_parameter_gets_a_gradient(part: MethodPart):
    method = part.build()
    method(part.batch(LENGTHS)).total.backward()
    trainable = {name: p for name, p in method.named_parameters() if p.requires_grad}
    assert trainable
    dead = [name for name, p in trainable.items() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not dead
    assert all(torch.isfinite(p.grad).all() for p in trainable.values())


@every_method
def test_same_seed_same_loss(part: MethodPart):
    losses = [
        part.build(seed=seed)(part.batch(LENGTHS, seed=data)).total.item() for seed, data in ((5, 0), (5, 0), (5, 1))
    ]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


@every_method
def test_save_and_load_is_bit_identical(part: MethodPart, tmp_path):
    method, other = part.build(seed=0), part.build(seed=1)
    save_file({k: v.contiguous() for k, v in method.state_dict().items()}, tmp_path / "method.safetensors")
    other.load_state_dict(load_file(tmp_path / "method.safetensors"))
    assert torch.equal(method(part.batch(LENGTHS)).total, other(part.batch(LENGTHS)).total)


@every_method
def test_padding_changes_nothing(part: MethodPart):
    """Neither the loss nor a gradient sees what lies past the lengths, nor how much of it there is."""
    short = part.batch(LENGTHS)
    results = []
    for example in (short, padded(short, 12000)):
        method = part.build()
        out = method(example)
        out.total.backward()
        results.append((out, torch.cat([p.grad.flatten() for p in method.parameters() if p.grad is not None])))
    (one, gradient_one), (two, gradient_two) = results
    assert float(one.count) == float(two.count)
    torch.testing.assert_close(one.total, two.total, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradient_one, gradient_two, rtol=1e-3, atol=1e-5)


@every_method
def test_a_few_steps_lower_the_loss(part: MethodPart):
    """On the same batch and the same memory of earlier ones, which every step finds as it was at the first."""
    method = part.build()
    with torch.no_grad():
        method(part.batch(LENGTHS))
    memory = {name: buffer.clone() for name, buffer in method.named_buffers()}
    optimiser = torch.optim.Adam([p for p in method.parameters() if p.requires_grad], 1e-3)
    losses = []
    for _ in range(6):
        for name, buffer in method.named_buffers():
            buffer.copy_(memory[name])
        out = method(part.batch(LENGTHS))
        losses.append(out.total.item())
        optimiser.zero_grad()
        out.total.backward()
        optimiser.step()
    assert losses[-1] < losses[0]


@every_method
def test_bfloat16_loss_is_a_float32_one_nearby(part: MethodPart):
    """Within 2 %; statistics over four views that are nearly alike magnify what rounding does to them."""
    method = part.build()
    apart = 0.05 if method.needs == "views" else 0.0
    with torch.no_grad():
        full = method(part.batch(LENGTHS)).total
        with torch.autocast("cpu", torch.bfloat16):
            half = method(part.batch(LENGTHS)).total
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(full.item(), rel=0.02, abs=apart)


@every_method
def test_too_short_examples_are_told(part: MethodPart):
    with pytest.raises(SonantError, match="lengthen|longer"):
        part.build()(part.batch([20, 20]))


@every_method
def test_representation_is_the_trained_encoder_and_context(part: MethodPart):
    method = part.build().eval()
    representation = method.representation()
    example = part.batch(LENGTHS)
    with torch.no_grad():
        if example.wave_BL.dim() == 3 and example.geometry is None:  # of dialogues the first channel
            example = replace(example, wave_BL=example.wave_BL[:, 0])
        out = representation.encode_all(example.wave_BL, example.lengths_B)
        z = method.encoder(example.frames())
    assert torch.equal(out["z"].x_BTD, z.x_BTD)
    assert torch.equal(out["c"].x_BTD, method.context(z).x_BTD)


@pytest.mark.parametrize(
    "part", [part for part in method_parts() if build.class_of("methods", part.name).embeds], ids=str
)
def test_a_vector_is_the_same_alone_and_in_a_batch(part: MethodPart):
    representation = part.build().eval().double().representation()
    example = part.batch(LENGTHS)
    wave_BL = example.wave_BL.double()
    with torch.no_grad():
        together = representation.embed(wave_BL, example.lengths_B)
        alone = [representation.embed(wave_BL[b, :n]) for b, n in enumerate(LENGTHS)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-9, atol=1e-9)
    assert together.shape == (len(LENGTHS), representation.embedding.dim)
