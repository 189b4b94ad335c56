"""Stereo models of voice activity projection of 2023: a plain state dict, or a checkpoint of Lightning.

Names are those of ``_vap``. Files of earlier versions have ``vap_head.projection_head.*`` and ``VAP.codebook*``, and
everything below ``net.``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..core import require
from ..core.config import check_keys
from ._vap import (
    BINS,
    STEREO,
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

ABOUT = "voice activity projection of two channels (VAP stereo, 2023)"
TOOLKIT = "VAP stereo"
KEYS = ("frame_hz",)


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """A stereo model.

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
        "ar.combinator.ln.weight" in weights,
        f"{where}: no {TOOLKIT} checkpoint (it lacks ar.combinator.*); models of one channel are read by vap_mono",
    )
    weights = without_constants(weights, bins=BINS, toolkit=TOOLKIT)
    weights = {key.replace("vap_head.projection_head.", "vap_head."): value for key, value in weights.items()}
    heads = take_heads(weights, toolkit=TOOLKIT)
    tensors = native(stacked(weights, mono=False), STEREO, toolkit=TOOLKIT)
    rate = given.get("frame_hz", at(settings, "conf", "frame_hz"))
    dialogue = {
        "channels": 2,
        **down_sampling(tensors, stride=None, rate=rate, toolkit=TOOLKIT),
        **layer_sizes(tensors, toolkit=TOOLKIT),
        "heads": heads,
        "dropout": float(at(settings, "conf", "dropout", default=0.1)),
    }
    return {**body(tensors, toolkit=TOOLKIT), "dialogue": dialogue}, tensors
