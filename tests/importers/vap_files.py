"""Oracles of voice activity projection, and checkpoints as Lightning writes them."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import torch
from safetensors.torch import load_file


def oracle(folder, name):
    """(path of the weights, arrays by name)."""
    arrays = np.load(folder / "conversation" / f"{name}.npz")
    return folder / "conversation" / f"{name}.safetensors", {key: torch.from_numpy(arrays[key]) for key in arrays}


def weights_of(folder, name):
    return load_file(folder / "conversation" / f"{name}.safetensors")


def save_with_objects(path, content, monkeypatch, **values):
    """``content`` with ``hyper_parameters`` of an object whose class is gone when the file is read."""
    module = ModuleType("vap_training_script")

    class VapConfig:
        pass

    VapConfig.__module__, VapConfig.__qualname__ = module.__name__, "VapConfig"
    module.VapConfig = VapConfig
    monkeypatch.setitem(sys.modules, module.__name__, module)
    conf = VapConfig()
    conf.__dict__.update(values)
    torch.save({**content, "hyper_parameters": {"conf": conf}}, path)
    monkeypatch.delitem(sys.modules, module.__name__)


def close(found, wanted, atol):
    torch.testing.assert_close(found, wanted, atol=atol, rtol=0)
