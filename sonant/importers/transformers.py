"""wav2vec 2.0, HuBERT, WavLM and data2vec-audio as the transformers library saves them.

A folder, or a repository of its hub, with ``config.json``, ``model.safetensors`` or ``pytorch_model.bin`` (one file or
several with an index), and ``preprocessor_config.json``, which says whether waveforms are standardised. The library is
not needed. Names are those of ``_wav2vec.TRANSFORMERS``, below ``wav2vec2.``, ``hubert.``, ``wavlm.`` or
``data2vec_audio.`` where a head stands on the model; heads, quantisers and mask embeddings are left out. Besides:

    encoder.pos_conv_embed.conv.{weight_g, weight_v}                 weight norm over the kernel, folded into
      or .parametrizations.weight.{original0, original1}             context.positions.convs.0.weight
    encoder.layers.{l}.attention.gru_rel_pos_linear.*                context.stack.{l}.attention.gate.*        (WavLM)
    encoder.layers.{l}.attention.gru_rel_pos_const                   context.stack.{l}.attention.gate_scale_H
    encoder.layers.0.attention.rel_attn_embed.weight                 context.relative.weight

Layers are numbered as the library's ``hidden_states``: ``layer_0`` is what enters the Transformer, ``layer_6`` the
output of its sixth layer, ``c`` the ``last_hidden_state``, and ``z`` what the convolutions give. An utterance comes
out of a batch as it comes out of the library alone; in padded batches the library's BASE models differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core import MissingExtra, SonantError, require, unknown
from ..core.config import check_keys
from ._read import as_tensors, listed, read_checkpoint, read_json
from ._s3prl import strictly
from ._wav2vec import TRANSFORMERS, names, stack_queries

ABOUT = "transformers: wav2vec 2.0, HuBERT, WavLM and data2vec-audio, a folder or a name on its hub"
SAMPLE_RATE = 16000  # Hz; where preprocessor_config.json does not say
KINDS = {"wav2vec2": "wav2vec2", "hubert": "hubert", "wavlm": "wavlm", "data2vec-audio": "data2vec_audio"}
OWN = ("layer", "do_normalize", "sampling_rate")  # keys that config.json has not
NO_PART = ("masked_spec_embed", "adapter.")  # of training, and of what stands on the last layer
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
NORM = (("weight_g", "weight_v"), ("parametrizations.weight.original0", "parametrizations.weight.original1"))


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """The representation of a saved model.

    Args:
        source: folder, hub name ``owner/name``, or a state dict (then ``config`` must hold what config.json would).
        config: settings by their names in config.json, which win over those found; ``do_normalize``, whether each
            waveform is standardised; ``layer``, the layer returned by default (``c``).

    Returns:
        sections ``sample_rate``, ``encoder``, ``context`` and ``layer`` of ours, and the weights.

    Raises:
        SonantError: no such model, a damaged or foreign file, or an architecture without counterpart.
    """
    given = dict(config or {})
    weights, settings, audio = _open(source, given)
    if settings:  # else given stands for config.json
        check_keys(given, sorted({*settings, *audio, *OWN}), "the configuration of the transformers importer")
    settings, audio = {**settings, **given}, {**audio, **given}
    kind = settings.get("model_type")
    if kind not in KINDS:
        raise unknown("model_type in config.json", str(kind), KINDS)
    weights = _body(weights, f"{KINDS[kind]}.")
    _refuse(settings, weights)
    encoder, context = _encoder_of(settings, audio, kind), _context_of(settings, kind)
    stack_queries(weights, "encoder.layers.{l}.attention", layers=context["layers"])
    _plain_positions(weights)
    expected = names(TRANSFORMERS, encoder=encoder, context=context) | _gates(context)
    tensors = strictly(weights, expected, kind=f"a {kind} model of transformers")
    if context["buckets"]:
        for layer in range(context["layers"]):
            name = f"context.stack.{layer}.attention.gate_scale_H"
            tensors[name] = tensors[name].flatten()
    sections = {
        "sample_rate": int(audio.get("sampling_rate", SAMPLE_RATE)),
        "encoder": encoder,
        "context": context,
        "layer": str(given.get("layer", "c")),
    }
    return sections, {name: value.float() for name, value in tensors.items()}


# --- files ------------------------------------------------------------------------------------------


def _open(source: Any, given: Mapping) -> tuple[dict[str, Tensor], dict, dict]:
    """(weights, config.json, preprocessor_config.json)."""
    if isinstance(source, Mapping):
        return as_tensors(source, "the state dict"), {}, {}
    folder = _folder(str(source))
    config, audio = folder / "config.json", folder / "preprocessor_config.json"
    require(
        config.is_file(),
        f"{source}: no config.json here; give the folder that save_pretrained of transformers wrote, or a hub name",
    )
    return _weights(folder), read_json(config), read_json(audio) if audio.is_file() else {}


def _folder(source: str) -> Path:
    """The folder that is meant, or that the hub library made of what the name stands for."""
    folder = Path(source)
    if folder.exists():
        require(folder.is_dir(), f"{source}: give the folder that holds config.json and the weights, not one file")
        return folder
    require(
        source.count("/") == 1 and not source.startswith((".", "/")),
        f"{source}: no such folder; give one, or a hub name such as facebook/hubert-base-ls960",
    )
    folder = _from_hub(source, ["config.json", "preprocessor_config.json", "model*.safetensors*"])
    return folder if any(folder.glob("model*.safetensors")) else _from_hub(source, ["*config.json", "pytorch_model*"])


def _from_hub(source: str, patterns: list[str]) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingExtra("huggingface-hub", "hub", f"'{source}' is no folder here; to load it from the hub") from None
    try:
        return Path(snapshot_download(source, allow_patterns=patterns))
    except Exception as error:  # the hub library raises many kinds; each means: not to be had
        kind = type(error).__name__
        raise SonantError(f"'{source}' is no folder here, and the hub did not give it: {kind}") from None


def _weights(folder: Path) -> dict[str, Tensor]:
    for name in WEIGHTS:
        if (folder / name).is_file():
            return as_tensors(read_checkpoint(folder / name), str(folder / name))
        if (folder / f"{name}.index.json").is_file():
            return _parts(folder / f"{name}.index.json")
    raise SonantError(f"{folder}: config.json is there, but no {' or '.join(WEIGHTS)}")


def _parts(index: Path) -> dict[str, Tensor]:
    """The weights of several files that an index lists."""
    listing = read_json(index).get("weight_map")
    require(isinstance(listing, dict) and listing, f"{index}: lacks weight_map, the files of the weights")
    weights = {}
    for name in sorted({str(value) for value in listing.values()}):
        path = index.parent / name
        require(Path(name).name == name and path.is_file(), f"{index}: names {name}, which is not beside it")
        weights |= as_tensors(read_checkpoint(path), str(path))
    return weights


def _body(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The weights of the model itself, under the names that they have without a head on it."""
    below = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
    body = below or dict(weights)
    return {key: value for key, value in body.items() if not key.startswith(NO_PART)}


