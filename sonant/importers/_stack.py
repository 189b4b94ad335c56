"""What importers of recurrent models share: taking weights out of a state dict by name until none is left."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from ..core import require
from ._read import listed

GATES = {4: "lstm", 3: "gru", 1: "rnn"}  # rows of weight_hh per unit
PARTS = tuple(f"{part}_{way}_l0" for part in ("weight", "bias") for way in ("ih", "hh"))


def take(weights: dict[str, Tensor], key: str, *, toolkit: str, axes: int | None = None) -> Tensor:
    """Remove and return ``weights[key]``. Raises SonantError when it is missing or has another number of axes."""
    require(key in weights, f"this {toolkit} checkpoint lacks {key}; is the file whole, and of that code?")
    value = weights.pop(key)
    require(
        axes is None or value.dim() == axes,
        f"this {toolkit} checkpoint has {key} of shape {tuple(value.shape)}, expected {axes} axes",
    )
    return value


def numbers(weights: Mapping[str, Tensor], pattern: str) -> list[int]:
    """The numbers that the group of ``pattern`` takes among the names, sorted."""
    return sorted({int(found[1]) for key in weights if (found := re.match(pattern, key))})


def take_recurrent(weights: dict[str, Tensor], prefix: str, *, toolkit: str) -> tuple[dict, dict[str, Tensor]]:
    """Remove ``<prefix>.<l>.weight_ih_l0`` and its like; returns the section ``context`` and the native weights."""
    layers = numbers(weights, re.escape(prefix) + r"\.(\d+)\.")
    require(
        layers and layers == list(range(len(layers))),
        f"this {toolkit} checkpoint should have {prefix}.0, {prefix}.1 .. without a gap, it has {layers}",
    )
    tensors = {
        f"context.rnns.{layer}.{part}": take(weights, f"{prefix}.{layer}.{part}", toolkit=toolkit)
        for layer in layers
        for part in PARTS
    }
    return recurrent_section(tensors, toolkit=toolkit), tensors


def recurrent_section(tensors: Mapping[str, Tensor], *, toolkit: str) -> dict:
    """The section ``context`` (kind, width, layers) that native recurrent weights need."""
    state = tensors["context.rnns.0.weight_hh_l0"]
    gates = state.shape[0] // state.shape[1] if state.dim() == 2 and state.shape[0] % state.shape[1] == 0 else 0
    require(gates in GATES, f"the recurrent weights of this {toolkit} checkpoint are of no LSTM, GRU or RNN")
    layers = numbers(tensors, r"context\.rnns\.(\d+)\.")
    return {"name": GATES[gates], "dim": state.shape[1], "layers": len(layers)}


def nothing_left(weights: Mapping[str, Tensor], *, toolkit: str) -> None:
    """Raise SonantError when a name was not taken."""
    require(
        not weights,
        f"this {toolkit} checkpoint has unexpected {listed(sorted(weights))}; is it of that code, and which model?",
    )
