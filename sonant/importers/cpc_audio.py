"""Checkpoints of CPC_audio (Rivière et al. 2020, arXiv:2002.02848), CPC-small and CPC-big of ZeroSpeech 2021.

Three layouts on disk:

* a training checkpoint ``checkpoint_<epoch>.pt`` {gEncoder, cpcCriterion, optimizer, best} with
  ``checkpoint_args.json`` beside it; a folder of them means the latest epoch;
* a published file {config, weights};
* a plain state dict (torch, safetensors or npz).

Names:

    gEncoder.conv{i}.{weight,bias}            encoder.convs.{i}.{weight,bias}
    gEncoder.batchNorm{i}.*                   encoder.norms.{i}.*         (whatever the norm is; (1, C, 1) -> (C,))
    gAR.baseNet.{name}_l{j}                   context.rnns.{j}.{name}_l0
    [cpcCriterion.]wPrediction.predictors.{k}.weight    rows k D .. (k + 1) D of predict.map.weight

The architecture is read from the shapes: encoder width and norm, recurrent kind, width and layers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core import SonantError, require
from ..encoders.cpc_conv import KERNELS
from ._read import as_mapping, as_tensors, listed, read_checkpoint, read_json

ABOUT = "CPC_audio: training checkpoints, published files and plain state dicts (CPC-small and CPC-big of ZeroSpeech)"
SAMPLE_RATE = 16000  # Hz; the format does not store it
GATES = {4: "lstm", 3: "gru", 1: "rnn"}  # rows of weight_hh per unit
OF_RNN = re.compile(r"gAR\.baseNet\.((?:weight|bias)_(?:ih|hh))_l(\d+)")
OF_ENCODER = re.compile(r"gEncoder\.(conv|batchNorm)([0-4])\.(\w+)")
OF_PREDICTOR = re.compile(r"wPrediction\.predictors\.(\d+)\.weight")


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """Encoder and context of a checkpoint.

    Args:
        source: path of a checkpoint or of a folder of them, or a state dict.
        config: training arguments by their CPC_audio names (as in ``checkpoint_args.json``); they win over those found.

    Returns:
        sections ``sample_rate``, ``encoder``, ``context`` and ``layer`` of ours, and the weights of a Representation.

    Raises:
        SonantError: unreadable or foreign file, missing or unexpected keys, or an architecture that has no counterpart.
    """
    weights, _, arguments = _open(source)
    return _model(weights, {**arguments, **(config or {})})


def convert_method(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """The same with the linear predictors of the training criterion, to train on: sections as ``convert`` and
    ``method``, and the weights of a ``cpc`` Method. Raises SonantError when the checkpoint holds no linear predictors.
    """
    weights, criterion, arguments = _open(source)
    arguments = {**arguments, **(config or {})}
    sections, tensors = _model(weights, arguments)
    predictors = {int(found[1]): value for key, value in criterion.items() if (found := OF_PREDICTOR.fullmatch(key))}
    strange = sorted(key for key in criterion if not OF_PREDICTOR.fullmatch(key))
    require(
        predictors and not strange and sorted(predictors) == list(range(len(predictors))),
        "only the linear predictors of CPC_audio (rnnMode linear, no speaker embedding) can be trained on; "
        + (f"this checkpoint has {listed(strange)}" if criterion else "this checkpoint holds no criterion"),
    )
    tensors["predict.map.weight"] = torch.cat([predictors[k] for k in range(len(predictors))])
    method = {
        "name": "cpc",
        "horizons": len(predictors),
        "negatives": int(arguments.get("negativeSamplingExt", 128)),
        "negatives_from": "batch",
        "score": "mean",
    }
    return {**sections, "method": method}, tensors


def _open(source: Any) -> tuple[dict[str, Tensor], dict[str, Tensor], dict]:
    """(weights with gEncoder. and gAR. names, criterion weights, training arguments) of any layout."""
    if isinstance(source, Mapping):
        return _layout(source, "the state dict", {})
    path = _latest(Path(source)) if Path(source).is_dir() else Path(source)
    beside = path.parent / "checkpoint_args.json"
    return _layout(read_checkpoint(path), str(path), read_json(beside) if beside.is_file() else {})


def _latest(folder: Path) -> Path:
    epochs = {
        int(found[1]): path for path in folder.iterdir() if (found := re.fullmatch(r"checkpoint_(\d+)\.pt", path.name))
    }
    require(epochs, f"{folder}: no checkpoint_<epoch>.pt in this folder; give the checkpoint itself")
    return epochs[max(epochs)]


def _layout(content: Any, where: str, arguments: dict) -> tuple[dict[str, Tensor], dict[str, Tensor], dict]:
    require(isinstance(content, Mapping), f"{where}: expected a mapping, found {type(content).__name__}")
    criterion: Any = {}
    if isinstance(content.get("gEncoder"), Mapping):
        content, criterion = content["gEncoder"], content.get("cpcCriterion") or {}
    elif "weights" in content:
        arguments = {**arguments, **as_mapping(content.get("config") or {}, f"{where}, 'config'")}
        content = content["weights"]
    require(
        isinstance(content, Mapping) and any(str(key).startswith("gEncoder.") for key in content),
        f"{where}: not a CPC_audio checkpoint: no 'gEncoder.*' among its keys ({listed(list(content))})",
    )
    weights = as_tensors(content, where)
    criterion = {**as_tensors(criterion, f"{where}, 'cpcCriterion'"), **_below("cpcCriterion.", weights)}
    weights = {key: value for key, value in weights.items() if not key.startswith("cpcCriterion.")}
    return weights, criterion, arguments


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _model(weights: dict[str, Tensor], arguments: Mapping) -> tuple[dict, dict[str, Tensor]]:
    _refuse_unsupported(weights, arguments)
    tensors, unexpected = {}, []
    for key, value in weights.items():
        name = _native_name(key)
        if name is None:
            unexpected.append(key)
        else:
            tensors[name] = value.flatten() if value.dim() == 3 and ".norms." in name else value
    encoder, context = _encoder_of(weights), _context_of(weights)
    missing = sorted(_expected(encoder, context) - set(weights))
    for label, keys in (("lacks", missing), ("has unexpected", sorted(unexpected))):
        require(not keys, f"this CPC_audio checkpoint {label} {listed(keys)}; is the file whole, and of CPC_audio?")
    sections = {"sample_rate": SAMPLE_RATE, "encoder": encoder, "context": context, "layer": "c"}
    return sections, tensors


def _native_name(key: str) -> str | None:
    if found := OF_ENCODER.fullmatch(key):
        return f"encoder.{'convs' if found[1] == 'conv' else 'norms'}.{found[2]}.{found[3]}"
    if found := OF_RNN.fullmatch(key):
        return f"context.rnns.{found[2]}.{found[1]}_l0"
    return None


def _refuse_unsupported(weights: Mapping[str, Tensor], arguments: Mapping) -> None:
    kind = arguments.get("encoder_type") or "cpc"
    if "gEncoder.conv.weight" in weights or kind == "lfb":
        kind = "lfb"
    require(kind == "cpc", f"CPC_audio encoder '{kind}' has no counterpart here; only the convolutional 'cpc' one has")
    if any(key.startswith("gAR.") and ".multihead." in key for key in weights):
        raise SonantError(
            "CPC_audio arMode 'transformer' is built for windows of one fixed length and has no counterpart here; "
            "LSTM, GRU, RNN and no_ar have"
        )
    mode = arguments.get("cpc_mode")
    require(
        mode in (None, "none", "None"),
        f"CPC_audio cpc_mode '{mode}' runs against time and has no counterpart here; only forward models have",
    )


def _encoder_of(weights: Mapping[str, Tensor]) -> dict:
    first = weights.get("gEncoder.conv0.weight")
    require(
        first is not None and first.dim() == 3 and tuple(first.shape[1:]) == (1, KERNELS[0]),
        "this CPC_audio checkpoint has no gEncoder.conv0.weight of shape (dim, 1, 10)",
    )
    scale = weights.get("gEncoder.batchNorm0.weight")
    if scale is None:
        norm = "none"
    elif scale.dim() == 3:
        norm = "channel"
    else:
        norm = "batch" if "gEncoder.batchNorm0.running_mean" in weights else "instance"
    return {"name": "cpc_conv", "dim": first.shape[0], "norm": norm}


def _context_of(weights: Mapping[str, Tensor]) -> dict:
    layers = [int(found[2]) for key in weights if (found := OF_RNN.fullmatch(key))]
    if not layers:
        return {"name": "identity"}
    first = weights.get("gAR.baseNet.weight_hh_l0")
    gates = first.shape[0] // first.shape[1] if first is not None and first.dim() == 2 else None
    require(gates in GATES, "this CPC_audio checkpoint has no gAR.baseNet.weight_hh_l0 of an LSTM, GRU or RNN")
    return {"name": GATES[gates], "dim": first.shape[1], "layers": max(layers) + 1}


def _expected(encoder: Mapping, context: Mapping) -> set[str]:
    parts = {"none": (), "batch": ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")}
    norm_parts = parts.get(encoder["norm"], ("weight", "bias"))
    keys = {f"gEncoder.conv{i}.{part}" for i in range(len(KERNELS)) for part in ("weight", "bias")}
    keys |= {f"gEncoder.batchNorm{i}.{part}" for i in range(len(KERNELS)) for part in norm_parts}
    names = [f"{part}_{way}" for part in ("weight", "bias") for way in ("ih", "hh")]
    return keys | {f"gAR.baseNet.{name}_l{j}" for j in range(context.get("layers", 0)) for name in names}
