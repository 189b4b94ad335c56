from __future__ import annotations

import pytest
import torch
from pair_parts import batch, made, noise, released

from sonant import build
from sonant.core import SonantError

D = 4


def small(**settings):
    method = {"name": "frame_ae", "layers": 2, "hidden": 5, **settings}
    return made(method, dim=D, encoder={"name": "mlp", "dim": 3, "hidden": 6, "layers": 2})


def test_loss_is_the_mean_square_error_over_real_frames():
    method, frames = small(), noise(5, 3, dim=D)
    squares = []
    for x_TD in frames:
        one = batch(x_TD)
        y_TD = method.decode(method.context(method.encoder(one.frames())).x_BTD)[0]
        squares.append((x_TD - y_TD).square())
    out = method(batch(*frames))
    torch.testing.assert_close(out.total, torch.cat(squares).mean())
    assert int(out.count) == 8


def test_padding_changes_nothing():
    method, frames = small(), noise(5, 3, dim=D)
    assert torch.equal(method(batch(*frames)).total, method(batch(*frames, size=11, value=-50.0)).total)


def test_negative_values_are_reached_but_with_the_relu_of_the_released_code():
    x_TD = -torch.ones(6, D)
    for output, lowest in (("linear", -torch.inf), ("relu", 0.0)):
        method = small(output=output)
        y_BTD = method.decode(method.encoder(batch(x_TD).frames()).x_BTD)
        assert bool((y_BTD < 0).any()) == (lowest < 0)


def test_what_it_cannot_reconstruct_is_refused():
    with pytest.raises(SonantError, match="reads waveforms"):
        build.method_of(build.resolve({"encoder": "cpc_conv", "context": "gru", "method": "frame_ae"}))
    stride = {"name": "conv_blocks", "dim": 8, "stride": 2, "blocks": 1}
    with pytest.raises(SonantError, match="as many"):
        made({"name": "frame_ae"}, dim=D, encoder=stride)
    with pytest.raises(SonantError, match="layers"):
        small(layers=0)
    with pytest.raises(SonantError, match="no example has a frame"):
        small()(batch(torch.zeros(0, D), size=2))


def test_equals_the_released_code(oracle_dir):
    method, arrays, _ = released(oracle_dir, {"name": "frame_ae"})
    examples = batch(arrays["x"])
    z_BTD = method.representation().encode(examples.wave_BL).x_BTD
    torch.testing.assert_close(z_BTD[0], arrays["z"], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(method.decode(z_BTD)[0], arrays["recon"], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(method(examples).total, arrays["ae_loss"], rtol=1e-6, atol=0)
