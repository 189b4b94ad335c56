"""Units of a representation: k-means on its frames within a budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..build import load
from ..core import Representation, check_device, require
from ..data.units import CENTROIDS, FACTS, Units, read_units, write_units
from ..evaluation.units import perplexity
from ._prints import print_of_data, print_of_model
from ._unit_clusters import SAVE_SECONDS, STATE, KMeansConfig, fit_clusters
from ._unit_frames import gather, rows_of
from .extract import items_of

FEATURES = "features"
SMALLEST_GB = 0.001


def fit_units(
    model: str | Path | Representation,
    data: str | Path,
    out: str | Path,
    *,
    k: int,
    memory_gb: float,
    layer: str | None = None,
    torchaudio_element: int | None = None,
    tries: int = 3,
    epochs: int = 20,
    tol: float = 1e-3,
    batch: int = 10_000,
    seed: int = 0,
    device: str = "cpu",
    batch_seconds: float = 120.0,
    strict: bool = False,
    overwrite_features: bool = False,
    overwrite_kmeans: bool = False,
    save_seconds: float = SAVE_SECONDS,
    progress: Callable[[str], Callable[[int, int], None]] = lambda label: lambda done, whole: None,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Write ``OUT/features`` (frames on disk) and ``OUT/k_<k>`` (centroids); what is there and still fits is kept.

    Units that are there are taken; else frames that are there; else frames are extracted. Units or frames of another
    model, layer, data, seed or of other settings are an error, never taken in silence.

    Args:
        model: what ``sonant.load`` takes, or a representation.
        data: folder of audio, audio file, manifest or ``wav.scp``; or arrays of the features that the model stands on.
        out: folder; one for each model, layer and data. Several ``k`` share the frames.
        k: how many units.
        memory_gb: budget in GB (10^9 bytes): the frames on disk are at most so many, of utterances in random order,
            and the memory for frames while fitting is a part of it.
        layer: None: the model's default.
        torchaudio_element: in its place, of models of the wav2vec 2.0 family: an element of the list that torchaudio's
            ``extract_features`` gives, counted from 0, as in conv_ssl: 6 is the output of the 7th block.
        tries, epochs, tol, batch: as ``KMeansConfig``.
        seed: of the order of utterances and of k-means.
        overwrite_features: extract and fit again.
        overwrite_kmeans: fit again.
        progress: given a label, a function of (done, all).
        tell: called with lines for people.

    Returns:
        Facts: ``k``, ``inertia`` (mean squared distance per frame), ``frames``, ``perplexity``, ``reused``, ...
    """
    cfg = KMeansConfig(k=k, tries=tries, epochs=epochs, tol=tol, batch=batch, seed=seed)
    require(memory_gb >= SMALLEST_GB, f"the budget is at least {SMALLEST_GB} GB, got {memory_gb:g}")
    check_device(device)
    representation = model if isinstance(model, Representation) else load(model, device=device)
    if torchaudio_element is not None:
        require(layer is None, "give a layer or an element of torchaudio's list, not both")
        layer = layer_of_element(representation, torchaudio_element)
    layer = layer or representation.default_layer
    require(
        layer in representation.layers, f"no layer '{layer}' of frames; there are {', '.join(representation.layers)}"
    )
    facts = {"model": print_of_model(representation), "layer": layer, "data": print_of_data(data), "seed": seed}
    mark = {**facts, "memory_gb": memory_gb, **asdict(cfg)}
    folder = Path(out) / f"k_{k}"
    if overwrite_kmeans or overwrite_features:
        for name in (FACTS, CENTROIDS, STATE):
            (folder / name).unlink(missing_ok=True)
    if (folder / FACTS).is_file():
        return _there(folder, mark)
    rows = rows_of(memory_gb, representation.dim_of(layer))
    options = {"batch_seconds": batch_seconds, "strict": strict, "overwrite": overwrite_features}
    items = items_of(representation, Path(data))
    cloud = gather(
        representation, items, Path(out) / FEATURES, layer=layer, rows=rows, facts=facts,
        progress=progress("frames"), **options,
    )  # fmt: skip
    rows = min(rows, cloud.rows)
    tell(f"{rows:,} frames of {layer}, {rows * cloud.dim * 4 / 1e9:.3g} GB")
    fitted = fit_clusters(
        cloud, cfg, rows=rows, folder=folder, mark=mark, budget=int(memory_gb * 1e9), device=device,
        save_seconds=save_seconds, progress=progress("k-means"), tell=tell,
    )  # fmt: skip
    told = {
        "model": "" if isinstance(model, Representation) else str(model),
        "layer": layer,
        "dim": cloud.dim,
        "geometry": asdict(representation.geometry),
        "rate": representation.geometry.rate,
        "k": k,
        "inertia": fitted.inertia,
        "frames": rows,
        "seconds_of_audio": rows / representation.geometry.rate,
        "perplexity": perplexity(fitted.frames_K.numpy()),
        "unused": int((fitted.frames_K == 0).sum()),
        "epochs": fitted.epochs,
        "seconds": round(fitted.seconds, 2),
        "skipped": cloud.skipped,
        "made_from": mark,
    }
    write_units(folder, Units(fitted.centroids_KD.numpy(), told))
    (folder / STATE).unlink(missing_ok=True)
    return {**told, "units": str(folder), "reused": False}


def layer_of_element(representation: Representation, element: int) -> str:
    """The layer that is ``element``, counted from 0, of what torchaudio's ``extract_features`` lists: its first is the
    output of the first block. Raises SonantError for models without such layers."""
    blocks = [name for name in representation.layers if name.startswith("layer_") and name != "layer_0"]
    require(
        "layer_0" in representation.layers and 0 <= element < len(blocks),
        f"torchaudio's list has no element {element} of this model: it has blocks of the wav2vec 2.0 family, counted "
        f"from 0, {len(blocks) if 'layer_0' in representation.layers else 0} of them; use --layer",
    )
    return blocks[element]


def _there(folder: Path, mark: dict[str, Any]) -> dict[str, Any]:
    """Facts of the units that are there, if they are what is asked for."""
    units = read_units(folder)
    known = units.facts.get("made_from", {})
    changed = [key for key in mark if known.get(key) != mark[key]]
    told = [f"{key} {known.get(key)!r}, now {mark[key]!r}" for key in changed]
    require(
        not changed,
        f"'{folder}' holds units that were fitted otherwise ({'; '.join(told)}); choose another OUT, or fit anew with "
        "--overwrite-kmeans (other features: --overwrite-features)",
    )
    return {**units.facts, "units": str(folder), "reused": True}