# --- architecture -----------------------------------------------------------------------------------


def _refuse(settings: Mapping, weights: Mapping[str, Tensor]) -> None:
    adapters = [key for key in weights if ".adapter_layer." in key]
    require(not adapters, f"adapters inside the layers ({listed(adapters, 1)}) have no counterpart here")
    require(not settings.get("conv_pos_batch_norm"), "conv_pos_batch_norm has no counterpart here")
    acts = {settings.get("hidden_act", "gelu"), settings.get("feat_extract_activation", "gelu")}
    require(
        len(acts) == 1 and acts <= {"gelu", "relu"},
        f"activations {listed(sorted(acts))} have no counterpart here: need gelu or relu, the same for hidden_act and "
        "feat_extract_activation",
    )


def _encoder_of(settings: Mapping, audio: Mapping, kind: str) -> dict:
    every = kind == "data2vec-audio" or settings.get("feat_extract_norm", "group") == "layer"
    layout = {
        "dims": settings.get("conv_dim", (512,) * 7),
        "kernels": settings.get("conv_kernel", (10, 3, 3, 3, 3, 2, 2)),
        "strides": settings.get("conv_stride", (5, 2, 2, 2, 2, 2, 2)),
    }
    return {
        "name": "wav2vec_conv",
        **{name: tuple(int(size) for size in sizes) for name, sizes in layout.items()},
        "norm": "every" if every else "first",
        "bias": bool(settings.get("conv_bias", False)),
        "activation": settings.get("feat_extract_activation", "gelu"),
        "standardise": bool(audio.get("do_normalize", True)),
        "eps": 1e-7,
    }


