from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant.core import SonantError
from sonant.objectives import projection_readout as readout
from sonant.objectives.projection import Window, flipped_class


@pytest.fixture(scope="module")
def known(oracle_dir):
    return np.load(oracle_dir / "conversation" / "aggregation.npz")


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_aggregates(known):
    logits = torch.from_numpy(known["logits"])
    for weights, ending in ((None, ""), (Window(rate=50).bin_frames, "_binweighted")):
        found = readout.aggregate(logits, weights=weights)
        close(found.p_now, known[f"p_now{ending}"])
        close(found.p_future, known[f"p_future{ending}"])
        close(found.p_all, known[f"p_tot{ending}"])
    close(readout.aggregate_bins(logits, first=2, last=3), known["p_future"])


def test_zero_shot_probabilities(known):
    logits, activity = torch.from_numpy(known["logits"]), torch.from_numpy(known["va"])
    close(readout.p_next(logits, activity), known["zs_p"])
    close(readout.p_next_on_silence(logits), known["zs_on_silence"])
    close(readout.p_next_on_speech(logits), known["zs_on_active"])
    close(readout.p_backchannel(logits), known["zs_p_bc"])
    close(readout.p_next_weighted(logits, activity, Window(rate=50)), known["weighted_p"])
    bins = torch.from_numpy(known["ind_logits"])
    close(readout.p_next_independent(bins, activity), known["ind_p"])
    close(readout.p_backchannel_independent(bins), known["ind_p_bc"])
    close(readout.p_next_comparative(torch.from_numpy(known["comp_logits"])[..., 0]), known["comp_p"])


def test_named_futures(known):
    for found, name in (
        (readout.next_on_silence(), "subset_silence"),
        (readout.next_on_speech(), "subset_active"),
        (readout.short_response(), "bc_prediction"),
    ):
        assert np.sort(known[name], axis=1).tolist() == list(map(list, found))


def test_entropy(oracle_dir):
    known = np.load(oracle_dir / "conversation" / "stereo_small.npz")
    np.testing.assert_allclose(readout.entropy_bits(torch.from_numpy(known["logits"])), known["H"], atol=1e-5)
    assert float(readout.entropy_bits(torch.zeros(1, 1, 256))) == pytest.approx(8)


@pytest.mark.parametrize("n_bins", [2, 3, 4])
def test_exchanging_the_speakers_exchanges_the_probabilities(n_bins):
    logits = 3 * torch.randn(2, 30, 4**n_bins)
    activity = torch.rand(2, 30, 2) < 0.5
    flipped = logits[..., flipped_class(torch.arange(4**n_bins), n_bins)]
    torch.testing.assert_close(readout.p_next(flipped, activity.flip(-1)), readout.p_next(logits, activity).flip(-1))
    for name in ("p_now", "p_future", "p_all"):
        pair = [getattr(readout.aggregate(x), name) for x in (flipped, logits)]
        torch.testing.assert_close(pair[0], pair[1].flip(-1))


def test_the_quirk_of_the_weighted_variant_is_one_of_speaker_0():
    logits = torch.full((1, 1, 256), -30.0)
    logits[..., 240] = 30  # only speaker 1
    args = (logits, torch.zeros(1, 1, 2), Window(rate=50))
    assert readout.p_next_weighted(*args)[0, 0].tolist() == pytest.approx([0.5, 0.5])
    assert readout.p_next_weighted(*args, quirk=False)[0, 0].tolist() == pytest.approx([0, 1])


def test_certain_models_give_no_nan():
    logits = torch.full((1, 4, 256), -1000.0)
    logits[..., 0] = 1000
    activity = torch.tensor([[[0, 0], [0, 1], [1, 0], [1, 1]]])
    assert readout.p_next(logits, activity).isfinite().all()


def test_backchannels_need_four_bins():
    with pytest.raises(SonantError, match="4 bins"):
        readout.p_backchannel(torch.zeros(1, 1, 64))
    with pytest.raises(SonantError, match="no 4, 16"):
        readout.aggregate(torch.zeros(1, 1, 128))
