"""Unit language models with activity projection, January 2022: checkpoints of Lightning, or their state dicts.

    tier1_codebook.weight (K, D)                      encoder.local.linears.0.weight                  (D, K)
    tier1.ar.model.{l+1}                              context.stack.{l}
    tier2.ar.model.{l+1}                              dialogue.channel.{l}
        .multihead.{Wq,Wk,Wv,Wo}                          .attention.{query,key,value,out}
        .ln_multihead, .ln_ffnetwork                      .norm_attention, .norm_ff
        .ffnetwork.{lin1,lin2}                            .ff_in, .ff_out
    vad_condition, vad_history.1, cond_norm           dialogue.condition.{activity,history}, dialogue.told_norm
    ar_head, projection_head.projection_head[.0]      dialogue.unit_head, dialogue.head

All may lie below ``ulm_projection.``. Of models without the second tier the layers of the first are those of
``dialogue``. The encoder that some files hold beside (``encoder.*``, with its centroids) is left out: import it by its
own format, and make units with ``sonant units``. Positions and masks are constants here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..core import require
from ..core.config import check_keys
from ._rename import renamed
from ._stack import numbers
from ._vap import SAMPLE_RATE, at, check_positions, open_vap, without_constants

ABOUT = "unit language models with activity projection (conv_ssl, January 2022)"
TOOLKIT = "unit language model"
KEYS = ("heads", "frame_hz", "bins_s")
BINS_S = (0.2, 0.4, 0.6, 0.8)  # seconds
PREFIX = "ulm_projection."
PARTS = {
    r"ln_multihead": "norm_attention",
    r"ln_ffnetwork": "norm_ff",
    r"multihead\.Wq": "attention.query",
    r"multihead\.Wk": "attention.key",
    r"multihead\.Wv": "attention.value",
    r"multihead\.Wo": "attention.out",
    r"ffnetwork\.lin1": "ff_in",
    r"ffnetwork\.lin2": "ff_out",
}
TABLE = {
    "tier1_codebook": "encoder.local.linears.0",
    "vad_condition": "dialogue.condition.activity",
    r"vad_history\.1": "dialogue.condition.history",
    "cond_norm": "dialogue.told_norm",
    "ar_head": "dialogue.unit_head",
    r"projection_head\.projection_head(?:\.0)?": "dialogue.head",
    **{rf"context\.(\d+)\.{theirs}": rf"context.stack.\1.{ours}" for theirs, ours in PARTS.items()},
    **{rf"channel\.(\d+)\.{theirs}": rf"dialogue.channel.\1.{ours}" for theirs, ours in PARTS.items()},
}


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """A model of units; of its history the oldest window stays at 0.5, as in its training.

    Args:
        source: path of a checkpoint, what it holds, or a state dict.
        config: what wins over the file or is not in it: ``heads``, ``frame_hz`` (units per second, 50), ``bins_s``
            (seconds of each bin of the projected future).

    Returns:
        sections ``sample_rate``, ``features``, ``encoder``, ``context``, ``dialogue`` and ``layer`` of ours, and the
        weights.

    Raises:
        SonantError: unreadable or foreign file, missing or unexpected keys, or heads that nothing tells.
    """
    given = dict(config or {})
    check_keys(given, KEYS, f"the configuration of the {TOOLKIT} importer")
    weights, model = _open(source)
    tiers = _tiers(weights)
    tensors = renamed(_layers(weights, tiers), TABLE, toolkit=TOOLKIT)
    table_KD = tensors.get("encoder.local.linears.0.weight")
    require(
        table_KD is not None and table_KD.dim() == 2 and "dialogue.head.weight" in tensors,
        f"this {TOOLKIT} checkpoint lacks its table of units or its head (tier1_codebook.weight, projection_head)",
    )
    tensors["encoder.local.linears.0.weight"] = table_KD.T.contiguous()
    units, dim = table_KD.shape
    shape = _shape(model, tiers, given)
    context = {"name": "identity"}
    if "context" in tiers:
        layers = len(numbers(tensors, r"context\.stack\.(\d+)\."))
        context = {"name": "causal_transformer", "dim": dim, "layers": layers, "ff": _ff(tensors, "context"), **shape}
    classes = "projection_head.projection_head.weight" in weights
    sections = {
        "sample_rate": SAMPLE_RATE,
        "features": {"name": "arrays", "dim": units, "rate": float(given.get("frame_hz", 50.0))},
        "encoder": {"name": "mlp", "dim": dim, "activation": "none", "bias": False},
        "context": context,
        "dialogue": {
            **_dialogue(tensors, two=len(tiers) == 2),
            **shape,
            "projection": "discrete" if classes else "independent",
            "bins_s": tuple(float(seconds) for seconds in given.get("bins_s") or BINS_S),
            "units": units,
        },
        "layer": "c",
    }
    return sections, tensors


def _shape(model: Mapping, tiers: Mapping[str, str], given: Mapping) -> dict:
    """What no weight tells of the layers: heads and dropout."""
    heads = given.get("heads", at(model, "tier1", "num_heads", default=at(model, "tier2", "num_heads")))
    require(
        heads is not None,
        f"this {TOOLKIT} checkpoint does not say how many heads its layers have; give heads, as in heads=4",
    )
    first = next(iter(tiers.values()))
    return {"heads": int(heads), "dropout": float(at(model, first, "dropout", default=0.1))}


def _dialogue(tensors: Mapping[str, Tensor], *, two: bool) -> dict:
    """The section ``dialogue`` as its weights are; ``two`` tiers: units are foretold below it."""
    foretells = "dialogue.unit_head.weight" in tensors
    return {
        "channels": 1,
        "stride": 1,
        "kernel": 1,
        "activity": True,
        "history": "dialogue.condition.history.weight" in tensors,
        "history_of": "both",
        "history_oldest": "never",
        "told_norm": "sum",
        "style": "transformer",
        "channel_layers": len(numbers(tensors, r"dialogue\.channel\.(\d+)\.")),
        "cross_layers": 0,
        "ff": _ff(tensors, "dialogue.channel"),
        "next_unit": ("context" if two else "last") if foretells else "none",
    }


def _open(source: Any) -> tuple[dict[str, Tensor], Mapping]:
    """The weights of the model itself, and its hyper-parameters."""
    weights, settings, where = open_vap(source, toolkit=TOOLKIT)
    inside = {key.removeprefix(PREFIX): value for key, value in weights.items() if key.startswith(PREFIX)}
    weights = inside or {key: value for key, value in weights.items() if not key.startswith("encoder.")}
    require(
        "tier1_codebook.weight" in weights,
        f"{where}: no {TOOLKIT} with activity projection (it lacks tier1_codebook.weight); models of waveforms are "
        "read by conv_ssl, vap_mono and vap_stereo",
    )
    return without_constants(weights, bins=len(BINS_S), toolkit=TOOLKIT), at(settings, "conf", default=settings)


def _tiers(weights: Mapping[str, Tensor]) -> dict[str, str]:
    """Where the layers of each tier go: the last tier is the dialogue's, one below it the context."""
    there = [tier for tier in ("tier1", "tier2") if any(key.startswith(f"{tier}.ar.model.") for key in weights)]
    require(there, f"this {TOOLKIT} checkpoint has no layers (tier1.ar.model.*, tier2.ar.model.*)")
    return dict(zip(("context", "channel") if len(there) == 2 else ("channel",), there, strict=True))


def _layers(weights: Mapping[str, Tensor], tiers: Mapping[str, str]) -> dict[str, Tensor]:
    """Without the positions, which have to be sinusoids, and with the layers above them counted from 0."""
    kept = {}
    for key, value in weights.items():
        for place, tier in tiers.items():
            if key == f"{tier}.ar.model.0.pe":
                check_positions(value, toolkit=TOOLKIT)
                break
            if found := re.match(rf"{tier}\.ar\.model\.(\d+)\.", key):
                kept[f"{place}.{int(found[1]) - 1}.{key[found.end() :]}"] = value
                break
        else:
            kept[key] = value
    return kept


def _ff(tensors: Mapping[str, Tensor], place: str) -> int:
    """Width of the feed-forward nets of a stack."""
    found = next((value for key, value in tensors.items() if key.startswith(place) and "ff_in.weight" in key), None)
    require(found is not None, f"this {TOOLKIT} checkpoint has a layer without ffnetwork.lin1")
    return found.shape[0]
