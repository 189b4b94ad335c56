"""Mockingjay, TERA and Audio-ALBERT as s3prl trains them (arXiv:1910.12638, 2007.06028, 2005.08575).

A training file ``states-<step>.ckpt`` {Transformer, SpecHead, ...} whose model configuration lies under
``Upstream_Config`` or, in older files, ``Config``; or the plain state dict of the Transformer. Names, with
l = 0 .. layers - 1:

    input_representations.spec_transform.*, .LayerNorm.*    context.enter.*, context.enter_norm.*
    encoder.layer.{l}.attention.self.{query,key,value}.*    context.stack.{l}.attention.qkv.*   (one above the other)
    encoder.layer.{l}.attention.output.{dense,LayerNorm}.*  context.stack.{l}.attention.out.*, .norm_attention.*
    encoder.layer.{l}.intermediate.dense.*                  context.stack.{l}.ff_in.*
    encoder.layer.{l}.output.{dense,LayerNorm}.*            context.stack.{l}.ff_out.*, .norm_ff.*
    encoder.LayerNorm.{0 .. layers}.*                       context.norms.{0 .. layers}.*       (pre-norm models)
    SpecHead: dense.*, LayerNorm.*, output.*                head.hidden.*, head.norm.*, head.out.*

Very old files say gamma and beta for the weight and bias of a layer norm. Pre-norm models store each layer's norms
under a second name, ``attention.LayerNorm`` and ``LayerNorm``. Layers that share their weights are stored as copies.

Widths and the number of layers are read from the shapes; the number of heads is in the configuration only, and so is
what the model reads: Kaldi's log-mel or the toolkit's own (features ``logmel`` and ``stft_mel``). The toolkit
cuts utterances longer than ``task.sequence_length`` frames (1500) into pieces that do not see each other; here they
stay whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..core import require
from ._read import as_mapping, listed
from ._s3prl import SAMPLE_RATE, kaldi_features, open_states, strictly

ABOUT = "s3prl: Mockingjay, TERA and Audio-ALBERT, training checkpoints (states-*.ckpt) and plain state dicts"
PARTS = ("weight", "bias")
HEAD = {"dense": "hidden", "LayerNorm": "norm", "output": "out"}
OF_LAYER = {
    "attention.output.dense": "attention.out",
    "attention.output.LayerNorm": "norm_attention",
    "intermediate.dense": "ff_in",
    "output.dense": "ff_out",
    "output.LayerNorm": "norm_ff",
}
TWICE = {"attention.LayerNorm": "attention.output.LayerNorm", "LayerNorm": "output.LayerNorm"}  # pre-norm models


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """Features and context of a checkpoint.

    Args:
        source: path of a checkpoint, or what it holds, or the state dict of the Transformer.
        config: the model's configuration by the toolkit's names, ``{transformer: .., audio: ..}``, or the section
            ``transformer`` alone; its sections win over those found.

    Returns:
        sections ``sample_rate``, ``features``, ``encoder``, ``context`` and ``layer`` of ours, and the weights of a
        Representation.

    Raises:
        SonantError: unreadable or foreign file, missing or unexpected keys, or an architecture without counterpart.
    """
    sections, tensors, _ = _model(source, config)
    return sections, tensors


def convert_method(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """The same with the prediction head, to train on: sections as ``convert`` and ``method``, and the weights of a
    ``tera`` Method where the configuration masks frequencies or adds noise, else of a ``mockingjay`` one. Raises
    SonantError when the checkpoint holds no head.
    """
    sections, tensors, rest = _model(source, config)
    head, task = _renamed(rest["SpecHead"]), as_mapping(rest.get("task") or {}, "the configuration's task")
    require(head, "this checkpoint holds no SpecHead to train on; its Transformer alone can be imported")
    names = {f"{theirs}.{p}": f"head.{ours}.{p}" for theirs, ours in HEAD.items() for p in PARTS}
    method = {
        "share": float(task.get("mask_proportion", 0.15)),
        "width": int(task.get("mask_consecutive_max", 7)),
        "norm": "square" if str(task.get("loss", "L1")).upper() == "MSE" else "absolute",
    }
    band, noise = float(task.get("mask_frequency", 0.0)), float(task.get("noise_proportion", 0.0))
    if band or noise:
        method = {"name": "tera", **method, "band": band, "noise": noise}
    else:
        method = {"name": "mockingjay", **method}
    return {**sections, "method": method}, {**tensors, **strictly(head, names, kind="a s3prl SpecHead")}


def _model(source: Any, config: Mapping | None) -> tuple[dict, dict[str, Tensor], dict]:
    """(sections, weights of the context, the head and settings that are left)."""
    states, found = open_states(
        source, parts=("Transformer", "SpecHead"), section="transformer", bare="input_representations."
    )
    given = dict(config or {})
    found = {**found, **(given if {"transformer", "audio"} & given.keys() else {"transformer": given} if given else {})}
    settings = as_mapping(found.get("transformer") or {}, "the configuration's transformer")
    weights = _renamed(states["Transformer"])
    _drop_second_names(weights)
    context = _context_of(weights, settings)
    _stack_queries(weights)
    tensors = strictly(weights, _names(weights, context), kind="a s3prl Transformer")
    if context["share_layers"]:
        tensors = _first_layer(tensors)
    sections = {
        "sample_rate": SAMPLE_RATE,
        "features": _features_of(found.get("audio") or {}, weights["input_representations.spec_transform.weight"]),
        "encoder": {"name": "identity"},
        "context": context,
        "layer": "c",
    }
    return sections, tensors, {**found, "SpecHead": states["SpecHead"]}


def _renamed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """gamma and beta under the names that followed."""
    new = {"gamma": "weight", "beta": "bias"}
    return {re.sub(r"(gamma|beta)$", lambda found: new[found[1]], key): value for key, value in weights.items()}


def _drop_second_names(weights: dict[str, Tensor]) -> None:
    for key in list(weights):
        found = re.fullmatch(r"(encoder\.layer\.\d+)\.(attention\.LayerNorm|LayerNorm)\.(weight|bias)", key)
        if found:
            first = weights.get(f"{found[1]}.{TWICE[found[2]]}.{found[3]}")
            require(
                first is not None and torch.equal(first, weights.pop(key)),
                f"this checkpoint of a s3prl Transformer has {key} and no equal under its first name; is it whole?",
            )


def _layers(weights: Mapping[str, Tensor]) -> int:
    return 1 + max(
        (int(found[1]) for key in weights if (found := re.match(r"encoder\.layer\.(\d+)\.", key))), default=-1
    )


def _context_of(weights: Mapping[str, Tensor], settings: Mapping) -> dict:
    first, inner = (
        weights.get(key)
        for key in ("input_representations.spec_transform.weight", "encoder.layer.0.intermediate.dense.weight")
    )
    require(
        first is not None and inner is not None,
        "this checkpoint of a s3prl Transformer lacks input_representations.spec_transform.weight or "
        f"encoder.layer.0.intermediate.dense.weight; it has {listed(sorted(weights))}",
    )
    require(
        "num_attention_heads" in settings,
        "the number of attention heads is not in the weights and this file has no configuration; give it: "
        "config {'num_attention_heads': 12} is that of the toolkit's models",
    )
    require(
        int(settings.get("downsample_rate", 1)) == 1,
        f"a s3prl Transformer on {settings.get('downsample_rate')} stacked frames a step has no counterpart here",
    )
    activation = settings.get("hidden_act", "gelu")
    require(
        activation in ("gelu", "relu"), f"a s3prl Transformer with hidden_act '{activation}' has no counterpart here"
    )
    pre = any(key.startswith("encoder.LayerNorm.") for key in weights)
    return {
        "name": "transformer",
        "dim": first.shape[0],
        "layers": _layers(weights),
        "heads": int(settings["num_attention_heads"]),
        "ff": inner.shape[0],
        "norm": "pre" if pre else "post",
        "activation": activation,
        "eps": float(settings.get("layer_norm_eps", 1e-12)),
        "dropout": float(settings.get("hidden_dropout_prob", 0.1)),
        "share_layers": bool(settings.get("share_layer", False)),
    }


def _stack_queries(weights: dict[str, Tensor]) -> None:
    """Query, key and value maps as one."""
    for layer in range(_layers(weights)):
        for part in PARTS:
            names = [f"encoder.layer.{layer}.attention.self.{name}.{part}" for name in ("query", "key", "value")]
            missing = [name for name in names if name not in weights]
            require(not missing, f"this checkpoint of a s3prl Transformer lacks {listed(missing)}; is the file whole?")
            weights[f"encoder.layer.{layer}.attention.self.qkv.{part}"] = torch.cat(
                [weights.pop(name) for name in names]
            )


def _names(weights: Mapping[str, Tensor], context: Mapping) -> dict[str, str]:
    """Foreign name -> ours, of everything that such a model has."""
    enter = "input_representations"
    names = {f"{enter}.spec_transform": "enter", f"{enter}.LayerNorm": "enter_norm"}
    for i in range(context["layers"]):
        names |= {f"encoder.layer.{i}.{theirs}": f"stack.{i}.{ours}" for theirs, ours in OF_LAYER.items()}
        names[f"encoder.layer.{i}.attention.self.qkv"] = f"stack.{i}.attention.qkv"
    if context["norm"] == "pre":
        names |= {f"encoder.LayerNorm.{i}": f"norms.{i}" for i in range(context["layers"] + 1)}
    return {f"{theirs}.{p}": f"context.{ours}.{p}" for theirs, ours in names.items() for p in PARTS}


def _first_layer(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without the copies of shared layers."""
    kept = {}
    for name, value in tensors.items():
        found = re.match(r"context\.stack\.(\d+)\.(.+)", name)
        if found is None or found[1] == "0":
            kept[name] = value
        else:
            require(
                torch.equal(value, tensors[f"context.stack.0.{found[2]}"]),
                f"the configuration says share_layer, but layers 0 and {found[1]} differ; is it of another model?",
            )
    return kept


