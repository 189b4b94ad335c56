"""Checkpoints of the original APC release (Chung et al. 2019, arXiv:1904.03240).

A plain state dict, as ``bs32-rhl3-rhs512-rd0-adam-res-ts3.pt``:

    prenet.layers.{i}.{weight,bias}       context.prenet.{i}.{weight,bias}      (none in the published ones)
    rnns.{l}.{name}_l0                    context.rnns.{l}.{name}_l0
    postnet.layer.{weight,bias}           predict.{weight,bias}                 (kernel 1; training only)

Sizes are read from the shapes. Whether layers are residual (``res``) and the shift n (``ts3``) stand in the file name
only; without one, residual as all published models are. The input is Kaldi's log-mel, normalised: give the section
``features`` where yours was another (the release normalises over speakers, here over utterances).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..core import require
from ..core.config import check_keys
from ._read import as_tensors, listed, read_checkpoint
from ._stack import nothing_left, numbers, take, take_recurrent

ABOUT = "APC as its authors released it: the published GRU models and those trained with that code"
TOOLKIT = "APC release"
SAMPLE_RATE = 16000  # Hz; the format does not store it
KEYS = ("residual", "shift", "features")


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """The representation of a checkpoint.

    Args:
        source: path of a checkpoint, or a state dict.
        config: ``residual`` (bool), ``shift`` (frames) and ``features`` (a section) where the file name does not say
            or the default is wrong.

    Returns:
        sections ``sample_rate``, ``features``, ``encoder``, ``context`` and ``layer`` of ours, and the weights.

    Raises:
        SonantError: unreadable or foreign file, missing or unexpected keys.
    """
    sections, tensors = convert_method(source, config)
    del sections["method"]
    return sections, {name: value for name, value in tensors.items() if not name.startswith("predict.")}


def convert_method(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """The same with the section ``method`` and the weights of an ``apc`` Method, to train on."""
    config = dict(config or {})
    check_keys(config, KEYS, f"the configuration of the {TOOLKIT} importer")
    weights, said = _open(source)
    context, tensors = take_recurrent(weights, "rnns", toolkit=TOOLKIT)
    for i in (layers := numbers(weights, r"prenet\.layers\.(\d+)\.")):
        for part in ("weight", "bias"):
            tensors[f"context.prenet.{i}.{part}"] = take(weights, f"prenet.layers.{i}.{part}", toolkit=TOOLKIT)
    tensors["predict.weight"] = take(weights, "postnet.layer.weight", toolkit=TOOLKIT, axes=3)[:, :, 0]
    tensors["predict.bias"] = take(weights, "postnet.layer.bias", toolkit=TOOLKIT)
    nothing_left(weights, toolkit=TOOLKIT)
    dim = len(tensors["predict.bias"])
    context |= {"prenet": len(layers)} if layers else {}
    if config.get("residual", said["residual"]):
        context |= {"residual": True, "residual_on": "equal"}
    features = {"name": "logmel", "n_mels": dim, "high_hz": 0.0, "snip_edges": True, "cmvn": "utterance"}
    return {
        "sample_rate": SAMPLE_RATE,
        "features": config.get("features", features),
        "encoder": {"name": "identity"},
        "context": context,
        "layer": "c",
        "method": {"name": "apc", "shift": int(config.get("shift", said["shift"]))},
    }, tensors


def _open(source: Any) -> tuple[dict[str, Tensor], dict]:
    """The state dict, and what the name of its file says: residual layers and the shift."""
    said: dict[str, Any] = {"residual": True, "shift": 1}
    if isinstance(source, Mapping):
        weights, where = as_tensors(source, "the state dict"), "the state dict"
    else:
        weights, where = as_tensors(read_checkpoint(source), str(source)), str(source)
        words = Path(source).stem.split("-")
        if shifts := [int(found[1]) for word in words if (found := re.fullmatch(r"ts(\d+)", word))]:
            said = {"residual": "res" in words, "shift": shifts[0]}
    require(
        any(key.startswith("rnns.") for key in weights),
        f"{where}: not an APC of the release: no 'rnns.*' among its keys ({listed(list(weights))})",
    )
    return weights, said