def _context_of(settings: Mapping, kind: str) -> dict:
    stacked, gated = kind == "data2vec-audio", kind == "wavlm"
    positions = int(settings.get("num_conv_pos_embeddings", 5 if stacked else 128))
    return {
        "name": "wav2vec_transformer",
        "dim": int(settings.get("hidden_size", 768)),
        "layers": int(settings.get("num_hidden_layers", 12)),
        "heads": int(settings.get("num_attention_heads", 12)),
        "ff": int(settings.get("intermediate_size", 3072)),
        "norm": "pre" if settings.get("do_stable_layer_norm", False) and not stacked else "post",
        "enter_norm": bool(settings.get("feat_proj_layer_norm", True)),
        "activation": settings.get("hidden_act", "gelu"),
        "eps": float(settings.get("layer_norm_eps", 1e-5)),
        "bias": True,
        "position_kernel": int(settings.get("conv_pos_kernel_size", 19)) if stacked else positions,
        "position_groups": int(settings.get("num_conv_pos_embedding_groups", 16)),
        "position_layers": positions if stacked else 1,
        "position_norm": stacked,
        "buckets": int(settings.get("num_buckets", 320)) if gated else 0,
        "distance": int(settings.get("max_bucket_distance", 800)),
        "dropout": float(settings.get("hidden_dropout", 0.1)),
        "attention_dropout": float(settings.get("attention_dropout", 0.1)),
        "inner_dropout": float(settings.get("activation_dropout", 0.1)),
        "enter_dropout": float(settings.get("feat_proj_dropout", 0.0)),
    }


def _plain_positions(weights: dict[str, Tensor]) -> None:
    """A positional convolution with weight norm as one without, and under the name it has when there are several."""
    at, to = "encoder.pos_conv_embed.conv", "encoder.pos_conv_embed.layers.0.conv"
    for size, direction in NORM:
        if f"{at}.{size}" in weights and f"{at}.{direction}" in weights:
            g, v = weights.pop(f"{at}.{size}").float(), weights.pop(f"{at}.{direction}").float()
            require(g.numel() == v.shape[-1], f"{at}: a weight norm of {tuple(g.shape)} is not one number a frame")
            weights[f"{at}.weight"] = v * (g / torch.linalg.vector_norm(v, dim=(0, 1), keepdim=True))
    for part in ("weight", "bias"):
        if f"{at}.{part}" in weights:
            weights[f"{to}.{part}"] = weights.pop(f"{at}.{part}")


def _gates(context: Mapping) -> dict[str, str]:
    """Names of WavLM's relative positions."""
    if not context["buckets"]:
        return {}
    table = {"encoder.layers.0.attention.rel_attn_embed.weight": "context.relative.weight"}
    for layer in range(context["layers"]):
        theirs, ours = f"encoder.layers.{layer}.attention", f"context.stack.{layer}.attention"
        table |= {f"{theirs}.gru_rel_pos_linear.{part}": f"{ours}.gate.{part}" for part in ("weight", "bias")}
        table[f"{theirs}.gru_rel_pos_const"] = f"{ours}.gate_scale_H"
    return table
