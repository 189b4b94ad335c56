"""SpidR (Poli et al. 2025) and DinoSR (Liu et al. 2023, arXiv:2305.10005), in three layouts.

* a training file ``step_<n>.pt`` or ``final.pt`` {model, optimizer, scheduler, scaler, epoch, step} of the SpidR code,
  which trains both, with its ``config.json`` beside it if there is one; names may begin with ``module.``;
* the state dict of such a model;
* a file of the original DinoSR code, which is fairseq's: {model, ...} with maps to query, key and value apart.

Taken over is the student: convolutions, input map and Transformer (``_wav2vec.SPIDR`` and ``.FAIRSEQ``). The teacher,
the prediction heads and the codebooks serve training and are left out.

Sizes are read from the shapes; the number of heads (12) and the strides are not in them. ``layer_1`` .. ``layer_L``
are what SpidR's ``get_intermediate_outputs`` gives: what a layer's feed-forward net adds, before the residual sum. Its
paper takes layer 6. The code wants standardised waveforms; here they are standardised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..core import require
from ..core.config import check_keys
from ._read import as_tensors, listed, read_checkpoint, read_json
from ._s3prl import strictly
from ._stack import numbers
from ._wav2vec import FAIRSEQ, SPIDR, names, stack_queries

ABOUT = "SpidR and DinoSR: training files of the SpidR code, its state dicts, and the original DinoSR checkpoint"
SAMPLE_RATE = 16000  # Hz; the format does not store it
KEYS = ("num_heads", "strides", "shown", "layer")
STRIDES = (5, 2, 2, 2, 2, 2, 2)
LAYER = 6  # what the SpidR paper extracts
TRAINING = ("teacher.", "heads.", "codebooks.", "mask_emb", "current_step", "_ema", "_codebook", "_pre_encoder")


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """The student of a checkpoint.

    Args:
        source: path of a checkpoint, what it holds, or a state dict.
        config: ``num_heads`` (12) and ``strides`` of the convolutions where they differ; ``shown``: whether layers are
            SpidR's features (``ff``) or the outputs of the blocks (``block``); ``layer``: the one returned by default.

    Returns:
        sections ``sample_rate``, ``encoder``, ``context`` and ``layer`` of ours, and the weights.

    Raises:
        SonantError: unreadable or foreign file, missing or unexpected keys.
    """
    given = dict(config or {})
    check_keys(given, KEYS, "the configuration of the SpidR importer")
    weights, settings = _open(source)
    fairseq = any(key.startswith("post_extract_proj.") for key in weights)
    require(
        fairseq or any(key.startswith("student.layers.") for key in weights),
        f"no checkpoint of SpidR or DinoSR: neither 'student.layers.*' nor 'post_extract_proj.*' among its keys "
        f"({listed(list(weights))})",
    )
    spelling = FAIRSEQ if fairseq else SPIDR
    layers = len(numbers(weights, r"(?:student|encoder)\.layers\.(\d+)\."))
    if fairseq:
        stack_queries(weights, "encoder.layers.{l}.self_attn", layers=layers)
    encoder = _encoder_of(weights, spelling, {**_strides_of(settings), **given})
    heads = int(given.get("num_heads", settings.get("encoder_num_heads", 12)))
    context = _context_of(weights, spelling, layers=layers, heads=heads, settings=settings)
    context["shown"] = str(given.get("shown", "ff"))
    tensors = strictly(weights, names(spelling, encoder=encoder, context=context), kind="SpidR or DinoSR")
    sections = {
        "sample_rate": SAMPLE_RATE,
        "encoder": encoder,
        "context": context,
        "layer": str(given.get("layer", f"layer_{LAYER}" if layers >= LAYER else "c")),
    }
    return sections, {name: value.float() for name, value in tensors.items()}


def _open(source: Any) -> tuple[dict[str, Tensor], dict]:
    """(weights of the student, settings of the model)."""
    where, settings = "the state dict", {}
    content = source
    if not isinstance(source, Mapping):
        where, content = str(source), read_checkpoint(source)
        beside = Path(source).parent / "config.json"
        found = read_json(beside) if beside.is_file() else {}
        settings = found.get("model", found)
        require(isinstance(settings, dict), f"{beside}: 'model' must hold the settings of the model by name")
    require(isinstance(content, Mapping), f"{where}: expected a mapping, found {type(content).__name__}")
    content = content["model"] if isinstance(content.get("model"), Mapping) else content
    state = {str(key).removeprefix("module."): value for key, value in content.items()}
    return as_tensors({key: value for key, value in state.items() if not key.startswith(TRAINING)}, where), settings


def _strides_of(settings: Mapping) -> dict:
    convs = settings.get("extractor_conv_layer_config")
    return {"strides": [conv[2] for conv in convs]} if convs else {}


def _encoder_of(weights: Mapping[str, Tensor], spelling: Mapping, given: Mapping) -> dict:
    conv, norm = spelling["encoder.convs.{i}"], spelling["encoder.norms.{i}"]
    shapes = []
    while (weight := weights.get(f"{conv.format(i=len(shapes))}.weight")) is not None:
        shapes.append(weight.shape)
    require(shapes, f"this checkpoint of SpidR or DinoSR lacks {conv.format(i=0)}.weight; is the file whole?")
    strides = tuple(int(stride) for stride in given.get("strides", STRIDES))
    require(
        len(strides) == len(shapes),
        f"this checkpoint has {len(shapes)} convolutions and {len(strides)} strides; give the importer's 'strides'",
    )
    return {
        "name": "wav2vec_conv",
        "dims": tuple(shape[0] for shape in shapes),
        "kernels": tuple(shape[2] for shape in shapes),
        "strides": strides,
        "norm": "every" if f"{norm.format(i=len(shapes) - 1)}.weight" in weights else "first",
        "bias": f"{conv.format(i=0)}.bias" in weights,
        "activation": "gelu",
        "standardise": True,
        "eps": 1e-5,
    }


def _context_of(
    weights: Mapping[str, Tensor], spelling: Mapping, *, layers: int, heads: int, settings: Mapping
) -> dict:
    def of(name: str) -> Tensor:
        key = f"{spelling[name].format(l=0, j=0)}.weight"
        require(key in weights, f"this checkpoint of SpidR or DinoSR lacks {key}; is the file whole?")
        return weights[key]

    enter, inner, position = (
        of(name) for name in ("context.enter", "context.stack.{l}.ff_in", "context.positions.convs.{j}")
    )
    pattern = re.escape(spelling["context.positions.convs.{j}"]).replace(r"\{j\}", r"(\d+)")
    return {
        "name": "wav2vec_transformer",
        "dim": enter.shape[0],
        "layers": layers,
        "heads": heads,
        "ff": inner.shape[0],
        "norm": "pre" if settings.get("encoder_layer_norm_first", False) else "post",
        "enter_norm": True,
        "bias": f"{spelling['context.stack.{l}.attention.qkv'].format(l=0)}.bias" in weights,
        "position_kernel": position.shape[2],
        "position_groups": enter.shape[0] // position.shape[1],
        "position_layers": len(numbers(weights, pattern)),
        "position_norm": True,
        "dropout": float(settings.get("encoder_dropout", 0.1)),
        "attention_dropout": float(settings.get("encoder_attention_dropout", 0.1)),
        "inner_dropout": float(settings.get("encoder_ff_interm_dropout", 0.0)),
    }
