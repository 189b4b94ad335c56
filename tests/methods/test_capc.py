from __future__ import annotations

import pytest
import torch
from pair_parts import batch, fill, made, noise, oracle, run_of

from sonant.core import SonantError
from sonant.nn.correspondence import path_of
from sonant.training.warm_start import warm_start

D = 4


def small(name="capc", *, seed=0, **settings):
    return made({"name": name, **settings}, dim=D, seed=seed, context={"name": "gru", "dim": 5, "layers": 2})


def test_loss_compares_predictions_with_the_partners_next_frame():
    method, left, right = small(shift=2), noise(4, 6, dim=D), noise(5, 3, dim=D, seed=1)
    errors = []
    for x_ND, y_MD in zip(left, right, strict=True):
        path = path_of(x_ND, y_MD)
        heard, target = x_ND[path[:, 0]], y_MD[path[:, 1]]
        guess_KD = method.predict(method.context(batch(heard).frames()).x_BTD)[0]
        errors += [(target[k + 2] - guess_KD[k]).abs() for k in range(len(path) - 2)]
    out = method(batch(*left, other=batch(*right)))
    torch.testing.assert_close(out.total, torch.stack(errors).mean())
    assert int(out.count) == len(errors)


def test_padding_and_pairs_without_frames_change_nothing():
    method, left, right = small(), noise(4, 6, dim=D), noise(5, 3, dim=D, seed=1)
    plain = method(batch(*left, other=batch(*right)))
    none = torch.zeros(0, D)
    padded = method(batch(*left, left[0], size=9, value=30.0, other=batch(*right, none, size=8, value=-30.0)))
    torch.testing.assert_close(plain.total, padded.total)
    assert plain.count == padded.count


def test_it_starts_from_apc(tmp_path):
    before, after = small("apc", seed=1), small(seed=2)
    assert warm_start(after, run_of(before, tmp_path)) == len(after.state_dict())
    assert torch.equal(after.predict.weight, before.predict.weight)


def test_reductions():
    left, right = noise(4, 6, dim=D), noise(4, 6, dim=D, seed=1)
    pairs = batch(*left, other=batch(*right))
    totals = {name: small(alignment="given", reduction=name)(pairs) for name in ("mean", "sum", "padded_sum")}
    torch.testing.assert_close(totals["sum"].total, totals["mean"].total * (3 + 5) * D)
    assert totals["padded_sum"].total > totals["sum"].total


def test_what_it_needs_is_told():
    x = noise(3, dim=D)
    with pytest.raises(SonantError, match="view pairs"):
        small()(batch(*x))
    with pytest.raises(SonantError, match="shift of 9 needs more than 9 frames"):
        small(shift=9)(batch(*x, other=batch(*x)))
    with pytest.raises(SonantError, match="encoder: identity"):
        made({"name": "capc"}, dim=D, encoder="mlp", context="gru")
    with pytest.raises(SonantError, match="looks ahead"):
        made({"name": "capc"}, dim=D, context={"name": "both_ways", "dim": 4})
    with pytest.raises(SonantError, match="shift"):
        small(shift=0)


def reference(folder, reduction):
    """The method with the stored weights, and the pairs of the stored arrays."""
    arrays, weights = oracle(folder, "apc_plain")
    settings = {"name": "capc", "alignment": "given", "reduction": reduction}
    method = made(settings, dim=13, context={"name": "gru", "dim": 24, "layers": 3})
    fill(method.context, weights["encoder"], {"rnns.": "rnn_layers."})
    fill(method.predict, weights["predictor"], {"": "W."})
    return method, arrays, batch(*arrays["x"], other=batch(*arrays["y"]))


def test_sum_equals_the_released_code_with_time_along_time(oracle_dir):
    method, arrays, pairs = reference(oracle_dir, "sum")
    torch.testing.assert_close(method(pairs).total, arrays["capc_loss_time"], rtol=1e-6, atol=0)
    h_BTC = method.representation().encode(arrays["x"]).x_BTD
    torch.testing.assert_close(h_BTC, arrays["h_time"], rtol=1e-5, atol=1e-6)


def test_mean_is_the_sum_over_its_terms(oracle_dir):
    method, arrays, pairs = reference(oracle_dir, "mean")
    terms = arrays["y"][:, 1:].numel()
    torch.testing.assert_close(method(pairs).total, arrays["capc_loss_time"] / terms, rtol=1e-6, atol=0)
