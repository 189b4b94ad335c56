"""What the checkpoints of s3prl share: the file around the weights, and the features below the model.

A training file ``states-<step>.ckpt`` holds the weights under one name or two (``model``; ``Transformer`` and
``SpecHead``) and beside them the optimiser, the step, the command line (an ``argparse.Namespace``) and the model's
configuration under one of three names: ``config``, ``Upstream_Config``, and in older files ``Config``, which newer ones
give to the settings of the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ..core import require
from ._read import as_mapping, as_tensors, listed, read_checkpoint

SAMPLE_RATE = 16000  # Hz; every model of the toolkit's own training
CONFIGS = ("config", "Upstream_Config", "Config")


def open_states(
    source: Any, *, parts: Sequence[str], section: str, bare: str
) -> tuple[dict[str, dict[str, Tensor]], dict]:
    """Weights and model configuration of a training file, or of a plain state dict.

    Args:
        source: path of a checkpoint, or what it holds.
        parts: names of its state dicts; the first must be there.
        section: what the model's configuration has and the run's has not (``model``, ``transformer``).
        bare: what the names of a plain state dict of the first part begin with.

    Returns:
        (state dicts by part, empty where the file has none; configuration, empty where it has none).

    Raises:
        SonantError: unreadable, or of another kind.
    """
    where = "the state dict" if isinstance(source, Mapping) else str(source)
    content = source if isinstance(source, Mapping) else read_checkpoint(Path(source))
    require(isinstance(content, Mapping), f"{where}: expected a mapping, found {type(content).__name__}")
    if isinstance(content.get(parts[0]), Mapping):
        states = {name: as_tensors(content.get(name) or {}, f"{where}, '{name}'") for name in parts}
        found = [as_mapping(content[name], f"{where}, '{name}'") for name in CONFIGS if content.get(name)]
        return states, next((config for config in found if section in config), {})
    require(
        any(str(key).startswith(bare) for key in content),
        f"{where}: no checkpoint of this kind: neither '{parts[0]}' nor '{bare}*' among its keys "
        f"({listed(list(content))})",
    )
    return {parts[0]: as_tensors(content, where), **{name: {} for name in parts[1:]}}, {}


def strictly(have: Mapping[str, Tensor], expected: Mapping[str, str], *, kind: str) -> dict[str, Tensor]:
    """The tensors under their new names, or an error that says what is missing or was not expected.

    Args:
        have: tensors by foreign name.
        expected: foreign name -> ours, for all that the architecture has.
        kind: what it is, for the message.
    """
    missing, strange = sorted(expected.keys() - have.keys()), sorted(have.keys() - expected.keys())
    for label, keys in (("lacks", missing), ("has unexpected", strange)):
        require(not keys, f"this checkpoint of {kind} {label} {listed(keys)}; is the file whole, and of {kind}?")
    return {ours: have[theirs] for theirs, ours in expected.items()}


def kaldi_features(dim: int, *, hamming: bool, frame_ms: float = 25, shift_ms: float = 10, cmvn: bool = True) -> dict:
    """The section ``features`` for log-mel energies of torchaudio's Kaldi front end on samples in [-1, 1].

    Args:
        dim: mel filters.
        hamming: Hamming instead of Povey window (apc, vq_apc, npc).
        frame_ms, shift_ms: window and hop in ms.
        cmvn: normalised per utterance, with the unbiased deviation, as the toolkit does.
    """
    return {
        "name": "logmel",
        "n_mels": dim,
        "frame_length": frame_ms / 1000,
        "frame_shift": shift_ms / 1000,
        "high_hz": 0.0,
        "window": "hamming" if hamming else "povey",
        "snip_edges": True,
        "scale": 1.0,
        "cmvn": "utterance_unbiased" if cmvn else "none",
    }
