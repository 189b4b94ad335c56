"""From names to objects: the only place where a string becomes a class.

A name is a file: ``encoder: {name: cpc_conv}`` is ``sonant/encoders/cpc_conv.py``, which holds one
``Config`` and one ``Encoder``. Nothing is registered anywhere.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from .core import (
    Featured,
    FrameGeometry,
    FrameModule,
    Method,
    Representation,
    SonantError,
    check_device,
    require,
    unknown,
)
from .core.config import check_keys, plain, read_config, revive, typed
from .core.model_files import read_model_folder, write_model_folder
from .data.array_pool import size_of_arrays
from .data.augment.config import AugmentConfig
from .data.config import DataConfig
from .features._computer_json import read_description
from .nn.pca import PCA
from .nn.pooling import Embedding, EmbeddingConfig
from .training.config import OptimConfig, TrainConfig
from .version import __version__

CLASS_OF = {
    "features": "Features",
    "encoders": "Encoder",
    "contexts": "Context",
    "workers": "Worker",
    "methods": "Method",
}
SECTION_OF = {"features": "features", "encoder": "encoders", "context": "contexts", "method": "methods"}
BASELINES = ("logmel", "mfcc")
LOGGED = ("loss", "grad_norm", "lr", "encoder_lr", "step", "seconds", "cpu_seconds", "kind")  # names in metrics.jsonl
DESCRIPTIONS = (".json", ".yaml", ".yml")  # files that describe features
SHIPPED = {path.stem: path for path in sorted((Path(__file__).parent / "features" / "descriptions").glob("*.json"))}


# --- names ------------------------------------------------------------------------------------------


def names(kind: str) -> list[str]:
    """Every file name of a folder such as ``encoders``, ``methods`` or ``importers``, sorted."""
    package = importlib.import_module(f"sonant.{kind}")
    return sorted(found.name for found in pkgutil.iter_modules(package.__path__) if not found.name.startswith("_"))


def module_of(kind: str, name: str) -> Any:
    """The module of one name, or an error with the nearest known one."""
    known = names(kind)
    if name not in known:
        raise unknown(kind.rstrip("s") if kind != "features" else "features", str(name), known)
    return importlib.import_module(f"sonant.{kind}.{name}")


def class_of(kind: str, name: str) -> type:
    """The class that a file of ``kind`` stands for."""
    return getattr(module_of(kind, name), CLASS_OF[kind])


# --- run configurations -----------------------------------------------------------------------------


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
    method = _component("method", given["method"])
    workers = _workers(given.get("workers"), method.name)
    augment = typed(AugmentConfig, given.get("augment"), "section 'augment'")
    require(
        not workers or not augment.changes or augment.keep_clean,
        "the workers' targets come from the clean audio: set augment.keep_clean: true",
    )
    return RunConfig(
        encoder=_component("encoder", given["encoder"]),
        context=_component("context", given["context"]),
        method=method,
        features=_measured(_component("features", given["features"]), data) if given.get("features") else None,
        embedding=typed(EmbeddingConfig, given["embedding"], "section 'embedding'") if given.get("embedding") else None,
        data=data,
        optim=typed(OptimConfig, given.get("optim"), "section 'optim'"),
        train=typed(TrainConfig, given.get("train"), "section 'train'"),
        eval=typed(EvalConfig, given.get("eval"), "section 'eval'"),
        layer=str(given.get("layer", "c")),
        about=str(given.get("about", "")),
        augment=augment,
        workers=workers,
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


def _component(section: str, given: Any) -> Component:
    where = f"section '{section}'"
    given = {"name": given} if isinstance(given, str) else given
    require(
        isinstance(given, Mapping) and "name" in given, f"{where} must be a mapping with a 'name', got {given!r:.80}"
    )
    found = module_of(SECTION_OF[section], given["name"])
    keys = {key: value for key, value in given.items() if key != "name"}
    return Component(str(given["name"]), typed(found.Config, keys, f"{where} ({given['name']})"))


def _measured(features: Component, data: DataConfig) -> Component:
    """Features that are arrays, with what these say about themselves in place of what is not given."""
    config = features.config
    if features.name != "arrays" or data.arrays is None or None not in (config.dim, config.rate):
        return features
    dim, rate = size_of_arrays(data.arrays, rate=data.rate)
    return Component("arrays", dataclasses.replace(config, dim=config.dim or dim, rate=config.rate or rate))


# --- objects ----------------------------------------------------------------------------------------


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
    return Representation(
        encoder=encoder,
        context=context,
        embedding=embedding,
        default_layer=model_config.get("layer", "c"),
        projection=projection,
        projected="c" if pca is None else pca["layer"],
        config=dict(model_config),
    )


def architecture(run: RunConfig) -> dict:
    """What ``config.json`` needs to rebuild the representation that a run trains."""
    resolved = run.plain()
    sections = ("features", "encoder", "context", "embedding", "layer")
    return {
        "sample_rate": run.data.sample_rate,
        **{key: resolved[key] for key in sections if resolved[key] is not None},
    }


# --- model folders ----------------------------------------------------------------------------------


def save(
    representation: Representation, folder: str | Path, *, card: str = "", training: Mapping | None = None
) -> None:
    """Write a model folder: ``config.json``, ``model.safetensors``, ``README.md``, each atomically.

    Args:
        representation: its ``config`` must hold the architecture (``architecture`` or ``load`` gave it).
        card: text of the model card.
        training: how it was trained (method, data, seed, steps, scores), stored as section ``training``.
    """
    require(not Path(folder).is_file(), f"'{folder}' is a file; give the folder to write the model to")
    config = {
        **representation.config,
        "sonant": __version__,
        "geometry": dataclasses.asdict(representation.geometry),
        "layers": {layer: representation.dim_of(layer) for layer in representation.layers},
    }
    if representation.embedding is not None:
        config["embedding_dim"] = representation.embedding.dim
    if training is not None:
        config["training"] = plain(training)
    write_model_folder(Path(folder), config=config, tensors=representation.state_dict(), card=card)


def load(path: str | Path, *, device: str = "cpu") -> Representation:
    """A trained representation, ready to use (evaluation mode, gradients on).

    Args:
        path: a model folder, a run folder (its best model is taken), a hub id ``owner/name``, or one of
            the baselines ``mfcc`` (39, normalised per utterance) and ``logmel`` (80 bins, likewise); or a file
            that describes features (``described``), or the name of a shipped one: ``fbank-41``, ``fbank-80``, ``raw``.
        device: where to put it.

    Raises:
        SonantError: nothing there, a damaged file, a model of another architecture than described, no such device.
    """
    check_device(device)
    if str(path) in BASELINES and not Path(path).exists():
        return baseline(str(path)).to(device)
    description = Path(path) if Path(path).exists() else SHIPPED.get(str(path), Path(path))
    if description.suffix in DESCRIPTIONS and description.is_file():
        return described(description).to(device)
    config, tensors = read_model_folder(_model_folder(path))
    representation = representation_of(config)
    _load_strictly(representation, tensors, str(path))
    return representation.eval().to(device)


def baseline(name: str, *, sample_rate: int = 16000, features: Mapping | None = None) -> Representation:
    """Plain features as a representation: ``mfcc`` or ``logmel`` with the defaults of their files.

    Args:
        features: keys of the section ``features`` that go before these, such as ``{"cmvn": "none"}``.
    """
    settings = {"cmvn": "utterance", **(features or {})}
    if features:
        require("name" not in features, f"'{name}' is the name of the features already; leave features.name out")
        settings = plain(typed(module_of("features", name).Config, settings, f"section 'features' ({name})"))
    return representation_of(
        {
            "sample_rate": sample_rate,
            "features": {"name": name, **settings},
            "encoder": {"name": "identity"},
            "context": {"name": "identity"},
            "layer": "z",
        }
    ).eval()


def described(path: str | Path) -> Representation:
    """Features as a representation, from a JSON (or YAML) file that describes them.

    Such as pydrobert-speech and scpc take with ``--computer-json``: ``{"name": "stft", "bank": ...}``, here also with
    lists ``preprocess`` and ``postprocess``; or ``{"name": "raw"}`` for the waveform.
    """
    section, rate = read_description(path)
    plain_model = {"encoder": {"name": "identity"}, "context": {"name": "identity"}, "layer": "z"}
    return representation_of({"sample_rate": rate, "features": section, **plain_model}).eval()


def _model_folder(path: str | Path) -> Path:
    folder = Path(path)
    for candidate in (folder, folder / "model"):
        if (candidate / "config.json").is_file():
            return candidate
    if folder.exists():
        raise SonantError(
            f"{path}: no model here (no config.json in it or in its 'model' folder); "
            "give a model folder, or a run folder after its first checkpoint"
        )
    if str(path).count("/") == 1 and not str(path).startswith((".", "/")):
        return _from_hub(str(path))
    raise unknown("model (no such folder)", str(path), (*BASELINES, *SHIPPED))


def _from_hub(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise SonantError(
            f"'{name}' is no folder here; to load it from the hub install: pip install 'sonant[hub]'"
        ) from None
    try:
        return Path(snapshot_download(name, allow_patterns=["config.json", "model.safetensors", "README.md"]))
    except Exception as error:  # the hub library raises many kinds; each means: not to be had
        raise SonantError(f"'{name}' is no folder here, and the hub did not give it: {type(error).__name__}") from None


def _load_strictly(
    representation: Representation, tensors: Mapping, where: str, *, described_by: str = "config.json"
) -> None:
    own = representation.state_dict()
    missing, extra = sorted(own.keys() - tensors.keys()), sorted(tensors.keys() - own.keys())
    reshaped = sorted(key for key in own.keys() & tensors.keys() if own[key].shape != tensors[key].shape)
    for label, keys in (("lacks", missing), ("has unknown", extra), ("has another shape for", reshaped)):
        require(
            not keys,
            f"{where}: the weights do not fit {described_by}: it {label} {', '.join(keys[:3])}"
            f"{f' and {len(keys) - 3} more' if len(keys) > 3 else ''}; are both of the same model?",
        )
    representation.load_state_dict(dict(tensors))


# --- importers --------------------------------------------------------------------------------------


def convert(format: str, source: Any, config: Mapping | None = None) -> Representation:
    """A published checkpoint as a representation of ours.

    Args:
        format: a file of ``importers/`` such as ``cpc_audio``.
        source: path of the checkpoint, or its state dict.
        config: what the checkpoint does not say about its architecture.
    """
    importer = module_of("importers", format)
    try:
        model_config, tensors = importer.convert(source, config)
        for section in ("features", "encoder", "context"):
            if model_config.get(section) is not None:
                _component(section, model_config[section])  # types and choices, which come from a stranger's file
        representation = representation_of(model_config)
    except SonantError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, RuntimeError) as error:
        where = "this" if isinstance(source, Mapping) else f"{source}: this"
        raise SonantError(
            f"{where} {format} checkpoint, or what was said of it, is not what it should be ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:160]}); is it of that code, and whole?"
        ) from error
    _load_strictly(representation, tensors, f"this {format} checkpoint", described_by="its architecture")
    return representation.eval()
