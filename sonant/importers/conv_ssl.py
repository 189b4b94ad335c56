"""Mono models of voice activity projection of 2022 (conv_ssl): checkpoints of Lightning, or their state dicts.

    vad_condition.{va_condition,va_history,ln}                dialogue.condition.{activity,history,norm}
    ar.ar.layers.{l}                 (gpt)                    dialogue.channel.{l}
        .ln_multihead, .ln_ffnetwork                              .norm_attention, .norm_ff
        .multihead.{query,key,value,proj}                         .attention.{query,key,value,out}
        .ffnetwork.{0,3}                                          .ff_in, .ff_out
    ar.ar.model.{l+1}                (transformer)            dialogue.channel.{l}
        .multihead.{Wq,Wk,Wv,Wo}                                  .attention.{query,key,value,out}
        .ffnetwork.{lin1,lin2}                                    .ff_in, .ff_out
    vap_head.projection_head[.0]                              dialogue.head

All below ``net.``; the first checkpoints call the head ``net.projection_head``. Encoder and down-sampling are those of
``_vap``. Positions, masks and the codebook are constants here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..core import require
from ..core.config import check_keys
from ._vap import at, body, check_positions, down_sampling, layer_sizes, native, open_vap, without_constants

ABOUT = "voice activity projection of 2022 with activity and history (conv_ssl)"
TOOLKIT = "conv_ssl"
KEYS = ("heads", "frame_hz", "projection", "bins_s")
BINS_S = (0.2, 0.4, 0.6, 0.8)  # seconds
SMALL_BIN_S = 0.05  # of the 40 bins of the independent model with many: the paper's, its file says 0.5 s
GPT, POSTNORM = r"ar\.ar\.layers\.(\d+)", r"ar\.ar\.model\.(\d+)"
TABLE = {
    r"vad_condition\.va_condition": "dialogue.condition.activity",
    r"vad_condition\.va_history": "dialogue.condition.history",
    r"vad_condition\.ln": "dialogue.condition.norm",
    r"vap_head\.projection_head(\.0)?": "dialogue.head",
    rf"{GPT}\.ln_multihead": r"dialogue.channel.\1.norm_attention",
    rf"{GPT}\.ln_ffnetwork": r"dialogue.channel.\1.norm_ff",
    rf"{GPT}\.multihead\.(query|key|value)": r"dialogue.channel.\1.attention.\2",
    rf"{GPT}\.multihead\.proj": r"dialogue.channel.\1.attention.out",
    rf"{GPT}\.ffnetwork\.0": r"dialogue.channel.\1.ff_in",
    rf"{GPT}\.ffnetwork\.3": r"dialogue.channel.\1.ff_out",
    rf"{POSTNORM}\.ln_multihead": r"dialogue.channel.\1.norm_attention",
    rf"{POSTNORM}\.ln_ffnetwork": r"dialogue.channel.\1.norm_ff",
    rf"{POSTNORM}\.multihead\.Wq": r"dialogue.channel.\1.attention.query",
    rf"{POSTNORM}\.multihead\.Wk": r"dialogue.channel.\1.attention.key",
    rf"{POSTNORM}\.multihead\.Wv": r"dialogue.channel.\1.attention.value",
    rf"{POSTNORM}\.multihead\.Wo": r"dialogue.channel.\1.attention.out",
    rf"{POSTNORM}\.ffnetwork\.lin1": r"dialogue.channel.\1.ff_in",
    rf"{POSTNORM}\.ffnetwork\.lin2": r"dialogue.channel.\1.ff_out",
}


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """A model of 2022; of its history the oldest window stays at 0.5, as in its training.

    Args:
        source: path of a checkpoint, what it holds, or a state dict.
        config: what wins over the file or is not in it: ``heads``, ``frame_hz`` (frames per second), ``projection``
            (discrete, independent, comparative; else the head tells), ``bins_s`` (seconds of each bin).

    Returns:
        sections ``sample_rate``, ``encoder``, ``context``, ``dialogue`` and ``layer`` of ours, and the weights.

    Raises:
        SonantError: unreadable or foreign file, missing or unexpected keys, or heads that neither says.
    """
    given = dict(config or {})
    check_keys(given, KEYS, f"the configuration of the {TOOLKIT} importer")
    weights, model = _open(source)
    style = "transformer" if any(key.startswith("ar.ar.model.") for key in weights) else "gpt_2022"
    target = _target(weights, model, given)
    weights = without_constants(weights, bins=min(len(target["bins_s"]), 8), toolkit=TOOLKIT)
    tensors = native(_layers(weights), TABLE, toolkit=TOOLKIT)
    heads = given.get("heads", at(model, "ar", "num_heads"))
    require(
        heads is not None,
        f"this {TOOLKIT} checkpoint does not say how many heads its layers have; give heads, as in heads=4",
    )
    dialogue = {
        "channels": 1,
        **down_sampling(tensors, **_rate(model, given), toolkit=TOOLKIT),
        **layer_sizes(tensors, toolkit=TOOLKIT),
        "activity": True,
        "history": "dialogue.condition.history.weight" in tensors,
        "history_oldest": "never",
        "style": style,
        "heads": int(heads),
        "dropout": float(at(model, "ar", "dropout", default=0.1)),
        **target,
    }
    return {**body(tensors, toolkit=TOOLKIT), "dialogue": dialogue}, tensors


def _open(source: Any) -> tuple[dict[str, Tensor], Mapping]:
    """Weights with the later name of the head, and the hyper-parameters of the model."""
    weights, settings, where = open_vap(source, toolkit=TOOLKIT)
    require(
        any(key.startswith("ar.ar.") for key in weights),
        f"{where}: no {TOOLKIT} checkpoint of 2022 (it lacks net.ar.ar.*); those of 2023 are read by vap_stereo and "
        "vap_mono",
    )
    weights = {re.sub(r"^projection_head\.", "vap_head.projection_head.", key): value for key, value in weights.items()}
    return weights, at(settings, "conf", "model", default={})


def _layers(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without the positions, which have to be sinusoids, and with the layers above them counted from 0."""
    kept = {}
    for key, value in weights.items():
        if key == "ar.ar.model.0.pe":
            check_positions(value, toolkit=TOOLKIT)
            continue
        name = re.sub(r"^ar\.ar\.model\.(\d+)\.", lambda found: f"ar.ar.model.{int(found[1]) - 1}.", key)
        kept[name] = value
    return kept