def _features_of(audio: Mapping, first: Tensor) -> dict:
    """Kaldi's features and the toolkit's own log-mel are ours; its other spectra have to come as arrays."""
    dim, kaldi, online = first.shape[1], audio.get("kaldi") or {}, as_mapping(audio.get("input") or {}, "audio.input")
    if online.get("feat_type") == "mel" and online.get("log"):
        return _online_mel(audio, online, dim)
    if kaldi.get("feat_type") == "fbank":
        fbank, orders = dict(kaldi.get("fbank") or {}), int((audio.get("delta") or {}).get("order", 2))
        require(
            dim % (1 + orders) == 0 and orders <= 2,
            f"the configuration's {orders} orders of deltas do not fit the {dim} input channels of the weights",
        )
        section = kaldi_features(
            dim // (1 + orders),
            hamming=fbank.get("window_type") == "hamming",
            frame_ms=fbank.get("frame_length", 25),
            shift_ms=fbank.get("frame_shift", 10),
            cmvn=bool((audio.get("cmvn") or {}).get("use_cmvn", True)),
        )
        return {**section, "deltas": orders}
    rate = 1000 / float(audio.get("hop_ms", 10))
    return {"name": "arrays", "dim": dim, "rate": rate}


def _online_mel(audio: Mapping, online: Mapping, dim: int) -> dict:
    """The log-mel energies that the toolkit computes on the fly."""
    mels, orders = int(audio.get("n_mels", 40)), int(online.get("delta", 0))
    require(
        mels * (1 + orders) == dim and orders <= 2,
        f"the configuration's {mels} mel filters and {orders} orders of deltas do not fit the {dim} input channels of "
        "the weights",
    )
    level = audio.get("target_level")
    return {
        "name": "stft_mel",
        "n_mels": mels,
        "frame_length": float(audio.get("win_ms", 25)) / 1000,
        "frame_shift": float(audio.get("hop_ms", 10)) / 1000,
        "n_fft": 2 * (int(audio.get("n_freq", 201)) - 1),
        "level_db": None if level is None else float(level),
        "deltas": orders,
        "cmvn": "utterance_unbiased" if online.get("cmvn") else "none",
    }
