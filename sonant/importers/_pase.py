"""What importers of PASE share: weights by our names, the section ``encoder`` from their shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from ..core import require
from ._stack import GATES, nothing_left, numbers

STRIDES = (1, 10, 2, 1, 2, 1, 2, 2)  # of every published model; no weight tells them
SINC_TAPS = 251  # the same


def to_our_names(weights: Mapping[str, Tensor], table: Mapping[str, str], *, toolkit: str) -> dict[str, Tensor]:
    """Weights of an encoder by our names, in our shapes.

    Args:
        weights: by foreign name.
        table: pattern of a whole name -> ours, in which ``\\1`` is the pattern's first group.

    Raises:
        SonantError: names that no pattern knows.
    """
    tensors, left = {}, {}
    for key, value in weights.items():
        found = next((match.expand(ours) for theirs, ours in table.items() if (match := re.fullmatch(theirs, key))), "")
        if not found:
            left[key] = value
        elif found.endswith("_hz"):
            tensors[found] = value.flatten()
        elif re.fullmatch(r"(linear|skips\.\d+)\.weight", found) and value.dim() == 3:
            tensors[found] = value[:, :, 0].contiguous()
        else:
            tensors[found] = value.round().to(torch.int64) if found.endswith("num_batches_tracked") else value
    nothing_left(left, toolkit=toolkit)
    return tensors


def encoder_section(
    tensors: Mapping[str, Tensor], *, strides: tuple[int, ...] | None, sinc_taps: int | None, toolkit: str
) -> dict:
    """The section ``encoder``, without what a toolkit's every model shares.

    Args:
        tensors: by our names.
        strides: of the blocks; None: the usual ones.
        sinc_taps: taps of the band-pass filters; None: the usual.

    Raises:
        SonantError: blocks with gaps, strides of another number, a layer of a kind that the encoder has not.
    """
    blocks = numbers(tensors, r"blocks\.(\d+)\.")
    require(
        blocks and blocks == list(range(len(blocks))) and "linear.weight" in tensors,
        f"this {toolkit} checkpoint should have blocks numbered without a gap and a last map, it has blocks "
        f"{blocks or 'none'}",
    )
    require(
        strides is not None or len(blocks) == len(STRIDES),
        f"this {toolkit} checkpoint has {len(blocks)} blocks, whose strides no weight tells; give them with --config",
    )
    sinc = "blocks.0.sinc.low_hz" in tensors
    taps = [0 if sinc and i == 0 else tensors[f"blocks.{i}.conv.weight"].shape[2] for i in blocks]
    skips = len(numbers(tensors, r"skips\.(\d+)\."))
    require(
        skips in (0, len(blocks) - 1, len(blocks)),
        f"this {toolkit} checkpoint has skips from {skips} of {len(blocks)} blocks; all, all but the last or none can "
        "be had",
    )
    slopes = [len(tensors[f"blocks.{i}.act.slope"]) for i in blocks]
    channels = tuple(len(tensors[f"blocks.{i}.act.norm.weight"]) for i in blocks)
    return {
        "name": "pase",
        "dim": tensors["linear.weight"].shape[0],
        "channels": channels,
        "kernels": ((sinc_taps or SINC_TAPS) if sinc else taps[0], *taps[1:]),
        "strides": tuple(strides or STRIDES),
        "front": "sinc" if sinc else "conv",
        "slopes": "one" if max(slopes) == 1 < max(channels) else "channel",
        "skips": {0: "none", len(blocks): "all"}.get(skips, "inner"),
        "output_norm": any(key.startswith("norm.") for key in tensors),
        **_recurrent(tensors, channels[-1], toolkit=toolkit),
    }


def _recurrent(tensors: Mapping[str, Tensor], in_dim: int, *, toolkit: str) -> dict:
    if "rnn.layers.0.linear.weight" in tensors:
        rows, columns = tensors["rnn.layers.0.linear.weight"].shape
        require(
            rows % 3 == 0 and columns == 2 * in_dim,
            f"this {toolkit} checkpoint has a QRNN of shape {rows} x {columns}, expected three gates over two frames "
            f"of {in_dim}",
        )
        return {"rnn": "qrnn", "rnn_dim": rows // 3, "rnn_layers": len(numbers(tensors, r"rnn\.layers\.(\d+)\."))}
    if "rnn.weight_hh_l0" in tensors:
        rows, units = tensors["rnn.weight_hh_l0"].shape
        kind = GATES.get(rows // units)
        require(
            kind in ("lstm", "gru") and "rnn.weight_hh_l0_reverse" in tensors,
            f"this {toolkit} checkpoint has a recurrent layer that is no LSTM or GRU of two directions",
        )
        layers = len(numbers(tensors, r"rnn\.weight_hh_l(\d+)$"))
        return {"rnn": kind, "rnn_dim": 2 * units, "rnn_layers": layers}
    return {"rnn": "none"}
