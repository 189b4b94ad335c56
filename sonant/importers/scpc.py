"""Checkpoints of scpc, the code of "Bigger is not always better" (Robertson and Dunbar 2023, arXiv:2312.01515).

Its ``best.ckpt`` is a state dict with one entry more, ``json``: {"name": "seq", "args": [latent, context]}, each of
these {"name", "args"}. Names, below ``encoders.0.`` and ``encoders.1.``:

    conv      conv{1..5}.{weight,bias}                 encoder.convs.{0..4}.*
              norm{1..5}.*                             encoder.norms.{0..4}.*       ((1, C, 1) -> (C,))
    ff        ff.{weight,bias}                         encoder.linears.0.*
    ra        rnn.{name}_l{j}                          context.rnns.{j}.{name}_l0
    cconv     convs.{i}.{weight,bias}                  context.convs.{i}.*
    csa, sa   encoder.layers.{i}.self_attn.in_proj_*   context.stack.{i}.attention.qkv.*
              encoder.layers.{i}.self_attn.out_proj.*  context.stack.{i}.attention.out.*
              encoder.layers.{i}.linear{1,2}.*         context.stack.{i}.ff_{in,out}.*
              encoder.layers.{i}.norm{1,2}.*           context.stack.{i}.norm_{attention,ff}.*
              encoder.norm.*                           context.norm.*
              ff.*                                     context.leave.*
    id        nothing

Its instance norm divides by running statistics when it evaluates: it becomes a batch norm without an affine map. The
features below the model are not in the checkpoint: for 80 or 41 dimensions they are taken for its filter banks, unless
``features`` says else. Its tools hand 16-bit integers to models on raw waveforms, which
``features: {name: waveform, scale: 32768}`` repeats. Its positions (pos_period) become what its code makes of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..core import SonantError, require, unknown
from ..core.config import check_keys
from ..encoders.cpc_conv import KERNELS
from ._read import as_tensors, read_checkpoint

ABOUT = "scpc: best.ckpt; for 16-bit audio --config features.name=waveform --config features.scale=32768"
SAMPLE_RATE = 16000  # Hz; the format does not store it
FRAME_RATE = 100.0  # Hz, of features that are computed elsewhere
BANKS = {80: {"name": "stft_bank"}, 41: {"name": "stft_bank", "n_filters": 40, "energy": True}}
LATENTS, CONTEXTS = ("conv", "ff", "id"), ("csa", "sa", "ra", "cconv", "id")
OF_LAYER = {
    "self_attn.in_proj_weight": "attention.qkv.weight",
    "self_attn.in_proj_bias": "attention.qkv.bias",
    "self_attn.out_proj": "attention.out",
    "linear1": "ff_in",
    "linear2": "ff_out",
    "norm1": "norm_attention",
    "norm2": "norm_ff",
}


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """Encoder and context of a checkpoint.

    Args:
        source: path of a ``best.ckpt``, or what it holds.
        config: ``features``, the section of the features below the model; ``json``, a description in place of the
            checkpoint's.

    Returns:
        sections ``sample_rate``, ``features`` (where there are any), ``encoder``, ``context`` and ``layer`` of ours,
        and the weights of a Representation.

    Raises:
        SonantError: unreadable or foreign file, or an encoder that scpc does not have.
    """
    config = dict(config or {})
    check_keys(config, ("features", "json"), "the configuration of the scpc importer")
    content = source if isinstance(source, Mapping) else read_checkpoint(source)
    require(
        isinstance(content, Mapping) and ("json" in content or "json" in config),
        "not a checkpoint of scpc: it has no entry 'json'; give its best.ckpt, not the last.ckpt of the training",
    )
    latent, context = _described(config.get("json") or content["json"])
    features = config.get("features", _features(*latent))
    require(
        features is None or (isinstance(features, Mapping) and "name" in features),
        f"features must be a section with a name, such as features.name=waveform, got {features!r:.80}",
    )
    weights = as_tensors({key: value for key, value in content.items() if key != "json"}, "this scpc checkpoint")
    local = "encoder." if features is None else "encoder.local."
    tensors = {f"{local}{name}": value for name, value in _affine(*latent).items()}
    for key, value in weights.items():
        found = re.fullmatch(r"encoders\.([01])\.(.+)", key)
        require(found, f"this scpc checkpoint has unexpected {key}; its names begin with encoders.0. and encoders.1.")
        prefix, (kind, _) = (local, latent) if found[1] == "0" else ("context.", context)
        scale = kind == "conv" and found[2].startswith("norm") and value.dim() == 3
        tensors[prefix + _native(kind, found[2])] = value.flatten() if scale else value
    below = {} if features is None else {"features": dict(features)}
    sections = {**below, "encoder": _encoder(*latent), "context": _context(*context)}
    return {"sample_rate": SAMPLE_RATE, **sections, "layer": "c"}, tensors


def _described(description: Any) -> tuple[tuple[str, list], tuple[str, list]]:
    """(name, arguments) of latent and context."""
    if isinstance(description, str):
        try:
            description = json.loads(description)
        except json.JSONDecodeError as error:
            raise SonantError(f"the entry 'json' of this scpc checkpoint is no JSON ({error})") from None
    parts = description.get("args") if isinstance(description, Mapping) and description.get("name") == "seq" else None
    require(
        isinstance(parts, list) and len(parts) == 2 and all(isinstance(part, Mapping) for part in parts),
        f"this scpc checkpoint should describe a seq of latent and context, it has {description!r:.120}",
    )
    latent, context = ((str(part.get("name")), part.get("args")) for part in parts)
    for (name, arguments), known in ((latent, LATENTS), (context, CONTEXTS)):
        if name not in known:
            raise unknown("scpc encoder in this place", name, known)
        most = {"id": 2, "ff": 5, "conv": 4, "cconv": 6, "sa": 8, "csa": 9, "ra": 5}[name]
        require(
            isinstance(arguments, list) and len(arguments) == most,
            f"the scpc encoder {name} has {most} arguments, this checkpoint gives {arguments!r:.80}",
        )
    return latent, context


def _features(kind: str, arguments: list) -> dict | None:
    dim = int(arguments[0])
    return None if dim == 1 else BANKS.get(dim, {"name": "arrays", "dim": dim, "rate": FRAME_RATE})


def _encoder(kind: str, arguments: list) -> dict:
    if kind == "id":
        return {"name": "identity"}
    if kind == "ff":
        _, dim, activation, bias, dropout = arguments
        return {"name": "mlp", "dim": dim, "activation": activation, "bias": bias, "dropout": dropout}
    _, dim, norm, dropout = arguments
    return {"name": "cpc_conv", "dim": dim, "norm": "batch" if norm == "instance" else norm, "dropout": dropout}


def _affine(kind: str, arguments: list) -> dict[str, Tensor]:
    """What a batch norm has and an instance norm of scpc has not."""
    if kind != "conv" or arguments[2] != "instance":
        return {}
    values = {"weight": torch.ones(arguments[1]), "bias": torch.zeros(arguments[1])}
    return {f"norms.{i}.{name}": value for i in range(len(KERNELS)) for name, value in values.items()}


def _context(kind: str, arguments: list) -> dict:
    if kind == "id":
        return {"name": "identity"}
    if kind == "ra":
        _, dim, layers, cell, dropout = arguments
        return {"name": cell, "dim": dim, "layers": layers, "dropout": dropout}
    if kind == "cconv":
        _, dim, kernel, layers, activation, dropout = arguments
        return {
            "name": "causal_conv",
            "dim": dim,
            "layers": layers,
            "kernel": kernel,
            "activation": activation,
            "dropout": dropout,
        }
    dim, out, *width, layers, heads, ff, dropout, _, period = arguments
    section = {"dim": dim, "layers": layers, "heads": heads, "ff": ff, "dropout": dropout, "out": out}
    if period is not None:
        section |= {"positions": "period", "period": period}
    if kind == "sa":
        return {"name": "self_attention", **section}
    return {"name": "causal_attention", "width": width[0], **section}


def _native(kind: str, name: str) -> str:
    """Our name of a tensor, below the prefix of its module."""
    if kind == "conv" and (found := re.fullmatch(r"(conv|norm)([1-5])\.(\w+)", name)):
        return f"{found[1]}s.{int(found[2]) - 1}.{found[3]}"
    if kind == "ff" and (found := re.fullmatch(r"ff\.(weight|bias)", name)):
        return f"linears.0.{found[1]}"
    if kind == "ra" and (found := re.fullmatch(r"rnn\.((?:weight|bias)_[ih]h)_l(\d+)", name)):
        return f"rnns.{found[2]}.{found[1]}_l0"
    if kind == "cconv" and re.fullmatch(r"convs\.\d+\.(weight|bias)", name):
        return name
    if kind in ("csa", "sa"):
        if found := re.fullmatch(r"encoder\.layers\.(\d+)\.(" + "|".join(OF_LAYER) + r")(\.\w+)?", name):
            return f"stack.{found[1]}.{OF_LAYER[found[2]]}{found[3] or ''}"
        if found := re.fullmatch(r"(encoder\.norm|ff)\.(weight|bias)", name):
            return f"{'leave' if found[1] == 'ff' else 'norm'}.{found[2]}"
    raise SonantError(f"this scpc checkpoint has unexpected {name} in an encoder '{kind}'; is the file whole?")
