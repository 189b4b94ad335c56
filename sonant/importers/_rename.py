"""What importers of residual and time-delay networks share: weights renamed by patterns, sizes read from shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..core import require
from ._read import as_tensors, read_checkpoint
from ._stack import nothing_left, numbers

STAGES = "encoder.local.stages"


def open_weights(source: Any, *, containers: Sequence[str]) -> tuple[dict[str, Tensor], str]:
    """(state dict, name for messages) of a checkpoint, or of what it holds, which may lie under one of ``containers``.

    What data-parallel training put before every name (``module.``) is taken off.
    """
    where = "the state dict" if isinstance(source, Mapping) else str(source)
    content = source if isinstance(source, Mapping) else read_checkpoint(source)
    require(isinstance(content, Mapping), f"{where}: expected a mapping, found {type(content).__name__}")
    inner = next((content[name] for name in containers if isinstance(content.get(name), Mapping)), content)
    return {key.removeprefix("module."): value for key, value in as_tensors(inner, where).items()}, where


def body_of(weights: Mapping[str, Tensor], bodies: Sequence[str]) -> dict[str, Tensor]:
    """The weights under the first of the prefixes ``bodies`` that occurs, without it; all of them where none does."""
    prefix = next((start for start in bodies if any(key.startswith(start) for key in weights)), "")
    return {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}


def renamed(weights: Mapping[str, Tensor], table: Mapping[str, str], *, toolkit: str) -> dict[str, Tensor]:
    """Every tensor by the name that the first matching pattern gives it, with the last part of its own.

    Args:
        weights: by foreign name, such as ``layer1.0.conv1.weight``.
        table: pattern of what comes before the last dot -> our name, in which ``\\1`` is the pattern's first group.
            Stages are counted from 1 there and from 0 here.

    Raises:
        SonantError: names that no pattern knows.
    """
    tensors, left = {}, {}
    for key, value in weights.items():
        path, _, part = key.rpartition(".")
        found = next(((match, ours) for theirs, ours in table.items() if (match := re.fullmatch(theirs, path))), None)
        if found is None:
            left[key] = value
            continue
        name = re.sub(r"stages\.(\d+)", lambda number: f"stages.{int(number[1]) - 1}", found[0].expand(found[1]))
        counter = part == "num_batches_tracked"  # averaged models have fractions there
        tensors[f"{name}.{part}"] = value.round().to(torch.int64) if counter else value
    nothing_left(left, toolkit=toolkit)
    return tensors


def resnet_sizes(tensors: Mapping[str, Tensor], *, toolkit: str) -> dict:
    """What the weights say of the section ``encoder``: base, blocks, squeeze."""
    stages = numbers(tensors, re.escape(STAGES) + r"\.(\d+)\.")
    blocks = [numbers(tensors, re.escape(f"{STAGES}.{stage}") + r"\.(\d+)\.") for stage in stages]
    require(
        "encoder.local.stem.weight" in tensors
        and stages == list(range(4))
        and all(found == list(range(len(found))) for found in blocks),
        f"this {toolkit} checkpoint should have a first convolution and four stages of blocks numbered without a gap",
    )
    gate = tensors.get(f"{STAGES}.3.0.squeeze.squeeze.weight")
    return {
        "name": "resnet34",
        "base": tensors["encoder.local.stem.weight"].shape[0],
        "blocks": tuple(len(found) for found in blocks),
        "squeeze": None if gate is None else gate.shape[1] // gate.shape[0],
    }
