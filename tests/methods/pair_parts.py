"""Models on plain arrays and batches of them, for the tests of methods that reconstruct features.

Letters: B examples, T frames, D channels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from sonant import build
from sonant.core import Batch, FrameGeometry, Method
from sonant.training import checkpoint

GEOMETRY = FrameGeometry(16000, hop=160, window=160)


def made(method: dict, *, dim: int, seed: int = 0, **sections) -> Method:
    """A method on arrays of ``dim`` channels; ``encoder`` and ``context`` default to identity."""
    torch.manual_seed(seed)
    config = {
        "features": {"name": "arrays", "dim": dim, "rate": 100},
        "encoder": "identity",
        "context": "identity",
        **sections,
    }
    return build.method_of(build.resolve({**config, "method": method}))


def batch(*frames: torch.Tensor, size: int | None = None, value: float = 7.0, other: Batch | None = None) -> Batch:
    """Sequences (T, D) side by side, padded to ``size`` frames with ``value``."""
    lengths = [len(x_TD) for x_TD in frames]
    x_BTD = torch.full((len(frames), size or max(lengths), frames[0].shape[1]), value)
    for row_TD, x_TD in zip(x_BTD, frames, strict=True):
        row_TD[: len(x_TD)] = x_TD
    return Batch(x_BTD, torch.tensor(lengths), GEOMETRY.sample_rate, geometry=GEOMETRY, other=other)


def noise(*lengths: int, dim: int, seed: int = 0) -> list[torch.Tensor]:
    """Standard normal sequences (T, D)."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, dim, generator=generator) for n in lengths]


def oracle(folder: Path, name: str) -> tuple[dict[str, torch.Tensor], dict[str, dict[str, torch.Tensor]]]:
    """Stored arrays and state dicts of one reference model."""
    with np.load(folder / "frame" / name / "arrays.npz", allow_pickle=False) as stored:
        arrays = {key: torch.from_numpy(stored[key]) for key in stored.files}
    return arrays, {path.stem: load_file(path) for path in (folder / "frame" / name).glob("*.safetensors")}


def fill(module: torch.nn.Module, tensors: dict[str, torch.Tensor], names: dict[str, str]) -> None:
    """Load weights stored under foreign names: ``names`` maps beginnings of ours to beginnings of theirs."""
    state = module.state_dict()
    for own in state:
        (ours,) = (prefix for prefix in names if own.startswith(prefix))
        state[own] = tensors[names[ours] + own.removeprefix(ours)]
    module.load_state_dict(state)


def released(folder: Path, method: dict) -> tuple[Method, dict, dict]:
    """A frame autoencoder with the stored weights, ReLU on its output as there, and the stored arrays and weights."""
    arrays, weights = oracle(folder, "frame_ae")
    encoder = {"name": "mlp", "dim": 10, "hidden": 24, "layers": 7, "linear_output": True}
    made_ = made({**method, "layers": 6, "hidden": 24, "output": "relu"}, dim=39, encoder=encoder)
    load_released(made_, weights["encoder"], weights["decoder"])
    return made_, arrays, weights


def load_released(method: Method, encoder: dict[str, torch.Tensor], decoder: dict[str, torch.Tensor]) -> None:
    """Load the stored weights of a frame autoencoder."""
    names = {f"linears.{i}.": f"encode_layers.{i}." for i in range(6)} | {"linears.6.": "feature_layer."}
    fill(method.encoder.local, encoder, names)
    fill(method.decode, decoder, {"linears.": "decode_layers."})


def run_of(method: Method, folder: Path) -> Path:
    """A run folder whose checkpoint holds the weights of ``method``."""
    payload = dict.fromkeys(checkpoint.NEEDED, None) | {"step": 1, "method": method.state_dict()}
    checkpoint.folder(folder).mkdir(parents=True)
    checkpoint.save(folder, payload, keep=1)
    return folder