def _rate(model: Mapping, given: Mapping) -> dict:
    """What is known of the down-sampling: its stride from the file, or the rate from what was given."""
    if given.get("frame_hz") is not None:
        return {"stride": None, "rate": given["frame_hz"]}
    stride = at(model, "encoder", "downsample", "stride")
    stride = stride[0] if isinstance(stride, (list, tuple)) and stride else stride
    return {"stride": stride, "rate": None}


def _target(weights: Mapping[str, Tensor], model: Mapping, given: Mapping) -> dict:
    """``projection`` and ``bins_s`` of the section ``dialogue``: as given, as the file says, as the head is."""
    found = [weights.get(f"vap_head.projection_head.{part}weight") for part in ("", "0.")]
    head = next((weight for weight in found if weight is not None), None)
    require(head is not None, f"this {TOOLKIT} checkpoint lacks its head, vap_head.projection_head.weight")
    by_head = "independent" if found[0] is None else ("comparative" if len(head) == 1 else "discrete")
    projection = str(given.get("projection") or at(model, "vap", "type") or by_head)
    bins_s = given.get("bins_s") or at(model, "vap", "bin_times") or BINS_S
    if projection == "independent":
        count = len(head) // 2
        if not given.get("bins_s") and count != len(BINS_S):
            bins_s = [SMALL_BIN_S] * count
    return {"projection": projection, "bins_s": tuple(float(seconds) for seconds in bins_s)}
