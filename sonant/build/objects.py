"""From a checked configuration, or from what a model folder says, to fresh modules."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ..core import Featured, FrameGeometry, FrameModule, Method, Representation, require
from ..core.config import revive
from ..nn.dialogue import Dialogue, DialogueConfig
from ..nn.pca import PCA
from ..nn.pooling import Embedding, EmbeddingConfig
from .names import SECTION_OF, class_of, module_of
from .run_config import Component, RunConfig


def encoder_and_context(
    *, encoder: Component, context: Component, features: Component | None, sample_rate: int
) -> tuple[FrameModule, FrameModule]:
    """Fresh modules that fit each other: features below the encoder, the context above it."""
    source = FrameGeometry(sample_rate)
    below = None
    if features is not None:
        below = class_of("features", features.name)(features.config, source=source)
    local = class_of("encoders", encoder.name)(
        encoder.config, source=below.geometry if below else source, in_dim=below.dim if below else 1
    )
    whole = Featured(below, local) if below else local
    above = class_of("contexts", context.name)(context.config, source=whole.geometry, in_dim=whole.dim)
    return whole, above


def method_of(run: RunConfig) -> Method:
    """A fresh method (seed the global generators first: initial weights come from them)."""
    encoder, context = encoder_and_context(
        encoder=run.encoder, context=run.context, features=run.features, sample_rate=run.data.sample_rate
    )
    made = class_of("methods", run.method.name)
    if run.workers:
        source = FrameGeometry(run.data.sample_rate)
        of_frames = {"source": source, "geometry": context.geometry, "in_dim": context.dim}
        workers = {
            name: class_of("workers", worker.name)(worker.config, **of_frames) for name, worker in run.workers.items()
        }
        heads = torch.nn.ModuleDict(workers)
        return made(run.method.config, encoder=encoder, context=context, workers=heads)
    if run.dialogue is not None:
        require(
            made.converses, f"the method {run.method.name} learns from no dialogues and takes no section 'dialogue'"
        )
        require(run.embedding is None, "a configuration has a section 'dialogue' or a section 'embedding', not both")
        dialogue = Dialogue(run.dialogue, source=context.geometry, in_dim=context.dim)
        return made(run.method.config, encoder=encoder, context=context, dialogue=dialogue)
    if run.embedding is None:
        return made(run.method.config, encoder=encoder, context=context)
    require(made.embeds, f"the method {run.method.name} learns frames and takes no section 'embedding'")
    embedding = Embedding(run.embedding, in_dim=context.dim)
    return made(run.method.config, encoder=encoder, context=context, embedding=embedding)


def representation_of(model_config: Mapping) -> Representation:
    """A fresh representation from the architecture that ``config.json`` of a model folder describes."""
    parts: dict[str, Component | None] = {"features": None}
    for section in ("features", "encoder", "context"):
        stored = model_config.get(section)
        if stored is None:
            require(section == "features", f"the model's config.json lacks the section '{section}'")
            continue
        keys = {key: value for key, value in stored.items() if key != "name"}
        found = module_of(SECTION_OF[section], stored.get("name"))
        parts[section] = Component(stored["name"], revive(found.Config, keys, f"section '{section}' of the model"))
    encoder, context = encoder_and_context(**parts, sample_rate=int(model_config["sample_rate"]))
    embedding, projection, pca = None, None, model_config.get("pca")
    if pca is not None:
        below = encoder if pca["layer"] == "z" else context
        projection = PCA(source=below.geometry, in_dim=below.dim, dim=int(pca["dim"]))
    if model_config.get("embedding") is not None:
        cfg = revive(EmbeddingConfig, model_config["embedding"], "section 'embedding' of the model")
        embedding = Embedding(cfg, in_dim=context.dim)
    dialogue = None
    if model_config.get("dialogue") is not None:
        listens = revive(DialogueConfig, model_config["dialogue"], "section 'dialogue' of the model")
        dialogue = Dialogue(listens, source=context.geometry, in_dim=context.dim)
    return Representation(
        encoder=encoder,
        context=context,
        embedding=embedding,
        dialogue=dialogue,
        default_layer=model_config.get("layer", "c"),
        projection=projection,
        projected="c" if pca is None else pca["layer"],
        config=dict(model_config),
    )


def architecture(run: RunConfig) -> dict:
    """What ``config.json`` needs to rebuild the representation that a run trains."""
    resolved = run.plain()
    sections = ("features", "encoder", "context", "embedding", "dialogue", "layer")
    return {
        "sample_rate": run.data.sample_rate,
        **{key: resolved[key] for key in sections if resolved[key] is not None},
    }
