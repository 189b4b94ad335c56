"""The model folder: what is published and loaded. Needs torch, numpy and safetensors only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from .errors import SonantError, require
from .files import write_atomically, write_json, write_text


def write_model_folder(folder: Path, *, config: Mapping, tensors: Mapping[str, Tensor], card: str) -> None:
    """Write ``model.safetensors``, ``config.json`` and, if given, the card ``README.md``, each atomically."""
    from safetensors.torch import save

    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    write_atomically(folder / "model.safetensors", lambda stream: stream.write(save(whole, {"format": "pt"})))
    write_json(folder / "config.json", config)
    if card:
        write_text(folder / "README.md", card)


def read_model_folder(folder: Path) -> tuple[dict, dict[str, Tensor]]:
    """(config, tensors) of a model folder. Raises SonantError when a file is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise SonantError(f"{folder / 'config.json'}: not readable as JSON ({error})") from None
    require(
        isinstance(config, dict) and "encoder" in config and "sample_rate" in config,
        f"{folder / 'config.json'}: not the description of a sonant model; "
        "a checkpoint of another toolkit becomes one with 'sonant import'",
    )
    weights = folder / "model.safetensors"
    require(weights.is_file(), f"{folder}: config.json is there but model.safetensors is not")
    try:
        return config, load_file(weights)
    except (SafetensorError, OSError) as error:
        raise SonantError(f"{weights}: damaged or not a safetensors file ({error}); copy or train it again") from None
