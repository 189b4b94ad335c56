"""Checkpoints of APC and VQ-APC that s3prl trained (``-u apc`` and ``-u vq_apc``).

A training file ``states-<step>.ckpt`` {model, config, Upstream_Config, Config, Args, Optimizer, Step}, of which
``model`` and ``config`` are read, or a plain state dict:

    rnn_layers.{l}.{name}_l0                   context.rnns.{l}.{name}_l0
    postnet.{weight,bias}                      predict.{weight,bias}                    (training only)
    vq_layers.{g}.vq_logits.{weight,bias}      quantise.logits.{g}.{weight,bias}        (training only)
    vq_layers.{g}.codebook_CxE.weight          quantise.books.{g}.weight                (training only)

Sizes are read from the shapes; dropout, residual layers, the shift and the filter bank from ``config``. The
representation is the last layer, before the quantiser. s3prl's filter bank is Kaldi's with a Hamming window on samples
in [-1, 1], normalised over the utterance with the unbiased variance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..core import require
from ..core.config import check_keys
from ._s3prl import SAMPLE_RATE, kaldi_features, open_states
from ._stack import nothing_left, numbers, take, take_recurrent

ABOUT = "APC and VQ-APC as s3prl trains them: states-<step>.ckpt"
TOOLKIT = "s3prl APC"
KEYS = ("residual", "dropout", "shift", "temperature", "features")


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """The representation of a checkpoint.

    Args:
        source: path of a checkpoint, what it holds, or a plain state dict.
        config: what wins over the checkpoint: ``residual`` (bool), ``dropout``, ``shift`` (frames), ``temperature`` and
            ``features`` (a section). A plain state dict needs ``residual``.

    Returns:
        sections ``sample_rate``, ``features``, ``encoder``, ``context`` and ``layer`` of ours, and the weights.

    Raises:
        SonantError: unreadable or foreign file, missing or unexpected keys, features that have no counterpart.
    """
    sections, tensors = convert_method(source, config)
    del sections["method"]
    return sections, {name: value for name, value in tensors.items() if name.startswith("context.")}


def convert_method(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """The same with the section ``method`` and the weights of an ``apc`` or ``vq_apc`` Method, to train on."""
    given = dict(config or {})
    check_keys(given, KEYS, f"the configuration of the {TOOLKIT} importer")
    states, stored = open_states(source, parts=("model",), section="model", bare="rnn_layers.")
    weights, given = states["model"], {**_said(stored), **given}
    require(
        "residual" in given,
        "an s3prl state dict without its configuration does not say whether its layers are residual; "
        "give residual: true or false (s3prl's own recipes: true)",
    )
    context, tensors = take_recurrent(weights, "rnn_layers", toolkit=TOOLKIT)
    for part in ("weight", "bias"):
        tensors[f"predict.{part}"] = take(weights, f"postnet.{part}", toolkit=TOOLKIT)
    method = {"name": "apc", "shift": int(given.get("shift", 5))}
    if groups := numbers(weights, r"vq_layers\.(\d+)\."):
        method |= {"name": "vq_apc", **_take_quantiser(weights, tensors, groups)}
        method |= {"temperature": float(given.get("temperature", 0.5))}
    nothing_left(weights, toolkit=TOOLKIT)
    context |= {"residual": True} if given["residual"] else {}
    if dropout := float(given.get("dropout", 0.0)):
        context |= {"dropout": dropout, "dropout_last": True}
    return {
        "sample_rate": SAMPLE_RATE,
        "features": given.get("features")
        or _features(stored.get("data", {}).get("audio", {}), len(tensors["predict.bias"])),
        "encoder": {"name": "identity"},
        "context": context,
        "layer": "c",
        "method": method,
    }, tensors


def _take_quantiser(weights: dict[str, Tensor], tensors: dict[str, Tensor], groups: list[int]) -> dict:
    """Move the weights of all groups from ``weights`` to ``tensors``; returns their sizes for the section."""
    for g in groups:
        for part in ("weight", "bias"):
            tensors[f"quantise.logits.{g}.{part}"] = take(weights, f"vq_layers.{g}.vq_logits.{part}", toolkit=TOOLKIT)
        tensors[f"quantise.books.{g}.weight"] = take(
            weights, f"vq_layers.{g}.codebook_CxE.weight", toolkit=TOOLKIT, axes=2
        )
    shapes = [tensors[f"quantise.books.{g}.weight"].shape for g in groups]
    return {"codes": tuple(shape[1] for shape in shapes), "code_dims": tuple(shape[0] for shape in shapes)}


def _said(stored: Mapping) -> dict:
    """What the configuration of a checkpoint says, by the names of ``KEYS``."""
    paras, task = stored.get("model", {}).get("paras", {}), stored.get("task", {})
    said = {key: paras[key] for key in ("residual", "dropout") if key in paras}
    said |= {"temperature": paras["vq"]["gumbel_temperature"]} if paras.get("vq") else {}
    return said | ({"shift": task["n_future"]} if "n_future" in task else {})


def _features(audio: Mapping, dim: int) -> dict:
    """Our section for s3prl's ``data.audio``."""
    kind, size = audio.get("feat_type", "fbank"), audio.get("feat_dim", dim)
    require(
        kind == "fbank" and size == dim,
        f"this {TOOLKIT} checkpoint was trained on {size} dimensions of '{kind}', and only a filter bank of the size "
        f"of its prediction ({dim}) has a counterpart; give the section 'features' yourself",
    )
    frame, shift = audio.get("frame_length", 25), audio.get("frame_shift", 10)
    section = kaldi_features(dim, hamming=True, frame_ms=frame, shift_ms=shift)
    return {**section, "cmvn": "utterance_unbiased" if audio.get("cmvn", True) else "none"}
