"""Real-time models of voice activity projection (Inoue et al. 2024, arXiv:2401.04868), at 5 to 50 frames a second.

Names are those of stereo models (``_vap``). The down-sampling has as many taps as its stride and no padding, so that
the taps tell the rate. The weights of CPC lie in the file, or in a file of their own {config, weights}: ``gEncoder.*``
and ``gAR.*``, whose predictors are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..core import require
from ..core.config import check_keys
from ._read import as_tensors, read_checkpoint
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

ABOUT = "voice activity projection in real time, two channels (2024)"
TOOLKIT = "real-time VAP"
KEYS = ("cpc",)
IN_CPC = ("gEncoder.", "gAR.")


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """A real-time model, as it was trained: offline its frames are those of the training, a frame of CPC (10 ms) later
    than those of its streaming.

    Args:
        source: path of a checkpoint, what it holds, or a state dict.
        config: ``cpc``, the file of CPC's weights (path or content), for checkpoints without them.

    Returns:
        sections ``sample_rate``, ``encoder``, ``context``, ``dialogue`` and ``layer`` of ours, and the weights.

    Raises:
        SonantError: unreadable or foreign file, missing or unexpected keys, other slopes or classes.
    """
    given = dict(config or {})
    check_keys(given, KEYS, f"the configuration of the {TOOLKIT} importer")
    weights, settings, where = open_vap(source, toolkit=TOOLKIT)
    require("ar.combinator.ln.weight" in weights, f"{where}: no {TOOLKIT} checkpoint (it lacks ar.combinator.*)")
    inside = any(key.startswith("encoder.encoder.gEncoder.") for key in weights)
    require(
        inside or given.get("cpc") is not None,
        f"{where}: no weights of CPC in it; give the file that has them, as in cpc=60k_epoch4.pt",
    )
    if given.get("cpc") is not None:
        weights = {**_cpc(given["cpc"]), **weights}
    weights = without_constants(weights, bins=BINS, toolkit=TOOLKIT)
    heads = take_heads(weights, toolkit=TOOLKIT)
    tensors = native(stacked(weights, mono=False), STEREO, toolkit=TOOLKIT)
    taps = tensors.get("dialogue.down.conv.weight")
    require(taps is not None, f"this {TOOLKIT} checkpoint lacks encoder.downsample.1.weight")
    dialogue = {
        "channels": 2,
        **down_sampling(tensors, stride=taps.shape[-1], rate=None, toolkit=TOOLKIT),
        "padding": "none",
        **layer_sizes(tensors, toolkit=TOOLKIT),
        "heads": heads,
        "dropout": float(at(settings, "conf", "dropout", default=0.1)),
    }
    return {**body(tensors, toolkit=TOOLKIT), "dialogue": dialogue}, tensors


def _cpc(source: Any) -> dict[str, Tensor]:
    """Weights of the file of CPC by the names they have inside a checkpoint."""
    where = "the weights of CPC" if isinstance(source, Mapping) else str(source)
    content = source if isinstance(source, Mapping) else read_checkpoint(Path(source))
    require(isinstance(content, Mapping), f"{where}: expected a mapping, found {type(content).__name__}")
    weights = as_tensors(content.get("weights", content), where)
    found = {f"encoder.encoder.{key}": value for key, value in weights.items() if key.startswith(IN_CPC)}
    require(found, f"{where}: no weights of CPC in it (gEncoder.*, gAR.*)")
    return found
