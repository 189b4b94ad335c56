"""ResNet34 as wespeaker trains it: ``avg_model.pt``, ``model_<N>.pt``.

A plain state dict, or one under ``state_dict`` or ``model``. Of self-supervised models the encoder is taken:
``encoder.*`` (SimCLR), ``encoder_q.*`` (MoCo), ``t_model.*``, the teacher (DINO); heads of training (``projection.*``,
``projection_head.*``, ``mlp.*``) are left out.

    conv1, bn1                           encoder.local.stem, .stem_norm
    layer{s}.{b}.{conv1,bn1,conv2,bn2}   encoder.local.stages.{s-1}.{b}.{conv1,norm1,conv2,norm2}
    layer{s}.0.shortcut.{0,1}            encoder.local.stages.{s-1}.0.{shortcut,shortcut_norm}
    seg_1                                embedding.linear
    seg_bn_1, seg_2                      embedding.between, .second       (models of two embeddings; the second is ours)

Pooled are mean and deviation over time. Sizes are read from the shapes, strides are 1, 2, 2, 2. The features below are
Kaldi's filter bank with a Hamming window on samples times 32768, minus the mean over time. Bottleneck networks
(ResNet50 and larger) have no counterpart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..core import require
from ..core.config import check_keys
from ._read import listed
from ._rename import STAGES, renamed, resnet_sizes
from ._wespeaker import kaldi_fbank, open_wespeaker

ABOUT = "ResNet34 as wespeaker trains it: avg_model.pt, also of SimCLR, MoCo and DINO"
TOOLKIT = "wespeaker ResNet"
KEYS = ("features", "sample_rate")
TABLE = {
    "conv1": "encoder.local.stem",
    "bn1": "encoder.local.stem_norm",
    r"layer(\d+)\.(\d+)\.conv([12])": r"encoder.local.stages.\1.\2.conv\3",
    r"layer(\d+)\.(\d+)\.bn([12])": r"encoder.local.stages.\1.\2.norm\3",
    r"layer(\d+)\.(\d+)\.shortcut\.0": r"encoder.local.stages.\1.\2.shortcut",
    r"layer(\d+)\.(\d+)\.shortcut\.1": r"encoder.local.stages.\1.\2.shortcut_norm",
    "seg_1": "embedding.linear",
    "seg_bn_1": "embedding.between",
    "seg_2": "embedding.second",
}


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """The representation of a checkpoint.

    Args:
        source: path of a checkpoint, or what it holds.
        config: ``features`` (a section) and ``sample_rate`` (Hz, 16000) where they are not the usual.

    Returns:
        sections ``sample_rate``, ``features``, ``encoder``, ``context``, ``embedding`` of ours, and the weights.

    Raises:
        SonantError: unreadable or foreign file, missing or unexpected keys.
    """
    given = dict(config or {})
    check_keys(given, KEYS, f"the configuration of the {TOOLKIT} importer")
    own, names, where = open_wespeaker(source)
    require(
        "layer1.0.conv1.weight" in own and "seg_1.weight" in own,
        f"{where}: no {TOOLKIT} checkpoint: no 'layer1.0.conv1.weight' and 'seg_1.weight' among its keys "
        f"({listed(names)})",
    )
    require(
        "layer1.0.conv3.weight" not in own,
        f"{where}: a network of bottleneck blocks (ResNet50 or larger), of which there is none here; ResNet34 is",
    )
    tensors = renamed(own, TABLE, toolkit=TOOLKIT)
    encoder = resnet_sizes(tensors, toolkit=TOOLKIT)
    channels = tensors[f"{STAGES}.3.0.conv1.weight"].shape[0]
    out, pooled = tensors["embedding.linear.weight"].shape
    return {
        "sample_rate": int(given.get("sample_rate", 16000)),
        "features": given.get("features") or kaldi_fbank(pooled // (2 * channels) * 8),
        "encoder": {
            **encoder,
            "strides": (1, 2, 2, 2),
            "stem_kernel": 3,
            "stem_stride": 1,
            "order": "conv_norm_relu",
            "frequency": "flatten",
        },
        "context": {"name": "identity"},
        "embedding": {
            "pool": "statistics",
            "deviation": "unbiased",
            "floor": 1e-7,
            "floor_by": "add",
            "dim": out,
            "layers": 2 if "embedding.second.weight" in tensors else 1,
        },
    }, tensors
