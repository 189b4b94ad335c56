from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from apc_parts import stored_batch
from pair_parts import made, noise
from torch import nn

from sonant.contexts import gru, identity
from sonant.core import Batch, FrameGeometry, SonantError
from sonant.encoders import mlp
from sonant.methods import vq_apc


def on_noise(lengths=(20, 13), **settings) -> tuple[vq_apc.Method, Batch]:
    """VQ-APC with eight codes on standard normal features, three of each frame."""
    settings = {"shift": 2, "codes": [8], **settings}
    method = made({"name": "vq_apc", **settings}, dim=3, context={"name": "gru", "dim": 6, "layers": 2})
    x_BTD = nn.utils.rnn.pad_sequence(noise(*lengths, dim=3), batch_first=True, padding_value=7.0)
    return method, stored_batch(x_BTD, torch.tensor(lengths))


def test_loss_is_the_error_of_predictions_from_codes():
    """Evaluating: the code of the largest logit, no noise."""
    method, batch = on_noise()
    method.eval()
    x = method.encoder(batch.frames())
    h_BTC, errors = method.context(x).x_BTD, []
    for b, n in enumerate(batch.lengths_B.tolist()):
        for t in range(n - 2):
            code = method.quantise.logits[0](h_BTC[b, t]).argmax()
            y = method.predict(method.quantise.books[0].weight[:, code])
            errors.append((x.x_BTD[b, t + 2] - y).abs())
    out = method(batch)
    torch.testing.assert_close(out.total, torch.stack(errors).mean())
    assert int(out.count) == 18 + 11
    assert 1 <= out.parts["perplexity"] <= 8
    assert 1 / 8 <= out.parts["used"] <= 1


def test_what_is_kept_is_not_quantised():
    method, batch = on_noise()
    representation = method.eval().representation()
    c_BTC = representation.encode(batch.wave_BL, batch.lengths_B).x_BTD
    assert torch.equal(c_BTC, method.context(method.encoder(batch.frames())).x_BTD)
    assert not any(name.startswith("quantise") for name in representation.state_dict())


def test_noise_belongs_to_the_example():
    """While training: the same alone, in a batch, more padded and in another order; other noise for another seed."""
    method, batch = on_noise()
    whole = method(batch)
    longer = replace(batch, wave_BL=nn.functional.pad(batch.wave_BL, (0, 0, 0, 9), value=-2.0))
    torch.testing.assert_close(method(longer).total, whole.total)
    parts = []
    for b, n in enumerate(batch.lengths_B.tolist()):
        wave_BL, lengths_B = batch.wave_BL[b : b + 1, :n], batch.lengths_B[b : b + 1]
        parts.append(method(replace(batch, wave_BL=wave_BL, lengths_B=lengths_B, seeds=batch.seeds[b : b + 1])))
    mean = sum(out.total * out.count for out in parts) / sum(out.count for out in parts)
    torch.testing.assert_close(mean, whole.total)
    assert method(replace(batch, seeds=(5, 6))).total != whole.total
    torch.manual_seed(123)
    assert torch.equal(method(batch).total, whole.total)


def test_every_weight_learns():
    method, batch = on_noise(lengths=(200, 150))
    method(batch).total.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in method.parameters())
    assert (method.quantise.books[0].weight.grad.abs().sum(0) > 0).all()  # every code, chosen or not, for it is soft


def test_learns_a_pattern_of_few_codes():
    """Frames that repeat with period four need four codes, and are then predicted."""
    period = torch.tensor([[2.0, 0, 0], [0, 2.0, 0], [0, 0, 2.0], [-2.0, 0, 0]])
    x_BTD = period.repeat(15, 1)[None].expand(4, -1, -1)
    method = made({"name": "vq_apc", "shift": 1, "codes": [8]}, dim=3, context={"name": "gru", "dim": 16})
    optimiser = torch.optim.Adam(method.parameters(), lr=2e-2)
    for step in range(150):
        batch = replace(stored_batch(x_BTD), seeds=tuple(range(4 * step, 4 * step + 4)))
        optimiser.zero_grad()
        method(batch).total.backward()
        optimiser.step()
    out = method.eval()(stored_batch(x_BTD))
    assert out.total < 0.15
    assert out.parts["perplexity"] >= 3.5


def test_groups_are_told_apart_and_mistakes_are_told():
    method, batch = on_noise(codes=[4, 5], code_dims=[2, 4])
    assert torch.isfinite(method(batch).total)
    assert method.quantise.dim == 6
    with pytest.raises(SonantError, match="sum to 6"):
        on_noise(codes=[4, 5], code_dims=[2, 2])
    with pytest.raises(SonantError, match="at least 2 codes"):
        on_noise(codes=[1])
    with pytest.raises(SonantError, match="temperature"):
        on_noise(temperature=0.0)
    with pytest.raises(SonantError, match="shift"):
        vq_apc.Config(shift=0)
    with pytest.raises(SonantError, match="vq_apc.*the longest example has 2"):
        method(on_noise(lengths=(2, 1))[1])


def test_what_cannot_be_learnt_is_refused():
    source = FrameGeometry(16000)
    learns = mlp.Encoder(mlp.Config(dim=4), source=source, in_dim=1)
    context = identity.Context(identity.Config(), source=source, in_dim=4)
    with pytest.raises(SonantError, match="encoder: identity"):
        vq_apc.Method(vq_apc.Config(), encoder=learns, context=context)
    context = gru.Context(gru.Config(dim=4), source=source, in_dim=4)
    context.future = None
    with pytest.raises(SonantError, match="looks ahead"):
        vq_apc.Method(vq_apc.Config(), encoder=learns.requires_grad_(False), context=context)
