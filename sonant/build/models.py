"""Model folders, baselines and published checkpoints as representations."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core import Representation, SonantError, check_device, require, unknown
from ..core.config import plain, typed
from ..core.model_files import read_model_folder, write_model_folder
from ..features._computer_json import read_description
from ..nn.dialogue import DialogueConfig
from ..version import __version__
from .names import module_of
from .objects import representation_of
from .run_config import component

BASELINES = ("logmel", "mfcc")
DESCRIPTIONS = (".json", ".yaml", ".yml")  # files that describe features
SHIPPED = {path.stem: path for path in sorted((Path(__file__).parents[1] / "features" / "descriptions").glob("*.json"))}


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
    if representation.dialogue is not None:
        config["dialogue_rate"] = representation.dialogue.geometry.rate
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
                component(section, model_config[section])  # types and choices, which come from a stranger's file
        if model_config.get("dialogue") is not None:
            typed(DialogueConfig, model_config["dialogue"], "section 'dialogue'")
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
