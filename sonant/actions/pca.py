"""Principal components of a representation, as a layer of a new model folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..build import load, representation_of, save
from ..core import Representation, SonantError, require
from ..data.arrays import load_tensor
from ..data.sources import find_utterances
from ..evaluation.encode import encode_items, utterance_items
from ..nn.pca import fit
from .train import card_of

LAYER = "pca"


def add_pca(
    model: str | Path,
    source: str | Path | None,
    out: str | Path,
    *,
    dim: int | None = None,
    basis: str | Path | None = None,
    layer: str | None = None,
    device: str = "cpu",
    batch_seconds: float = 120.0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write ``model`` again with a layer ``pca``, its default: components of one of its layers.

    Args:
        model: what ``sonant.load`` takes, without such a layer.
        source: folder of audio, audio file, manifest folder or ``wav.scp`` to fit on; None with ``basis``.
        out: the model folder to write.
        dim: components to keep; with ``basis`` None or what it holds.
        basis: file with a (D, K) tensor to take in place of a fit (``pca_<K>.pt`` of scpc).
        layer: the layer to project; None: the model's default.
        device: where to encode.
        batch_seconds: audio per batch, padding included.
        progress: called with (done, all) after each utterance.

    Returns:
        Facts: ``layer``, ``dim``, ``frames`` and the ``share`` of the variance that is kept (None for a given basis).
    """
    representation = load(model, device=device)
    require(
        representation.projection is None, f"'{model}' has a layer '{LAYER}' already; fit on the model it was made from"
    )
    layer = layer or representation.default_layer
    in_dim = representation.dim_of(layer)
    require(layer in representation.layers, f"components are of frames, and '{layer}' is one vector per utterance")
    if basis is not None:
        basis_DK, share, frames = _given(Path(basis), in_dim=in_dim, dim=dim), None, None
    else:
        require(source is not None and dim is not None, "components are fitted on audio: give it, and their number dim")
        require(1 <= dim <= in_dim, f"the layer '{layer}' has {in_dim} dimensions, and dim is {dim}")
        found = fit(_frames(representation, Path(source), layer, batch_seconds, progress), dim)
        basis_DK, share, frames = found.basis_DK, found.share, found.frames
    facts = {"layer": layer, "dim": basis_DK.shape[1], "frames": frames, "share": share}
    _write(representation, Path(out), basis_DK, facts)
    return {"out": str(out), **facts}


def _frames(
    representation: Representation,
    source: Path,
    layer: str,
    batch_seconds: float,
    progress: Callable[[int, int], None] | None,
) -> Iterator[Tensor]:
    items = utterance_items(find_utterances(source), representation.sample_rate)

    def complain(key: str, error: SonantError) -> None:
        print(f"sonant: skipped {key}: {error}", file=sys.stderr)

    found = encode_items(representation, items, layer=layer, batch_seconds=batch_seconds, on_error=complain)
    for done, (_, x_TD) in enumerate(found, start=1):
        yield torch.from_numpy(x_TD)
        if progress is not None:
            progress(done, len(items))


def _given(path: Path, *, in_dim: int, dim: int | None) -> Tensor:
    require(path.is_file(), f"no file '{path}' with a basis")
    basis_DK = load_tensor(path).double()
    require(
        basis_DK.dim() == 2 and basis_DK.shape[0] == in_dim and dim in (None, basis_DK.shape[1]),
        f"'{path}' holds a tensor of shape {tuple(basis_DK.shape)}, expected ({in_dim}, {dim or 'components'})",
    )
    return basis_DK


def _write(representation: Representation, out: Path, basis_DK: Tensor, facts: dict[str, Any]) -> None:
    training = {**representation.config.get("training", {}), LAYER: facts}
    section = {"layer": facts["layer"], "dim": facts["dim"]}
    projected = representation_of({**representation.config, LAYER: section, "layer": LAYER, "training": training})
    state = {**representation.state_dict(), "projection.basis_DK": basis_DK.float()}
    projected.load_state_dict(state)
    save(projected, out, card=card_of(projected, training), training=training)
