"""Checkpoints of the learned-frame-representations code (van Staden and Kamper 2021, arXiv:2012.07387).

Two layouts on disk: APC, CAPC and CPC {enc_model_state_dict, pred_model_state_dict, ..} and the frame autoencoder and
its correspondence twin {enc_model_state_dict, dec_model_state_dict, ..}. A plain state dict of the encoder will do too.

    APC, CAPC     rnn_layers.{l}.{name}_l0               context.rnns.{l}.{name}_l0
                  W.{weight,bias}                        predict.{weight,bias}                       (training only)
    CPC           encoder.{0,3,6,10,13,16}.{weight,bias} encoder.local.linears.{0..5}.{weight,bias}  (no bias: zeros)
                  encoder.{1,4,7,11,14}.{weight,bias}    encoder.local.norms.{0..4}.{weight,bias}
                  sum_rnn.{name}_l0                      context.rnns.0.{name}_l0
    frame AE, CAE encode_layers.{i}.{weight,bias}        encoder.local.linears.{i}.{weight,bias}
                  feature_layer.{weight,bias}            encoder.local.linears.{last}.{weight,bias}

That code ran the recurrence of APC over the utterances of a batch in place of its frames, and over nothing when it
extracted one utterance at a time. A checkpoint does not tell whether it was trained so: ``over: none`` gives what the
code extracts, the default ``time`` what its paper describes. Its later layers are one layer with equal copies.

Features were MFCCs of the corpus's own recipe, normalised by speaker, of which no archive says how they were made: the
section ``features`` here comes near that recipe. Where you have the arrays, give ``features: {name: arrays, ..}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..core import SonantError, require, unknown
from ..core.config import check_keys
from ._read import as_tensors, listed, read_checkpoint
from ._stack import PARTS, nothing_left, numbers, recurrent_section, take, take_recurrent

ABOUT = "the learned-frame-representations code: APC, CAPC, CPC, frame AE and CAE"
TOOLKIT = "learned-frame-representations"
SAMPLE_RATE = 16000  # Hz; the format does not store it
KEYS = ("features", "over", "residual", "shift")
OVER = ("time", "batch", "none")
LINEARS, NORMS = (0, 3, 6, 10, 13, 16), (1, 4, 7, 11, 14)  # places in CPC's encoder; between them ReLU and a dropout


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """The representation of a checkpoint.

    Args:
        source: path of a checkpoint, what it holds, or the state dict of its encoder.
        config: what the checkpoint does not say: ``features`` (a section); of APC ``over`` (time, batch, none),
            ``residual`` (bool; that code never sums after the last layer) and ``shift`` (frames).

    Returns:
        sections ``sample_rate``, ``features``, ``encoder``, ``context`` and ``layer`` of ours, and the weights.

    Raises:
        SonantError: unreadable or foreign file, missing or unexpected keys.
    """
    config = dict(config or {})
    check_keys(config, KEYS, f"the configuration of the {TOOLKIT} importer")
    weights, _ = _open(source)
    if any(key.startswith("rnn_layers.") for key in weights):
        sections, tensors = _apc(weights, config)
    elif any(key.startswith("sum_rnn.") for key in weights):
        sections, tensors = _cpc(weights)
    elif any(key.startswith("encode_layers.") for key in weights):
        sections, tensors = _autoencoder(weights)
    else:
        raise SonantError(
            f"{'the state dict' if isinstance(source, Mapping) else source}: not a checkpoint of the {TOOLKIT} code: "
            f"none of 'rnn_layers.*', 'sum_rnn.*' and 'encode_layers.*' among its keys ({listed(list(weights))})"
        )
    nothing_left(weights, toolkit=TOOLKIT)
    dim = sections.pop("in_dim")
    return {"sample_rate": SAMPLE_RATE, "features": config.get("features") or _features(dim), **sections}, tensors


def convert_method(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """The same for APC with its predictor: also the section ``method``, and the weights of an ``apc`` Method."""
    sections, tensors = convert(source, config)
    _, predictor = _open(source)
    require(
        sections["context"]["name"] == "gru" and {"W.weight", "W.bias"} == set(predictor),
        f"only APC and CAPC of the {TOOLKIT} code can be trained on; the predictor of this checkpoint holds "
        f"{listed(list(predictor)) or 'nothing'}",
    )
    tensors |= {"predict.weight": predictor["W.weight"], "predict.bias": predictor["W.bias"]}
    return {**sections, "method": {"name": "apc", "shift": int((config or {}).get("shift", 1))}}, tensors


def _open(source: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(weights of the encoder, weights of the predictor)."""
    where = "the state dict" if isinstance(source, Mapping) else str(source)
    content = source if isinstance(source, Mapping) else read_checkpoint(source)
    require(isinstance(content, Mapping), f"{where}: expected a mapping, found {type(content).__name__}")
    encoder = as_tensors(content.get("enc_model_state_dict", content), where)
    return encoder, as_tensors(content.get("pred_model_state_dict") or {}, f"{where}, 'pred_model_state_dict'")


