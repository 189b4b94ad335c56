from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sonant.objectives.projection import (
    Window,
    class_of_bins,
    future_activity,
    horizon_mask,
    projection_bins,
    projection_shares,
)
from sonant.objectives.projection_loss import comparative_loss, discrete_loss, independent_loss, mean_of_targets
from sonant.objectives.projection_readout import p_next


def test_the_loss_of_the_stereo_model(oracle_dir):
    known = np.load(oracle_dir / "conversation" / "stereo_small.npz")
    logits, activity = torch.from_numpy(known["logits"]), torch.from_numpy(known["vad_in"])
    window = Window(rate=50)
    index = class_of_bins(projection_bins(future_activity(activity, frames=200, window=window), window))
    np.testing.assert_array_equal(index, known["labels"])
    mask = horizon_mask(torch.tensor([300]), frames=200, window=window)
    assert mask.all()
    loss = discrete_loss(logits, index, mask)
    np.testing.assert_allclose(loss, known["loss_vap_frames"], rtol=1e-5)
    assert mean_of_targets(loss, mask).item() == pytest.approx(float(known["loss_vap"]), rel=1e-5)


@pytest.mark.parametrize("rate", [50, 20])
def test_the_loss_of_the_first_models(oracle_dir, rate):
    known = np.load(oracle_dir / "conversation" / f"old_mono_gpt_{rate}hz_discrete.npz")
    logits, activity, window = torch.from_numpy(known["logits"]), torch.from_numpy(known["va"]), Window(rate=rate)
    bins = projection_bins(future_activity(activity, frames=logits.shape[1], window=window), window)
    assert float(discrete_loss(logits, class_of_bins(bins)).mean()) == pytest.approx(float(known["loss"]), rel=1e-5)
    np.testing.assert_allclose(p_next(logits, activity[:, : logits.shape[1]]), known["p"], atol=1e-6)


def test_the_losses_of_the_other_targets(oracle_dir):
    folder, window = oracle_dir / "conversation", Window(rate=100)
    known = np.load(folder / "old_mono_transformer_100hz_independent.npz")
    logits, future = torch.from_numpy(known["logits"]), torch.from_numpy(known["va"])
    loss = independent_loss(logits, projection_bins(future, window)).mean()
    assert float(loss) == pytest.approx(float(known["loss"]), rel=1e-5)
    known = np.load(folder / "old_mono_transformer_100hz_comparative.npz")
    logits, future = torch.from_numpy(known["logits"])[..., 0], torch.from_numpy(known["va"])
    loss = comparative_loss(logits, projection_shares(future, window)).mean()
    assert float(loss) == pytest.approx(float(known["loss"]), rel=1e-5)


def cases():
    shape, mask = (2, 6), torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]]).bool()
    return [
        (discrete_loss, torch.zeros(*shape, 16), torch.randint(16, shape), math.log(16), mask),
        (independent_loss, torch.zeros(*shape, 2, 4), torch.rand(*shape, 2, 4) < 0.5, math.log(2), mask),
        (comparative_loss, torch.zeros(shape), torch.rand(shape), math.log(2), mask),
    ]


@pytest.mark.parametrize(("loss", "logits", "target", "chance", "mask"), cases())
def test_knowing_nothing_and_masks(loss, logits, target, chance, mask):
    logits.requires_grad_()
    value = loss(logits, target, mask)
    assert value.shape == (2, 6)
    assert (value[~mask] == 0).all()
    assert mean_of_targets(value, mask).item() == pytest.approx(chance, rel=1e-5)
    mean_of_targets(value, mask).backward()
    assert (logits.grad[~mask] == 0).all()
    assert (logits.grad[mask].abs().reshape(8, -1).sum(1) > 0).all()


def test_no_target_at_all_is_no_loss():
    logits = torch.randn(1, 3, 4, requires_grad=True)
    mask = torch.zeros(1, 3, dtype=torch.bool)
    value = mean_of_targets(discrete_loss(logits, torch.zeros(1, 3), mask), mask)
    value.backward()
    assert value == 0
    assert (logits.grad == 0).all()
