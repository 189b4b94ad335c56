from __future__ import annotations

import pytest
import torch
from pair_parts import batch, made, noise, run_of

from sonant.core import SonantError
from sonant.training.warm_start import warm_start

D = 4
BODY = {"context": {"name": "gru", "dim": 6, "layers": 2}, "embedding": {"pool": "last", "dim": 5}}


def small(name="cae_rnn", *, seed=0):
    return made({"name": name, "hidden": 7, "layers": 2}, dim=D, seed=seed, **BODY)


def test_loss_compares_what_is_spoken_with_the_partner():
    method, left, right = small(), noise(6, 3, dim=D), noise(4, 5, dim=D, seed=1)
    means = []
    for x_ND, y_MD in zip(left, right, strict=True):
        e_BE = method.representation().embed(x_ND[None])
        means.append((y_MD - method.decode(e_BE, len(y_MD))[0]).square().mean())
    out = method(batch(*left, other=batch(*right)))
    torch.testing.assert_close(out.total, torch.stack(means).mean())
    assert int(out.count) == 2


def test_a_word_paired_with_itself_is_the_autoencoder():
    words = noise(6, 3, dim=D)
    torch.testing.assert_close(
        small()(batch(*words, other=batch(*words))).total, small("ae_rnn")(batch(*words)).total, rtol=0, atol=0
    )


def test_padding_and_pairs_without_frames_change_nothing():
    method, left, right = small(), noise(6, 3, dim=D), noise(4, 5, dim=D, seed=1)
    plain = method(batch(*left, other=batch(*right)))
    none = torch.zeros(0, D)
    padded = method(
        batch(*left, none, left[0], size=9, value=30.0, other=batch(*right, right[0], none, size=8, value=-30.0))
    )
    torch.testing.assert_close(plain.total, padded.total)
    assert plain.count == padded.count


def test_it_starts_from_an_autoencoder(tmp_path):
    """Every weight of a run of ae_rnn is taken over: context, embedding and decoder."""
    before, after = small("ae_rnn", seed=1), small(seed=2)
    assert warm_start(after, run_of(before, tmp_path)) == len(after.state_dict())
    assert all(torch.equal(value, after.state_dict()[key]) for key, value in before.state_dict().items())


def test_what_it_needs_is_told():
    x = noise(4, dim=D)
    with pytest.raises(SonantError, match="view pairs"):
        small()(batch(*x))
    with pytest.raises(SonantError, match="no pair has frames"):
        small()(batch(*x, other=batch(torch.zeros(0, D), size=2)))
    with pytest.raises(SonantError, match="section\\s+'embedding'"):
        made({"name": "cae_rnn"}, dim=D)
