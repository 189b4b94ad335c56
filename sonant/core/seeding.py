"""Randomness as a pure function of where in a run it is used.

Every random draw of training belongs to a path such as (seed, "negatives", step, example). Deriving
its seed from that path, and not from what was drawn before, makes batches independent of how many
processes share the work and lets a resumed run see what the uninterrupted one would have seen.
"""

from __future__ import annotations

import hashlib
import random

import numpy as np
import torch


def derive_seed(*path: int | str) -> int:
    """A 63-bit seed that depends on every element of ``path`` and on nothing else."""
    digest = hashlib.blake2b(repr(path).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(*path: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """A torch generator on ``device`` seeded by ``path``."""
    return torch.Generator(device=device).manual_seed(derive_seed(*path))


def numpy_generator(*path: int | str) -> np.random.Generator:
    """A NumPy generator seeded by ``path``."""
    return np.random.default_rng(derive_seed(*path))


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, NumPy and torch (initial weights, dropout)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def rng_state() -> dict:
    """The state of all global generators, for a checkpoint."""
    state = {"python": random.getstate(), "numpy": np.random.get_state(legacy=False), "torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def restore_rng_state(state: dict) -> None:
    """Undo everything drawn since ``rng_state`` returned ``state``."""
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
