"""Starting from the weights of an earlier run or model."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ..core import Method, require
from ..core.model_files import read_model_folder
from . import checkpoint

BODY = ("encoder.", "context.", "embedding.", "dialogue.")


def warm_start(method: Method, source: str | Path) -> int:
    """Copy into ``method`` what an earlier run or model has of it; returns how many tensors that are.

    Args:
        source: a run folder, whose newest checkpoint is taken with its heads and decoders (its averaged weights,
            where it keeps an average), or a model folder, which has encoder, context and embedding only.

    Raises:
        SonantError: nothing there, or an encoder or a context of another architecture. Heads that differ stay fresh.
    """
    given, own = _weights(Path(source)), method.state_dict()
    fitting = {key: given[key] for key in own.keys() & given.keys() if given[key].shape == own[key].shape}
    strange = sorted(key for key in own.keys() - fitting.keys() if key.startswith(BODY) and key in given)
    missing = sorted(key for key in own.keys() - given.keys() if key.startswith(("encoder.", "context.")))
    for label, keys in (("other shapes for", strange), ("nothing for", missing)):
        require(
            not keys,
            f"train.init: '{source}' has {label} {', '.join(keys[:3])}{' ...' if len(keys) > 3 else ''}; encoder and "
            "context must be configured as they were there",
        )
    method.load_state_dict(fitting, strict=False)
    return len(fitting)


def _weights(source: Path) -> dict[str, Tensor]:
    path, _ = checkpoint.latest(source)
    if path is not None:
        saved = checkpoint.read(path)
        return saved["average"] or saved["method"]
    folder = source / "model" if (source / "model" / "config.json").is_file() else source
    require(
        (folder / "config.json").is_file(),
        f"train.init: no run with a checkpoint and no model folder at '{source}'",
    )
    return dict(read_model_folder(folder)[1])
