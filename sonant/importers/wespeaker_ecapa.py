"""ECAPA-TDNN as wespeaker trains it (``ECAPA_TDNN[_GLOB]_c512`` and ``_c1024``): ``avg_model.pt``, ``model_<N>.pt``.

A plain state dict, or one under ``state_dict`` or ``model``; ``_ecapa`` has the table of names. The heads of training
(``projection.*``) are left out. Of the self-supervised models the encoder is taken: ``encoder.*`` (SimCLR),
``encoder_q.*`` (MoCo), ``t_model.*``, the teacher (DINO). Whether the attention sees the whole utterance (``GLOB``) and
whether a batch norm follows the vector is read from the weights. wespeaker returns (hidden, vector); ours is the
vector.

The features below are Kaldi's filter bank with a Hamming window on samples times 32768, minus the mean over time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..core import require
from ..core.config import check_keys
from ._ecapa import from_wespeaker, mels
from ._read import listed
from ._wespeaker import kaldi_fbank, open_wespeaker

ABOUT = "ECAPA-TDNN as wespeaker trains it: avg_model.pt, also of SimCLR, MoCo and DINO"
TOOLKIT = "wespeaker ECAPA"
KEYS = ("features", "sample_rate", "dilations")


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """The representation of a checkpoint.

    Args:
        source: path of a checkpoint, or what it holds.
        config: ``features`` (a section), ``sample_rate`` (Hz, 16000) and ``dilations`` where they are not the usual.

    Returns:
        sections ``sample_rate``, ``features``, ``encoder``, ``context``, ``embedding`` of ours, and the weights.

    Raises:
        SonantError: unreadable or foreign file, missing or unexpected keys.
    """
    given = dict(config or {})
    check_keys(given, KEYS, f"the configuration of the {TOOLKIT} importer")
    weights, names, where = open_wespeaker(source)
    require(
        "layer1.conv.weight" in weights,
        f"{where}: no {TOOLKIT} checkpoint: no 'layer1.conv.weight' among its keys ({listed(names)})",
    )
    encoder, embedding, tensors = from_wespeaker(weights, toolkit=TOOLKIT)
    encoder |= {"dilations": tuple(given["dilations"])} if "dilations" in given else {}
    return {
        "sample_rate": int(given.get("sample_rate", 16000)),
        "features": given.get("features") or kaldi_fbank(mels(tensors)),
        "encoder": encoder,
        "context": {"name": "identity"},
        "embedding": embedding,
    }, tensors
