"""The encoder of the PASE recipe for SpeechBrain: ``encoder.ckpt`` in a folder of its checkpoints.

The file is a state dict. Names:

    theirs                                          ours, below ``encoder.``
    conv_blocks.0.conv_layer.low_hz_, band_hz_      blocks.0.sinc.low_hz, band_hz
    conv_blocks.{i}.conv_layer.conv                 blocks.{i}.conv
    conv_blocks.{i}.norm_layer.norm                 blocks.{i}.act.norm
    conv_blocks.{i}.activation.weight               blocks.{i}.act.slope
    skip_conns.{i}.conv                             skips.{i}
    qrnn_block                                      rnn
    final_conv_block.conv                           linear
    final_norm_layer.norm                           norm

Its skips mix channels where they should average over time; weights that were trained so need it
(``skip_average: legacy``, the default here).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..core import require
from ..core.config import check_keys
from ._pase import encoder_section, to_our_names
from ._read import listed
from ._rename import open_weights

ABOUT = "PASE as its SpeechBrain recipe trains it: encoder.ckpt, or the folder with it"
TOOLKIT = "SpeechBrain PASE"
FILE = "encoder.ckpt"
KEYS = ("sample_rate", "blocks_strides", "blocks_kernel_sizes", "skip_average")
NAMES = {
    r"conv_blocks\.0\.conv_layer\.(low|band)_hz_": r"blocks.0.sinc.\1_hz",
    r"conv_blocks\.(\d+)\.conv_layer\.conv\.(weight|bias)": r"blocks.\1.conv.\2",
    r"conv_blocks\.(\d+)\.norm_layer\.norm\.(\w+)": r"blocks.\1.act.norm.\2",
    r"conv_blocks\.(\d+)\.activation\.weight": r"blocks.\1.act.slope",
    r"skip_conns\.(\d+)\.conv\.weight": r"skips.\1.weight",
    r"qrnn_block\.(.+)": r"rnn.\1",
    r"final_conv_block\.conv\.(weight|bias)": r"linear.\1",
    r"final_norm_layer\.norm\.(\w+)": r"norm.\1",
}


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """The representation of a checkpoint.

    Args:
        source: path of a checkpoint, of a folder with ``encoder.ckpt``, or a state dict.
        config: ``sample_rate`` (Hz), ``blocks_strides`` and ``blocks_kernel_sizes`` (of the first block) where they are
            not the recipe's own; ``skip_average: mean`` for weights trained with real averages.

    Returns:
        sections ``sample_rate``, ``encoder``, ``context`` of ours, and the weights.

    Raises:
        SonantError: unreadable or foreign file, missing or unexpected keys.
    """
    given = dict(config or {})
    check_keys(given, KEYS, f"the configuration of the {TOOLKIT} importer")
    if not isinstance(source, Mapping) and Path(source).is_dir():
        source = Path(source) / FILE
    weights, where = open_weights(source, containers=("state_dict",))
    require(
        any(key.startswith("conv_blocks.0.") for key in weights),
        f"{where}: no encoder of {TOOLKIT}: no 'conv_blocks.0.*' among its keys ({listed(list(weights))}); give "
        f"{FILE}, not the file of a worker or optimiser beside it",
    )
    tensors = to_our_names(weights, NAMES, toolkit=TOOLKIT)
    blocks = sum(key.endswith(".act.slope") for key in tensors)
    strides, taps = given.get("blocks_strides"), given.get("blocks_kernel_sizes")
    encoder = encoder_section(
        tensors,
        strides=tuple(strides[:blocks]) if strides else None,  # the recipe counts the last map among them
        sinc_taps=taps[0] if taps else None,
        toolkit=TOOLKIT,
    )
    encoder |= {"padding": "centred", "slopes": "one"}
    encoder |= {} if encoder["skips"] == "none" else {"skip_average": given.get("skip_average", "legacy")}
    sections = {"sample_rate": int(given.get("sample_rate", 16000)), "encoder": encoder}
    return sections | {"context": {"name": "identity"}}, {f"encoder.{name}": value for name, value in tensors.items()}
