"""A run's configuration: read, merged and checked, with the nearest known key for every one that is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from ..core import require, unknown
from ..core.config import check_keys, plain, read_config, typed
from ..data.array_pool import size_of_arrays
from ..data.augment.config import AugmentConfig
from ..data.config import DataConfig
from ..nn.dialogue import DialogueConfig
from ..nn.pooling import EmbeddingConfig
from ..training.config import OptimConfig, TrainConfig
from .names import SECTION_OF, class_of, module_of, names

LOGGED = ("loss", "grad_norm", "lr", "encoder_lr", "step", "seconds", "cpu_seconds", "kind")  # names in metrics.jsonl


@dataclass(frozen=True)
class EvalConfig:
    """Scores while training, every ``train.eval_every`` steps: ABX on a small item file, trials. Section ``eval``."""

    abx_items: str | None = None  # item file; null: no ABX while training
    abx_audio: str | None = None  # folder that holds the audio the items name
    abx_speaker: Literal["within", "across"] = "across"
    trials: str | None = None  # list of trials; null: no verification while training
    trials_audio: str | None = None  # folder or manifest with the audio of the trials


@dataclass(frozen=True)
class Component:
    """A named file of a layer with its configuration."""

    name: str
    config: Any


@dataclass(frozen=True)
class RunConfig:
    """A whole configuration, checked. ``features`` is None when the encoder reads the waveform."""

    encoder: Component
    context: Component
    method: Component
    features: Component | None
    embedding: EmbeddingConfig | None
    data: DataConfig
    optim: OptimConfig
    train: TrainConfig
    eval: EvalConfig
    layer: str = "c"  # the layer that the trained representation returns by default
    about: str = ""
    augment: AugmentConfig = AugmentConfig()
    workers: Mapping[str, Component] = dataclasses.field(default_factory=dict)  # of the method, by what they are called
    dialogue: DialogueConfig | None = None

    def plain(self) -> dict:
        """The resolved configuration as nested dictionaries: what ``config.yaml`` of a run holds."""
        sections = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        workers = {name: _plain(worker) for name, worker in sections.pop("workers").items()}
        return {key: _plain(value) for key, value in sections.items()} | ({"workers": workers} if workers else {})


def _plain(value: Any) -> Any:
    return {"name": value.name, **plain(value.config)} if isinstance(value, Component) else plain(value)


def resolve(config: str | Path | Mapping, overrides: Sequence[tuple[str, str]] = ()) -> RunConfig:
    """Read, merge and check a configuration. Raises SonantError naming section, key and nearest known key."""
    given = dict(config) if isinstance(config, Mapping) else read_config(config, overrides)
    check_keys(given, [field.name for field in dataclasses.fields(RunConfig)], "the configuration")
    for section in ("encoder", "context", "method"):
        require(
            section in given,
            f"the configuration lacks the section '{section}': give it a name, as in {section}: {{name: ...}}",
        )
    data = typed(DataConfig, given.get("data"), "section 'data'")
    method = component("method", given["method"])
    workers = _workers(given.get("workers"), method.name)
    augment = typed(AugmentConfig, given.get("augment"), "section 'augment'")
    require(
        not workers or not augment.changes or augment.keep_clean,
        "the workers' targets come from the clean audio: set augment.keep_clean: true",
    )
    features = _measured(component("features", given["features"]), data) if given.get("features") else None
    return RunConfig(
        encoder=component("encoder", given["encoder"]),
        context=component("context", given["context"]),
        method=method,
        features=features,
        embedding=typed(EmbeddingConfig, given["embedding"], "section 'embedding'") if given.get("embedding") else None,
        data=data,
        optim=typed(OptimConfig, given.get("optim"), "section 'optim'"),
        train=typed(TrainConfig, given.get("train"), "section 'train'"),
        eval=typed(EvalConfig, given.get("eval"), "section 'eval'"),
        layer=str(given.get("layer", "c")),
        about=str(given.get("about", "")),
        augment=augment,
        workers=workers,
        dialogue=None if given.get("dialogue") is None else _dialogue(given["dialogue"], features),
    )


def _workers(given: Any, method: str) -> dict[str, Component]:
    """Each worker under its name in the configuration; null takes away one that was inherited."""
    given = {} if given is None else given
    require(isinstance(given, Mapping), f"section 'workers' must be a mapping of names to settings, got {given!r:.80}")
    wanted = {str(name): settings for name, settings in given.items() if settings is not None}
    if not getattr(class_of("methods", method), "takes_workers", False):
        require(not wanted, f"the method {method} takes no section 'workers'; leave it out, or use method: pase")
        return {}
    known = names("workers")
    require(
        wanted,
        f"the method {method} needs the section 'workers', such as workers: {{waveform: {{}}, lim: {{}}}}; there are "
        f"{', '.join(known)}",
    )
    made = {}
    for name, settings in wanted.items():
        require(
            name.isidentifier() and not hasattr(torch.nn.ModuleDict, name) and name not in LOGGED,
            f"a worker cannot be called '{name}': choose a word of letters, digits and _ and give the worker by its "
            f"'name', as in my_{name if name.isidentifier() else 'worker'}: {{name: lps}}",
        )
        require(
            isinstance(settings, Mapping),
            f"section 'workers', worker '{name}' must be a mapping of its settings ({{}} for the defaults), got "
            f"{settings!r:.80}",
        )
        kind = str(settings.get("name", name))
        if kind not in known:
            raise unknown("worker", kind, known)
        keys = {key: value for key, value in settings.items() if key != "name"}
        cfg = typed(module_of("workers", kind).Config, keys, f"section 'workers', worker '{name}' ({kind})")
        made[name] = Component(kind, cfg)
    return made


def component(section: str, given: Any) -> Component:
    where = f"section '{section}'"
    given = {"name": given} if isinstance(given, str) else given
    require(
        isinstance(given, Mapping) and "name" in given, f"{where} must be a mapping with a 'name', got {given!r:.80}"
    )
    found = module_of(SECTION_OF[section], given["name"])
    keys = {key: value for key, value in given.items() if key != "name"}
    return Component(str(given["name"]), typed(found.Config, keys, f"{where} ({given['name']})"))


def _dialogue(given: Any, features: Component | None) -> DialogueConfig:
    """The section ``dialogue``; as many units as the features are of where nothing says how many."""
    made = typed(DialogueConfig, given, "section 'dialogue'")
    dim = None if features is None else getattr(features.config, "dim", None)
    wanted = made.next_unit != "none" and made.units is None
    return dataclasses.replace(made, units=dim) if wanted else made


def _measured(features: Component, data: DataConfig) -> Component:
    """Features that are arrays, with what these say about themselves in place of what is not given."""
    config = features.config
    if features.name != "arrays" or data.arrays is None or None not in (config.dim, config.rate):
        return features
    dim, rate = size_of_arrays(data.arrays, rate=data.rate)
    return Component("arrays", dataclasses.replace(config, dim=config.dim or dim, rate=config.rate or rate))
