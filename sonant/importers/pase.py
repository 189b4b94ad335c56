"""PASE and PASE+ of their authors: ``FE_e<epoch>.ckpt``, or ``weights_PASE-PASE-<step>.ckpt`` of a training run.

The file is a state dict of the encoder, plain or beside the optimiser under ``state_dict``. Names:

    theirs                                    ours, below ``encoder.``
    blocks.{i}.conv.low_hz_, band_hz_         blocks.0.sinc.low_hz, band_hz
    blocks.{i}.conv                           blocks.{i}.conv
    blocks.{i}.norm                           blocks.{i}.act.norm
    blocks.{i}.act.weight                     blocks.{i}.act.slope
    denseskips.{i}                            skips.{i}
    rnn                                       rnn
    W                                         linear
    norm_out                                  norm

Sizes are read from the shapes. Strides and the taps of the band-pass filters are in no weight: the configuration may be
the JSON file that the model was trained with (``frontend/PASE+.cfg``). Skips average as the authors' code does
(``skip_average: stretch``); vector quantisation, residual blocks, concatenated skips, dilations and the other front
ends of that code are refused. ``read_stats`` reads the means and deviations of the workers' targets beside a model.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core import SonantError, require
from ..core.config import check_keys
from ._pase import encoder_section, to_our_names
from ._read import listed
from ._rename import open_weights

ABOUT = "PASE and PASE+ of their authors: FE_e<epoch>.ckpt"
TOOLKIT = "PASE"
NAMES = {
    r"blocks\.0\.conv\.(low|band)_hz_": r"blocks.0.sinc.\1_hz",
    r"blocks\.(\d+)\.conv\.(weight|bias)": r"blocks.\1.conv.\2",
    r"blocks\.(\d+)\.norm\.(\w+)": r"blocks.\1.act.norm.\2",
    r"blocks\.(\d+)\.act\.weight": r"blocks.\1.act.slope",
    r"denseskips\.(\d+)\.weight": r"skips.\1.weight",
    r"rnn\.(.+)": r"rnn.\1",
    r"W\.(weight|bias)": r"linear.\1",
    r"norm_out\.(\w+)": r"norm.\1",
}
ONLY = {  # keys of the configuration -> the values that can be had
    "num_inputs": (1,),
    "norm_type": ("bnorm",),
    "pad_mode": ("reflect",),
    "activation": ("prelu", "PReLU", None),
    "densemerge": ("sum", None),
    "vq_K": (0, None),
    "tanh_out": (False, None),
    "resblocks": (False, None),
    "name": ("WaveFe", "", None),
}
FREE = ("vq_beta", "vq_gamma", "rnn_dropout", "rnn_bidir")  # nothing that shows when a model is used
TOLD = {  # keys of the configuration -> the key of ours that the weights tell
    "fmaps": "channels",
    "emb_dim": "dim",
    "rnn_layers": "rnn_layers",
    "norm_out": "output_norm",
}
TAKEN = ("kwidths", "strides", "dilations", "sr", "sincnet", "rnn_pool", "rnn_type", "rnn_dim", "denseskips")


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """The representation of a checkpoint.

    Args:
        source: path of a checkpoint, or what it holds.
        config: what its JSON file says, or some of it; left out: the published strides, 251 taps, 16 kHz.

    Returns:
        sections ``sample_rate``, ``encoder``, ``context`` of ours, and the weights.

    Raises:
        SonantError: unreadable or foreign file, missing or unexpected keys, a configuration that does not fit.
    """
    given = dict(config or {})
    check_keys(given, [*ONLY, *FREE, *TOLD, *TAKEN], f"the configuration of the {TOOLKIT} importer")
    for key, allowed in ONLY.items():
        require(
            given.get(key, allowed[0]) in allowed,
            f"this {TOOLKIT} model has '{key}' {given.get(key)!r}; only {allowed[0]!r} can be imported",
        )
    dilations = given.get("dilations") or [1]
    require(set(dilations) == {1}, f"this {TOOLKIT} model has dilations {dilations}; only 1 can be imported")
    weights, where = open_weights(source, containers=("state_dict",))
    require(
        any(key.startswith("blocks.0.conv") for key in weights),
        f"{where}: no encoder of {TOOLKIT}: no 'blocks.0.conv' among its keys ({listed(list(weights))}); give "
        "FE_e<epoch>.ckpt or weights_PASE-*.ckpt, not the file of a worker",
    )
    tensors = to_our_names(weights, NAMES, toolkit=TOOLKIT)
    widths = given.get("kwidths")
    encoder = encoder_section(
        tensors, strides=given.get("strides"), sinc_taps=widths[0] if widths else None, toolkit=TOOLKIT
    )
    _agree(given, encoder)
    encoder |= {} if encoder["skips"] == "none" else {"skip_average": "stretch"}
    sections = {"sample_rate": int(given.get("sr") or 16000), "encoder": encoder, "context": {"name": "identity"}}
    return sections, {f"encoder.{name}": value for name, value in tensors.items()}


def _agree(given: Mapping, encoder: Mapping) -> None:
    """Raise SonantError where the configuration says something else than the weights."""
    has = {theirs: encoder.get(ours) for theirs, ours in TOLD.items()}
    has |= {"sincnet": encoder["front"] == "sinc", "denseskips": encoder["skips"] != "none"}
    has |= {"rnn_pool": encoder["rnn"] != "none", "kwidths": encoder["kernels"]}
    if encoder["rnn"] != "none":
        has |= {"rnn_type": encoder["rnn"], "rnn_dim": encoder["rnn_dim"]}
    for key in given.keys() & has.keys():
        said = tuple(given[key]) if isinstance(given[key], list) else given[key]
        quiet = said is None or (has[key] is None and not has["rnn_pool"])
        require(
            quiet or said == has[key],
            f"the configuration of this {TOOLKIT} model says {key} {said}, its weights say {has[key]}; is it the "
            "configuration of this model?",
        )


def read_stats(path: str | Path) -> dict[str, dict[str, Tensor]]:
    """Means and deviations of targets by worker, ``{name: {mean: (D,), std: (D,)}}``: the file ``stats.pkl``.

    Their deviation is that over utterances of the deviations over time, 3 to 8 times smaller than the pooled one.
    Tensors are all that the file may make: whatever else it asks for is refused and not run.

    Raises:
        SonantError: no such file, a damaged one, one that asks for code, or other content.
    """
    try:
        with Path(path).open("rb") as stream:
            stats = _Tensors(stream, encoding="latin1").load()
    except SonantError as error:
        raise SonantError(f"{path}: refused, {error}; only tensors are taken from pickles") from None
    except OSError as error:
        raise SonantError(f"cannot read '{path}': {error.strerror}") from None
    except Exception as error:  # a damaged pickle raises nearly anything
        raise SonantError(f"{path}: damaged, or no pickle ({type(error).__name__}: {error})") from None
    fine = isinstance(stats, Mapping) and all(
        isinstance(part, Mapping) and {"mean", "std"} <= part.keys() and all(torch.is_tensor(v) for v in part.values())
        for part in stats.values()
    )
    require(fine, f"{path}: no statistics of {TOOLKIT}: expected a mean and a std, both tensors, for every worker")
    return {str(name): {key: part[key].float() for key in ("mean", "std")} for name, part in stats.items()}


class _Tensors(pickle.Unpickler):
    """Knows the three names that tensors are pickled with, and no other."""

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
            ("torch.storage", "_load_from_bytes"): _storage,
            ("collections", "OrderedDict"): OrderedDict,
        }
        if (module, name) not in known:
            raise SonantError(f"the file asks to run code ({module}.{name}) while being read")
        return known[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise SonantError("the file refers to objects outside itself")


def _storage(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
