"""Mono models of voice activity projection of 2023, which are told who is active: a state dict, or one of Lightning.

Names are those of ``_vap``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..core import require
from ..core.config import check_keys
from ._vap import (
    BINS,
    LAYERS,
    at,
    body,
    down_sampling,
    layer_sizes,
    native,
    open_vap,
    stacked,
    take_heads,
    without_constants,
)

ABOUT = "voice activity projection of one channel with activity (VAP mono, 2023)"
TOOLKIT = "VAP mono"
KEYS = ("frame_hz",)
TABLE = {
    **LAYERS,
    "va_condition": "dialogue.condition.activity",
    "va_cond_history": "dialogue.condition.history",
    "va_cond_ln": "dialogue.condition.norm",
}


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """A mono model; of its history the oldest window stays at 0.5, as in its training.

    Args:
        source: path of a checkpoint, what it holds, or a state dict.
        config: ``frame_hz`` (frames per second), where neither file nor kernel (5 taps: 50 Hz, 11: 20 Hz) tell.

    Returns:
        sections ``sample_rate``, ``encoder``, ``context``, ``dialogue`` and ``layer`` of ours, and the weights.

    Raises:
        SonantError: unreadable or foreign file, missing or unexpected keys, other slopes or classes.
    """
    given = dict(config or {})
    check_keys(given, KEYS, f"the configuration of the {TOOLKIT} importer")
    weights, settings, where = open_vap(source, toolkit=TOOLKIT)
    require(
        "va_condition.weight" in weights,
        f"{where}: no {TOOLKIT} checkpoint (it lacks va_condition.*); models of two channels are read by vap_stereo, "
        "those of 2022 by conv_ssl",
    )
    weights = without_constants(weights, bins=BINS, toolkit=TOOLKIT)
    heads = take_heads(weights, toolkit=TOOLKIT)
    tensors = native(stacked(weights, mono=True), TABLE, toolkit=TOOLKIT)
    rate = given.get("frame_hz", at(settings, "conf", "frame_hz"))
    dialogue = {
        "channels": 1,
        **down_sampling(tensors, stride=None, rate=rate, toolkit=TOOLKIT),
        **layer_sizes(tensors, toolkit=TOOLKIT),
        "activity": True,
        "history": "dialogue.condition.history.weight" in tensors,
        "history_oldest": "never",
        "heads": heads,
        "dropout": float(at(settings, "conf", "dropout", default=0.1)),
    }
    return {**body(tensors, toolkit=TOOLKIT), "dialogue": dialogue}, tensors
