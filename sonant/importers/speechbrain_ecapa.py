"""ECAPA-TDNN as SpeechBrain trains it (``spkrec-ecapa-voxceleb`` and its like): ``embedding_model.ckpt``.

The file is a state dict; ``_ecapa`` has the table of names. Sizes are read from the shapes, dilations are 2, 3, 4.
The features below are SpeechBrain's ``Fbank``, whose numbers are in no checkpoint: 25 ms every 10 ms, zeros beyond the
ends, 80 filters, dB, the mean of the sentence taken off. The vector has no fixed length; score it by the cosine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..core import require
from ..core.config import check_keys
from ._ecapa import from_speechbrain, mels
from ._read import as_tensors, listed, read_checkpoint

ABOUT = "ECAPA-TDNN as SpeechBrain trains it: embedding_model.ckpt, or the folder with it"
TOOLKIT = "SpeechBrain ECAPA"
FILE = "embedding_model.ckpt"
KEYS = ("features", "sample_rate", "dilations")


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """The representation of a checkpoint.

    Args:
        source: path of a checkpoint, of the folder of a pretrained model, or a state dict.
        config: ``features`` (a section), ``sample_rate`` (Hz, 16000) and ``dilations`` where they are not the usual.

    Returns:
        sections ``sample_rate``, ``features``, ``encoder``, ``context``, ``embedding`` of ours, and the weights.

    Raises:
        SonantError: unreadable or foreign file, missing or unexpected keys.
    """
    given = dict(config or {})
    check_keys(given, KEYS, f"the configuration of the {TOOLKIT} importer")
    if not isinstance(source, Mapping) and Path(source).is_dir():
        source = Path(source) / FILE
    where = "the state dict" if isinstance(source, Mapping) else str(source)
    weights = as_tensors(source if isinstance(source, Mapping) else read_checkpoint(source), where)
    require(
        any(key.startswith("blocks.") for key in weights),
        f"{where}: no {TOOLKIT} checkpoint: no 'blocks.*' among its keys ({listed(list(weights))}); give {FILE}, "
        "not the classifier or the normaliser beside it",
    )
    encoder, embedding, tensors = from_speechbrain(weights, toolkit=TOOLKIT)
    encoder |= {"dilations": tuple(given["dilations"])} if "dilations" in given else {}
    sections = {
        "sample_rate": int(given.get("sample_rate", 16000)),
        "features": given.get("features") or {"name": "speechbrain_fbank", "n_mels": mels(tensors)},
        "encoder": encoder,
        "context": {"name": "identity"},
    }
    return sections | ({"embedding": embedding} if embedding else {}), tensors
