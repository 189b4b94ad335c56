"""What a model is, in figures."""

from __future__ import annotations

from pathlib import Path

from ..build import load
from ..core import Featured, Representation
from ..evaluation.encode import stands_on_arrays
from ..evaluation.reach import measured_reach


def describe(model: str | Path | Representation, *, verify: bool = False) -> dict:
    """Parameters, sizes, rate, receptive field, look-ahead, layers and training data of a representation.

    Times are in milliseconds; ``None`` for anything called ``context``, ``past`` or ``look_ahead`` means the whole
    utterance. ``width`` is the context network's alone: features that are normalised by utterance make the context the
    whole utterance, however narrow the network. ``embedding_dim`` is the size of the vector of an utterance, None for
    models without one; ``dialogue_rate_hz`` likewise the frames per second of what a model of dialogue says, and
    ``dialogue`` what it listens to and foretells (``dialogue_facts``).
    ``feat_size``, ``output_size``, ``downsampling_factor`` and ``num_params`` are what scpc-info tells.

    Args:
        verify: measure past and future by gradient too, as ``measured`` (frames) and ``verified`` (whether equal).
    """
    representation = model if isinstance(model, Representation) else load(model)
    geometry = representation.geometry
    hop_ms = 1000 * geometry.hop / geometry.sample_rate
    past, future = representation.reach
    context = None if past is None or future is None else past + 1 + future
    own = representation.context.past, representation.context.future
    width = None if None in own else own[0] + 1 + own[1]
    local_ahead = geometry.window + geometry.offset - geometry.hop
    facts = {
        "model": str(model) if not isinstance(model, Representation) else representation.config.get("name", ""),
        "input_dim": representation.encoder.features.dim if isinstance(representation.encoder, Featured) else 1,
        "parameters": sum(p.numel() for p in representation.parameters()),
        "sample_rate": geometry.sample_rate,
        "frame_rate_hz": geometry.rate,
        "hop_ms": hop_ms,
        "downsampling": geometry.hop,
        "local_window_ms": 1000 * geometry.window / geometry.sample_rate,
        "context_frames": context,
        "context_ms": None if context is None else context * hop_ms,
        "width_frames": width,
        "width_ms": None if width is None else width * hop_ms,
        "context_past_frames": past,
        "context_past_ms": None if past is None else past * hop_ms,
        "look_ahead_frames": future,
        "look_ahead_ms": None
        if future is None
        else future * hop_ms + max(0.0, 1000 * local_ahead / geometry.sample_rate),
        "layers": {layer: representation.dim_of(layer) for layer in representation.layers},
        "embedding_dim": None if representation.embedding is None else representation.embedding.dim,
        "dialogue_rate_hz": None if representation.dialogue is None else representation.dialogue.geometry.rate,
        "dialogue": dialogue_facts(representation),
        "default_layer": representation.default_layer,
        "training": representation.config.get("training", {}),
    }
    facts |= {
        "feat_size": facts["input_dim"],
        "output_size": representation.dim,
        "downsampling_factor": geometry.hop,
        "num_params": facts["parameters"],
    }
    if verify:
        measured = measured_reach(representation)
        facts |= {"measured": measured, "verified": measured == (past, future)}
    return facts


def dialogue_facts(representation: Representation) -> dict | None:
    """What a model of dialogue listens to, is told and foretells; None for other models.

    ``channels`` of audio, ``told`` (``activity``, ``history``), ``rate_hz``, ``projection`` and its ``outputs`` a
    frame, ``bins_s`` (seconds of each bin of the future), ``width_frames`` that a frame of a layer sees (None: the
    whole past), and ``units``, how many a model on units knows.
    """
    if representation.dialogue is None:
        return None
    cfg = representation.dialogue.cfg
    return {
        "channels": cfg.channels,
        "told": [name for name in ("activity", "history") if getattr(cfg, name)],
        "rate_hz": representation.dialogue.geometry.rate,
        "projection": cfg.projection,
        "outputs": cfg.outputs,
        "bins_s": list(cfg.bins_s),
        "width_frames": cfg.width,
        **({"units": representation.encoder.features.dim} if stands_on_arrays(representation) else {}),
    }
