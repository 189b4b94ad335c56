"""NPC as s3prl trains it (Liu, Chung and Glass 2020, arXiv:2011.00406).

A training file ``states-<step>.ckpt`` {model, config, ...} or a plain state dict. Names, with i = 0 .. blocks - 1:

    blocks.{i}.conv.*                           context.blocks.{i}.conv.*
    blocks.{i}.linear.weight (H, H, 1), .bias   context.blocks.{i}.linear.*               (one tap: a linear map)
    blocks.{i}.bn1.*, .bn2.*                    context.blocks.{i}.norm_conv.*, .norm_linear.*
    masked_convs.{i}.conv.weight (H, H, K)      context.masked_convs.{i + 1}.left.weight and .right.weight: the taps
                                                before and after the middle ones that conv_mask zeroes
    masked_convs.{i}.conv.bias                  context.masked_convs.{i + 1}.left.bias

and, to train on (``convert_method``):

    vq_layers.{g}.vq_logits.*, .codebook_CxE.weight     quantise.logits.{g}.*, quantise.books.{g}.weight
    ae_bottleneck.weight                                narrow.weight
    postnet.*                                           predict.*

The architecture is read from the shapes; ``residual``, ``activate``, ``dropout`` and the temperature from the
configuration, else the toolkit's own are taken. The toolkit lets what it computes for padding flow back into the last
frames of an utterance inside a batch; here an utterance comes out as alone. Of a model with ``ae_bottleneck`` the
toolkit returns the bottleneck, this package the frames that go into it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..core import require
from ._read import as_mapping, listed
from ._s3prl import SAMPLE_RATE, kaldi_features, open_states, strictly

ABOUT = "s3prl: NPC, training checkpoints (states-*.ckpt) and plain state dicts"
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """Features and context of a checkpoint.

    Args:
        source: path of a checkpoint, or a state dict.
        config: the model's configuration by the toolkit's names, ``{model: {paras: ..}, data: {audio: ..}}`` or the
            ``paras`` alone; its sections win over those found.

    Returns:
        sections ``sample_rate``, ``features``, ``encoder``, ``context`` and ``layer`` of ours, and the weights of a
        Representation.

    Raises:
        SonantError: unreadable or foreign file, missing or unexpected keys, or an architecture without counterpart.
    """
    sections, tensors = _model(source, config)
    kept = {name: tensor for name, tensor in tensors.items() if name.startswith("context.")}
    return {key: value for key, value in sections.items() if key != "method"}, kept


def convert_method(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """The same with quantiser and prediction, to train on: sections as ``convert`` and ``method``, and the weights of a
    ``npc`` Method.
    """
    return _model(source, config)


def _model(source: Any, config: Mapping | None) -> tuple[dict, dict[str, Tensor]]:
    states, found = open_states(source, parts=("model",), section="model", bare="blocks.")
    weights = dict(states["model"])
    given = dict(config or {})
    found = {**found, **(given if {"model", "data"} & given.keys() else {"model": {"paras": given}} if given else {})}
    paras = as_mapping((found.get("model") or {}).get("paras") or {}, "the configuration's model.paras")
    masks = {int(key.split(".")[1]): weights.pop(key) for key in list(weights) if key.endswith(".conv_mask")}
    context, method = _context_of(weights, masks, paras), _method_of(weights, paras)
    _split_taps(weights, context)
    tensors = strictly(weights, _names(context, method), kind="s3prl NPC")
    tensors = {name: value[..., 0] if name.endswith(".linear.weight") else value for name, value in tensors.items()}
    sections = {
        "sample_rate": SAMPLE_RATE,
        "features": _features_of((found.get("data") or {}).get("audio") or {}, weights["postnet.weight"].shape[0]),
        "encoder": {"name": "identity"},
        "context": context,
        "method": method,
        "layer": "c",
    }
    return sections, tensors


def _features_of(audio: Mapping, dim: int) -> dict:
    kind, frame, shift = audio.get("feat_type", "fbank"), audio.get("frame_length", 25), audio.get("frame_shift", 10)
    require(kind == "fbank", f"s3prl NPC on '{kind}' has no counterpart here; on fbank it has")
    cmvn = bool(audio.get("cmvn", True))
    return kaldi_features(dim, hamming=True, frame_ms=frame, shift_ms=shift, cmvn=cmvn)


def _context_of(weights: Mapping[str, Tensor], masks: Mapping[int, Tensor], paras: Mapping) -> dict:
    blocks = 1 + max((int(found[1]) for key in weights if (found := re.match(r"blocks\.(\d+)\.", key))), default=-1)
    require(blocks, f"this is no checkpoint of s3prl NPC: it has no blocks.* but {listed(sorted(weights))}")
    convs = [i for i in range(blocks) if f"masked_convs.{i}.conv.weight" in weights]
    require(
        convs in (list(range(blocks)), [blocks - 1]) and "postnet.weight" in weights,
        "this checkpoint of s3prl NPC lacks postnet.weight, or masked_convs.*.conv.weight of every block or the last",
    )
    dim, _, kernel = weights[f"masked_convs.{convs[-1]}.conv.weight"].shape
    mask = int(paras.get("mask_size", 5))
    for i, zeros in masks.items():
        hidden = int((zeros[0, 0] == 0).sum())
        mask = hidden - 2 * (i + 1)
    activation = paras.get("activate", "relu")
    require(activation in ("relu", "tanh"), f"s3prl NPC with activate '{activation}' has no counterpart here")
    return {
        "name": "npc",
        "dim": dim,
        "blocks": blocks,
        "kernel": kernel,
        "mask": mask,
        "residual": bool(paras.get("residual", True)),
        "norm": "batch" if "blocks.0.bn1.weight" in weights else "none",
        "activation": activation,
        "dropout": float(paras.get("dropout", 0.1)),
        "every_block": len(convs) == blocks,
    }


def _method_of(weights: Mapping[str, Tensor], paras: Mapping) -> dict:
    method: dict[str, Any] = {"name": "npc", "codes": None}
    groups = sorted(int(found[1]) for key in weights if (found := re.match(r"vq_layers\.(\d+)\.vq_logits\.bias", key)))
    if groups:
        names = [f"vq_layers.{g}.codebook_CxE.weight" for g in groups]
        missing = [name for name in names if name not in weights]
        require(not missing, f"this checkpoint of s3prl NPC lacks {listed(missing)}; is the file whole?")
        books = [weights[name] for name in names]
        method["codes"], method["code_dims"] = [b.shape[1] for b in books], [b.shape[0] for b in books]
        method["temperature"] = float((paras.get("vq") or {}).get("gumbel_temperature", 1.0))
    elif "ae_bottleneck.weight" in weights:
        method["bottleneck"] = weights["ae_bottleneck.weight"].shape[0]
    return method


def _split_taps(weights: dict[str, Tensor], context: Mapping) -> None:
    """Replace the kernels of masked convolutions by the taps before and after the masked ones."""
    for i in range(context["blocks"]):
        whole = weights.pop(f"masked_convs.{i}.conv.weight", None)
        if whole is not None:
            taps = (context["kernel"] - context["mask"] - 2 * (i + 1)) // 2
            require(
                taps >= 1,
                f"s3prl NPC: kernel {context['kernel']} and mask_size {context['mask']} leave block {i} no tap; is "
                "mask_size right?",
            )
            weights[f"masked_convs.{i}.left"] = whole[..., :taps].contiguous()
            weights[f"masked_convs.{i}.right"] = whole[..., -taps:].contiguous()


def _names(context: Mapping, method: Mapping) -> dict[str, str]:
    """Foreign name -> ours, of everything that such a model has."""
    names = {}
    for i in range(context["blocks"]):
        names |= {
            f"blocks.{i}.{map_}.{p}": f"context.blocks.{i}.{map_}.{p}" for map_ in ("conv", "linear") for p in NORM[:2]
        }
        if context["norm"] == "batch":
            for theirs, ours in (("bn1", "norm_conv"), ("bn2", "norm_linear")):
                names |= {f"blocks.{i}.{theirs}.{p}": f"context.blocks.{i}.{ours}.{p}" for p in NORM}
        if context["every_block"] or i == context["blocks"] - 1:
            below = f"context.masked_convs.{i + 1}"
            names |= {f"masked_convs.{i}.{side}": f"{below}.{side}.weight" for side in ("left", "right")}
            names[f"masked_convs.{i}.conv.bias"] = f"{below}.left.bias"
    for g in range(len(method["codes"] or ())):
        names |= {f"vq_layers.{g}.vq_logits.{p}": f"quantise.logits.{g}.{p}" for p in NORM[:2]}
        names[f"vq_layers.{g}.codebook_CxE.weight"] = f"quantise.books.{g}.weight"
    if method.get("bottleneck"):
        names["ae_bottleneck.weight"] = "narrow.weight"
    return names | {f"postnet.{p}": f"predict.{p}" for p in NORM[:2]}
