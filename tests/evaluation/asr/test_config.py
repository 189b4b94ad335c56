"""Settings of a recogniser."""

from __future__ import annotations

import pytest

from sonant.core import SonantError
from sonant.core.config import typed
from sonant.evaluation.asr.config import PAPER, Config


def test_the_published_sizes():
    cfg = typed(Config, PAPER, "paper")
    assert (cfg.units, cfg.vocabulary, cfg.hidden, cfg.layers) == ("subword", 2000, 2048, 2)
    assert (cfg.batch_size, cfg.short_count, cfg.short_lr, cfg.lr, cfg.dropout) == (32, 2000, 1e-3, 1e-4, 0.1)
    assert (cfg.threshold, cfg.patience, cfg.burn_in, cfg.epochs) == (0.001, 10, 20, 1000)
    how = cfg.spec_augment
    assert (how.time_warp, how.time_masks, how.time_width, how.time_share, how.channel_masks) == (80, 20, 100, 0.04, 2)


@pytest.mark.parametrize(("rate", "stack"), [(100.0, 3), (50.0, 1), (25.0, 1), (200.0, 6)])
def test_frames_of_30_ms_are_stacked(rate, stack):
    assert Config().stacked_at(rate).stack == stack
    assert Config(stack=2).stacked_at(rate).stack == 2


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"stack": 0}, {"dropout": 1.0}, {"hold_out": 0.0}, {"lr": 0.0}])
def test_wrong_settings(wrong):
    with pytest.raises(SonantError, match=next(iter(wrong))):
        Config(**wrong)
