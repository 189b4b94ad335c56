from __future__ import annotations

import pytest
import torch
from pair_parts import batch, made, noise

from sonant import build
from sonant.core import SonantError

D = 4
BODY = {"context": {"name": "gru", "dim": 6, "layers": 2}, "embedding": {"pool": "last", "dim": 5}}


def small(**settings):
    return made({"name": "ae_rnn", "hidden": 7, "layers": 2, **settings}, dim=D, **BODY)


def test_loss_is_the_mean_over_words_of_their_mean_square_error():
    method, words = small(), noise(6, 3, dim=D)
    means = []
    for x_TD in words:
        e_BE = method.representation().embed(x_TD[None])
        means.append((x_TD - method.decode(e_BE, len(x_TD))[0]).square().mean())
    out = method(batch(*words))
    torch.testing.assert_close(out.total, torch.stack(means).mean())
    assert int(out.count) == 2


def test_padding_and_words_without_frames_change_nothing():
    method, words = small(), noise(6, 3, dim=D)
    plain, padded = method(batch(*words)), method(batch(*words, torch.zeros(0, D), size=11, value=-9.0))
    torch.testing.assert_close(plain.total, padded.total)
    assert plain.count == padded.count


def test_every_state_of_the_word_reaches_the_vector():
    """The vector is the state after the last frame, which the first frame still moves."""
    method, (x_TD,) = small(), noise(6, dim=D)
    other = x_TD.clone()
    other[0] += 1
    vectors = [method.representation().embed(frames[None]) for frames in (x_TD, other)]
    assert not torch.allclose(*vectors)


def test_it_learns_to_restore_words():
    method, words = small(hidden=32), noise(5, 4, 5, dim=D)
    optimiser = torch.optim.Adam(method.parameters(), 1e-2)
    losses = []
    for _ in range(120):
        optimiser.zero_grad()
        out = method(batch(*words))
        out.total.backward()
        optimiser.step()
        losses.append(out.total.item())
    assert losses[-1] < 0.3 * losses[0]


def test_sizes_of_the_paper():
    """Three GRU layers of 400 to 130, and back: the weights of the published network, counted by hand."""
    context, embedding = {"name": "gru", "dim": 400, "layers": 3}, {"pool": "last", "dim": 130}
    method = made({"name": "ae_rnn"}, dim=13, context=context, embedding=embedding)

    def gru(width):
        return 3 * 400 * (width + 400) + 2 * 3 * 400

    up, down = gru(13) + 2 * gru(400) + 400 * 130 + 130, 130 * 400 + 400 + 3 * gru(400) + 400 * 13 + 13
    assert sum(p.numel() for p in method.parameters()) == up + down


def test_what_it_needs_is_told():
    with pytest.raises(SonantError, match="section\\s+'embedding'"):
        made({"name": "ae_rnn"}, dim=D)
    with pytest.raises(SonantError, match="reads waveforms"):
        build.method_of(build.resolve({"encoder": "cpc_conv", **BODY, "method": "ae_rnn"}))
    with pytest.raises(SonantError, match="no example has a frame"):
        small()(batch(torch.zeros(0, D), size=2))
    with pytest.raises(SonantError, match="hidden"):
        small(hidden=0)
