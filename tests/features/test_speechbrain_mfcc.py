from __future__ import annotations

import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.features.speechbrain_mfcc import Config, Features

SOURCE = FrameGeometry(16000)


def test_equals_the_targets_of_speechbrains_recipe(pase):
    wave, want = pase.arrays("seed_recipe", "sig", "label_mfcc")
    got = pase.compute(Features(Config(), source=SOURCE), Frames.of_wave(wave, None, 16000), deltas=0)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-3)


def test_more_cepstra_than_filters_are_refused():
    with pytest.raises(SonantError, match="n_cepstra"):
        Config(n_cepstra=41)
