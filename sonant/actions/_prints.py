"""Fingerprints of a model and of data, by which stored frames and centroids are known to be of them."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from ..core import Representation
from ..data.arrays import holds_arrays
from ..data.sources import find_utterances
from ._fingerprint import fingerprint

ARCHITECTURE = ("sample_rate", "features", "encoder", "context", "pca")


def print_of_model(representation: Representation) -> str:
    """Architecture and weights, wherever they lie."""
    config = {key: representation.config.get(key) for key in ARCHITECTURE}
    digest = hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode())
    for name, tensor in sorted(representation.state_dict().items()):
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(dtype=_bytes()).numpy().data)
    return digest.hexdigest()[:16]


def print_of_data(source: str | Path) -> str:
    """Names and places of the utterances, sizes and times of change of their files; of arrays, their files."""
    if holds_arrays(source):
        told = json.dumps(fingerprint(source), sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]
    digest, known = hashlib.sha256(), {}
    for u in find_utterances(source):
        if u.path not in known:
            try:
                facts = os.stat(u.path)
                known[u.path] = f"{facts.st_size} {facts.st_mtime_ns}"
            except OSError:
                known[u.path] = "missing"
        digest.update(f"{u.id}\0{u.start}\0{u.duration}\0{u.channel}\0{known[u.path]}\n".encode())
    return digest.hexdigest()[:16]


def _bytes():
    import torch

    return torch.uint8
