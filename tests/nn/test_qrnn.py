from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant.core import SonantError
from sonant.nn.qrnn import QRNN, QRNNLayer, QRNNState

CASES = ["w2_fo", "w1_fo", "w2_f_nogate", "w2_two_layers_h0", "w2_saturated_gates", "w2_T1"]


def stored(oracle_dir, case) -> dict[str, torch.Tensor]:
    with np.load(oracle_dir / "pase" / "qrnn.npz", allow_pickle=False) as io:
        return {key.removeprefix(f"{case}/"): torch.from_numpy(io[key]) for key in io if key.startswith(f"{case}/")}


def loaded(io: dict, case: str) -> QRNN:
    weights = {key: value for key, value in io.items() if key.startswith("layers.")}
    dim, layers = io["out"].shape[2], len(weights) // 2
    gate = case != "w2_f_nogate"
    qrnn = QRNN(io["x"].shape[2], dim, layers=layers, window=1 if case.startswith("w1") else 2, output_gate=gate)
    qrnn.load_state_dict(weights)
    return qrnn


def starting(qrnn: QRNN, io: dict, x_BTN: torch.Tensor) -> list[QRNNState] | None:
    if "h0" not in io:
        return None
    return [
        layer.start(x_BTN)._replace(memory_BD=h.to(x_BTN.dtype)) for layer, h in zip(qrnn.layers, io["h0"], strict=True)
    ]


@pytest.mark.parametrize("case", CASES)
def test_equals_the_original(oracle_dir, case):
    """Outputs, last memories and gradients; time comes first in the original."""
    io = stored(oracle_dir, case)
    qrnn, x_BTN = loaded(io, case), io["x"].transpose(0, 1).requires_grad_()
    outputs, states = qrnn(x_BTN, starting(qrnn, io, x_BTN))
    close = {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(outputs[-1].transpose(0, 1), io["out"], **close)
    torch.testing.assert_close(torch.stack([state.memory_BD for state in states]), io["h_n"], **close)
    (outputs[-1].transpose(0, 1) * io["probe"]).sum().backward()
    torch.testing.assert_close(x_BTN.grad.transpose(0, 1), io["grad_x"], **close)
    for name, parameter in qrnn.named_parameters():
        want = io[f"grad.{name}"]
        torch.testing.assert_close(parameter.grad, want, rtol=1e-5, atol=1e-5 * max(1, want.abs().max().item()))


@pytest.mark.parametrize("case", CASES)
def test_equals_the_original_in_float64(oracle_dir, case):
    io = stored(oracle_dir, case)
    qrnn, x_BTN = loaded(io, case).double(), io["x"].transpose(0, 1).double()
    outputs, _ = qrnn(x_BTN, starting(qrnn, io, x_BTN))
    torch.testing.assert_close(outputs[-1].transpose(0, 1), io["out_float64"], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("window", [1, 2])
def test_pieces_give_what_the_whole_gives(window):
    torch.manual_seed(0)
    qrnn = QRNN(4, 6, layers=3, window=window).double()
    x_BTN = torch.randn(2, 11, 4, dtype=torch.float64)
    (*_, whole), ends = qrnn(x_BTN)
    pieces, states = [], None
    for piece in (x_BTN[:, :5], x_BTN[:, 5:6], x_BTN[:, 6:6], x_BTN[:, 6:]):
        (*_, last), states = qrnn(piece, states)
        pieces.append(last)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=1e-12, atol=1e-12)
    for state, end in zip(states, ends, strict=True):
        torch.testing.assert_close(tuple(state), tuple(end), rtol=1e-12, atol=1e-12)


def test_states_are_taken_at_the_lengths():
    """Also of an utterance that brings no frame at all."""
    torch.manual_seed(0)
    qrnn, x_BTN = QRNN(4, 6, layers=2), torch.randn(3, 9, 4)
    lengths = [9, 5, 0]
    _, before = qrnn(torch.randn(3, 2, 4))
    _, states = qrnn(x_BTN, before, torch.tensor(lengths))
    for b, n in enumerate(lengths):
        own = [QRNNState(*(part[b : b + 1] for part in state)) for state in before]
        _, alone = qrnn(x_BTN[b : b + 1, :n], own)
        for state, want in zip(states, alone, strict=True):
            torch.testing.assert_close(state.memory_BD[b], want.memory_BD[0])
            torch.testing.assert_close(state.frame_BN[b], want.frame_BN[0])


def test_zoneout_keeps_memories_while_training():
    torch.manual_seed(0)
    layer, x = QRNNLayer(3, 400, zoneout=0.3, output_gate=False), torch.randn(1, 50, 3)
    memory_TD = layer(x)[0][0]
    kept = (memory_TD[1:] == memory_TD[:-1]).float().mean().item()
    assert kept == pytest.approx(0.3, abs=0.02)


def test_zoneout_is_its_mean_when_evaluating():
    """The gate is 1 - p of what it is without."""
    torch.manual_seed(0)
    layer, x = QRNNLayer(3, 4, zoneout=0.25, output_gate=False).eval(), torch.randn(1, 2, 3)
    z, f = layer.linear(torch.cat([x, torch.cat([torch.zeros(1, 1, 3), x[:, :1]], 1)], 2)).chunk(2, dim=2)
    f, z = 0.75 * f.sigmoid(), z.tanh()
    first = f[:, 0] * z[:, 0]
    torch.testing.assert_close(layer(x)[0][:, 1], f[:, 1] * z[:, 1] + (1 - f[:, 1]) * first)


def test_dropout_lies_between_layers_only():
    torch.manual_seed(0)
    qrnn, x = QRNN(3, 5, layers=2, dropout=0.5), torch.randn(1, 200, 3)
    (first, last), _ = qrnn(x)
    assert not (first == 0).any()
    assert not (last == 0).any()
    assert not torch.equal(last, qrnn(x)[0][1])
    assert torch.equal(qrnn.eval()(x)[0][1], qrnn(x)[0][1])


def test_half_precision_comes_back_as_such():
    layer = QRNNLayer(3, 4).bfloat16()
    out, state = layer(torch.randn(1, 5, 3).bfloat16())
    assert (out.dtype, state.memory_BD.dtype) == (torch.bfloat16, torch.float32)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 3}, "window"),
        ({"zoneout": 1.0}, "zoneout"),
        ({"dropout": -0.1}, "dropout"),
        ({"layers": 0}, "layers"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(SonantError, match=message):
        QRNN(3, 4, **settings)
