"""A picture of where utterances lie: their vectors in two dimensions by t-SNE (van der Maaten and Hinton 2008)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..build import load
from ..core import MissingExtra, Representation, check_device, require
from ..core.files import write_text
from ..data.manifest import Manifest
from ..evaluation.probes._classes import read_label_table
from ..evaluation.utterance_vectors import Pool, unit, utterance_vectors
from ..reports.scatter import scatter_svg
from .knn import LABELS, Label


def draw_map(
    model: str | Path | Representation,
    manifest: str | Path,
    out: str | Path,
    *,
    label: Label = "speaker",
    labels: str | Path | None = None,
    layer: str | None = None,
    pool: Pool = "mean",
    perplexity: float = 30.0,
    most: int = 5000,
    seed: int = 0,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, int]:
    """Write an SVG of the utterances of a manifest, coloured by what is known of them.

    Args:
        label, labels, layer, pool: as ``sonant.actions.knn.knn``.
        perplexity: about how many neighbours count (t-SNE); lowered for few utterances.
        most: utterances at the most, drawn by ``seed``.

    Returns:
        ``utterances`` drawn and ``classes``.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise MissingExtra("scikit-learn", "plot", "a map of embeddings by t-SNE") from None
    require(label in LABELS, f"label must be one of {', '.join(LABELS)}, got '{label}'")
    check_device(device)
    table = None if labels is None else read_label_table(labels)
    utterances = list(Manifest.open(manifest))
    said = {u.id: "/".join(table.get(u.id, ())) if table else getattr(u, label) or "unknown" for u in utterances}
    kept = np.random.default_rng(seed).permutation(len(utterances))[:most]
    representation = model if isinstance(model, Representation) else load(model, device=device)
    vectors = utterance_vectors(
        representation, [utterances[i] for i in sorted(kept)], layer=layer, pool=pool, progress=progress
    )
    require(len(vectors) >= 4, f"a map needs at least 4 utterances, there are {len(vectors)}")
    x_ND = np.stack([unit(x) for x in vectors.values()])
    near = min(perplexity, (len(x_ND) - 1) / 3)
    points = TSNE(perplexity=near, init="pca", random_state=seed, metric="cosine").fit_transform(
        x_ND.astype(np.float32)
    )
    names = [said[key] or "unknown" for key in vectors]
    write_text(out, scatter_svg(points, names, title=f"{len(names)} utterances by t-SNE"))
    return {"utterances": len(names), "classes": len(set(names))}
