from __future__ import annotations

import numpy as np
import pytest
import torch
from pair_parts import batch, load_released, made, noise, released, run_of

from sonant.core import SonantError
from sonant.training.warm_start import warm_start

D = 4


def small(name="frame_cae", *, seed=0, **settings):
    method = {"name": name, "layers": 2, "hidden": 5, **settings}
    return made(method, dim=D, seed=seed, encoder={"name": "mlp", "dim": 3, "hidden": 6, "layers": 2})


def cheapest_path(x_ND: np.ndarray, y_MD: np.ndarray) -> list[tuple[int, int]]:
    """Among all monotonous paths, one by one, the one of least summed cosine distance."""
    unit = [a / np.linalg.norm(a, axis=1, keepdims=True) for a in (x_ND.astype(float), y_MD.astype(float))]
    distance = 1 - unit[0] @ unit[1].T

    def paths(n, m):
        if (n, m) == (0, 0):
            yield [(0, 0)]
        for i, j in ((n - 1, m - 1), (n - 1, m), (n, m - 1)):
            if i >= 0 and j >= 0:
                yield from ([*path, (n, m)] for path in paths(i, j))

    every = paths(len(x_ND) - 1, len(y_MD) - 1)
    return min(every, key=lambda path: sum(distance[cell] for cell in path))


def test_loss_is_the_mean_square_error_over_the_cells_of_the_alignments():
    method, left, right = small(), noise(4, 6, dim=D), noise(5, 3, dim=D, seed=1)
    squares = []
    for x_ND, y_MD in zip(left, right, strict=True):
        guess_ND = method.decode(method.encoder(batch(x_ND).frames()).x_BTD)[0]
        squares += [(y_MD[m] - guess_ND[n]).square() for n, m in cheapest_path(x_ND.numpy(), y_MD.numpy())]
    out = method(batch(*left, other=batch(*right)))
    torch.testing.assert_close(out.total, torch.stack(squares).mean())
    assert int(out.count) == len(squares)


def test_padding_and_pairs_without_frames_change_nothing():
    method, left, right = small(), noise(4, 6, dim=D), noise(5, 3, dim=D, seed=1)
    plain = method(batch(*left, other=batch(*right)))
    none = torch.zeros(0, D)
    padded = method(
        batch(*left, none, size=9, value=30.0, other=batch(*right, right[0], size=8, value=-30.0)),
    )
    torch.testing.assert_close(plain.total, padded.total)
    assert plain.count == padded.count


def test_it_starts_from_an_autoencoder(tmp_path):
    """Every weight of a run of frame_ae is taken over, the decoder's too."""
    before, after = small("frame_ae", seed=1), small(seed=2)
    assert before.state_dict().keys() == after.state_dict().keys()
    assert warm_start(after, run_of(before, tmp_path)) == len(after.state_dict())
    assert all(torch.equal(value, after.state_dict()[key]) for key, value in before.state_dict().items())


def test_what_it_needs_is_told():
    x = noise(4, dim=D)
    with pytest.raises(SonantError, match="view pairs"):
        small()(batch(*x))
    with pytest.raises(SonantError, match="equal numbers of frames"):
        small(alignment="given")(batch(*x, other=batch(*noise(5, dim=D))))
    with pytest.raises(SonantError, match="no pair has frames"):
        small()(batch(*x, other=batch(torch.zeros(0, D), size=2)))


GIVEN = {"name": "frame_cae", "alignment": "given"}


def test_losses_equal_the_released_code(oracle_dir):
    method, arrays, _ = released(oracle_dir, GIVEN)
    x, y = arrays["x"], arrays["y"]
    torch.testing.assert_close(method(batch(x, other=batch(y))).total, arrays["cae_loss"], rtol=1e-6, atol=0)
    reversed_ = method(batch(y, other=batch(x))).total
    torch.testing.assert_close(reversed_, arrays["cae_loss_reversed"], rtol=1e-6, atol=0)


def test_four_steps_equal_the_released_code(oracle_dir):
    method, arrays, weights = released(oracle_dir, GIVEN)
    pairs = batch(arrays["x"], other=batch(arrays["y"]))
    optimiser, losses = torch.optim.Adam(method.parameters(), 1e-3), []
    for _ in range(4):
        optimiser.zero_grad()
        out = method(pairs)
        out.total.backward()
        optimiser.step()
        losses.append(out.total.item())
    assert losses == pytest.approx(arrays["cae_train_loss"].tolist(), rel=1e-6)
    trained = {key: value.clone() for key, value in method.state_dict().items()}
    load_released(method, weights["encoder_after4"], weights["decoder_after4"])
    for key, value in method.state_dict().items():
        torch.testing.assert_close(trained[key], value, rtol=1e-4, atol=1e-5, msg=key)