def _apc(weights: dict[str, Tensor], config: Mapping) -> tuple[dict, dict[str, Tensor]]:
    context, tensors = take_recurrent(weights, "rnn_layers", toolkit=TOOLKIT)
    context |= {"residual": True, "residual_on": "inner"} if config.get("residual") else {}
    over = config.get("over", "time")
    if over not in OVER:
        raise unknown("value of 'over'", str(over), OVER)
    context |= {"over": over} if over != "time" else {}
    in_dim = tensors["context.rnns.0.weight_ih_l0"].shape[1]
    return {"in_dim": in_dim, "encoder": {"name": "identity"}, "context": context, "layer": "c"}, tensors


def _cpc(weights: dict[str, Tensor]) -> tuple[dict, dict[str, Tensor]]:
    tensors = {}
    for i, place in enumerate(LINEARS):
        weight = take(weights, f"encoder.{place}.weight", toolkit=TOOLKIT, axes=2)
        bias = weights.pop(f"encoder.{place}.bias", None)
        tensors[f"encoder.local.linears.{i}.weight"] = weight
        tensors[f"encoder.local.linears.{i}.bias"] = torch.zeros(len(weight)) if bias is None else bias
    for i, place in enumerate(NORMS):
        for part in ("weight", "bias"):
            tensors[f"encoder.local.norms.{i}.{part}"] = take(weights, f"encoder.{place}.{part}", toolkit=TOOLKIT)
    for part in PARTS:
        tensors[f"context.rnns.0.{part}"] = take(weights, f"sum_rnn.{part}", toolkit=TOOLKIT)
    encoder = {**_mlp(tensors, layers=len(LINEARS), norm=True), "dropout": 0.5, "dropout_before": 4}
    context = recurrent_section(tensors, toolkit=TOOLKIT)
    return {"in_dim": _in_dim(tensors), "encoder": encoder, "context": context, "layer": "c"}, tensors


def _autoencoder(weights: dict[str, Tensor]) -> tuple[dict, dict[str, Tensor]]:
    hidden = numbers(weights, r"encode_layers\.(\d+)\.")
    names = [f"encode_layers.{i}" for i in range(len(hidden))] + ["feature_layer"]
    tensors = {
        f"encoder.local.linears.{i}.{part}": take(weights, f"{name}.{part}", toolkit=TOOLKIT)
        for i, name in enumerate(names)
        for part in ("weight", "bias")
    }
    encoder = _mlp(tensors, layers=len(names), norm=False)
    return {"in_dim": _in_dim(tensors), "encoder": encoder, "context": {"name": "identity"}, "layer": "z"}, tensors


def _mlp(tensors: Mapping[str, Tensor], *, layers: int, norm: bool) -> dict:
    rows = [tensors[f"encoder.local.linears.{i}.bias"].shape[0] for i in range(layers)]
    return {"name": "mlp", "dim": rows[-1], "hidden": rows[0], "layers": layers, "norm": norm, "linear_output": True}


def _in_dim(tensors: Mapping[str, Tensor]) -> int:
    return tensors["encoder.local.linears.0.weight"].shape[1]


def _features(dim: int) -> dict:
    """MFCCs near those of the recipe: 13 static ones, with their slopes where the model takes 26 or 39 dimensions."""
    require(
        dim in (13, 26, 39),
        f"this {TOOLKIT} model takes {dim} dimensions, which are no MFCCs of that code (13 or 39); give the section "
        f"'features', such as {{name: arrays, dim: {dim}}}",
    )
    return {
        "name": "mfcc",
        "deltas": dim // 13 - 1,
        "n_mels": 24,
        "low_hz": 64.0,
        "window": "hanning",
        "lifter": 0.0,
        "cmvn": "utterance",
    }
