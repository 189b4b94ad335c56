"""From a configuration to a trained model folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..build import RunConfig, architecture, class_of, method_of, resolve, save
from ..core import Method, Representation, require, seed_everything
from ..core.config import find_config
from ..data.config import build_loaders
from ..data.manifest import Manifest
from ..reports import Result, model_card
from ..training import checkpoint
from ..training.distributed import processes
from ..training.engine import fit
from ..training.warm_start import warm_start
from ..version import __version__
from .info import dialogue_facts


def train(
    config: str | Path | Mapping,
    *,
    run_dir: str | Path | None = None,
    resume: bool = False,
    overrides: Sequence[tuple[str, str]] = (),
) -> dict[str, Any]:
    """Train as a configuration says and return the summary (steps, best loss, seconds, speed).

    Args:
        config: shipped name, YAML file, or the configuration as nested dictionaries.
        run_dir: run folder; by default ``runs/<name of the configuration>``.
        resume: go on from the run folder's last checkpoint, as if never interrupted.
        overrides: pairs such as ``("optim.lr", "1e-3")`` over the configuration.

    Raises:
        SonantError: a setting is wrong, data are missing, or the run folder already holds a run.
    """
    run = resolve(config, overrides)
    folder = _run_folder(config, run_dir)
    _check(run)
    begins = not (resume and checkpoint.latest(folder)[0])
    with processes(run.train.device) as place:
        seed_everything(run.train.seed)
        train_loader, valid_loader = build_loaders(
            run.data, augment=run.augment, seed=run.train.seed, rank=place.rank, world=place.world
        )
        method = method_of(run)
        notes = [_advice(run), _advice_on_freezing(run)] if begins else []
        if run.train.init is not None and begins:
            notes.append(_started(run.train.init, warm_start(method, run.train.init), len(method.state_dict())))
        for note in filter(None, notes if place.rank == 0 else []):
            print(f"sonant: {note}", file=sys.stderr)
        method.representation().dim_of(run.layer)  # a layer that does not exist shows now, not at the first checkpoint
        summary = fit(
            method,
            train_loader=train_loader,
            valid_loader=valid_loader,
            optim=run.optim,
            train=run.train,
            run_dir=folder,
            config=run.plain(),
            evaluators=_evaluators(run),
            resume=resume,
            save_model=_saver(run, folder, method),
        )
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(summary).items()}


def _run_folder(config: str | Path | Mapping, run_dir: str | Path | None) -> Path:
    if run_dir is not None:
        return Path(run_dir)
    require(not isinstance(config, Mapping), "a configuration given as a dictionary needs run_dir")
    return Path("runs") / find_config(config).stem


def _check(run: RunConfig) -> None:
    require(
        run.data.train is not None,
        "no training data: give --data.train FOLDER, a manifest made by 'sonant prepare' (see sonant prepare --list)",
    )
    needs, view = class_of("methods", run.method.name).needs, run.data.view
    require(
        needs != "pairs" or view == "pairs",
        f"{run.method.name} learns from pairs of the same word, and data.view is {view}: use data.view pairs, with "
        "data.pairs (sonant pairs makes a list)",
    )
    require(
        needs != "views" or view == "crops",
        f"{run.method.name} compares crops of the same utterance, and data.view is {view}: use data.view crops",
    )
    require(
        needs != "units" or view == "dialogue_units",
        f"{run.method.name} learns from units with voice activity, and data.view is {view}: use data.view "
        "dialogue_units, with data.arrays (sonant units encode --form dialogue)",
    )
    require(
        run.data.arrays is None or run.features is not None,
        f"data.arrays gives features in place of audio, and the encoder {run.encoder.name} reads waveforms: leave out "
        "data.arrays, or give features: {name: arrays} and an encoder of frames, such as identity or mlp",
    )
    _check_eval(run)


def _check_eval(run: RunConfig) -> None:
    for given, audio, later in (
        ("abx_items", "abx_audio", "sonant eval abx --features"),
        ("trials", "trials_audio", "sonant eval verification --embeddings"),
    ):
        if getattr(run.eval, given) is None:
            continue
        require(getattr(run.eval, audio), f"eval.{given} is given without eval.{audio}, the folder of its audio")
        require(
            run.features is None or run.features.name != "arrays",
            f"eval.{given} needs a model that reads audio, and this one stands on arrays: leave eval out and score "
            f"what it extracts ({later})",
        )


def _advice(run: RunConfig) -> str | None:
    """What is allowed and seldom meant: features of a word that do not know the utterance around it."""
    cmvn = getattr(run.features and run.features.config, "cmvn", "")
    if run.data.view not in ("segments", "pairs") or run.data.arrays is not None or not cmvn.startswith("utterance"):
        return None
    name = run.features.name
    return (
        f"warning: words are cut out of the audio before features.cmvn ({cmvn}) normalises them, each by itself alone; "
        f"better: sonant extract {name} {run.data.train} FRAMES, then --data.arrays FRAMES --features.name arrays"
    )


def _advice_on_freezing(run: RunConfig) -> str | None:
    """What is allowed too: a random encoder that stays as it is drawn, as a floor to compare with."""
    if not run.train.freeze or run.train.init is not None:
        return None
    return f"train.freeze without train.init: {', '.join(run.train.freeze)} keep the random weights they begin with"


def _started(source: str, copied: int, whole: int) -> str:
    rest = "" if copied == whole else f"; {whole - copied} begin anew: heads that differ or are not there"
    return f"{copied} of {whole} weight tensors are from {source}{rest}"


def _saver(run: RunConfig, folder: Path, method: Method) -> Callable[[Representation, Path, dict], None]:
    manifest = Manifest.open(run.data.train)
    known = {
        "method": run.plain()["method"],
        "data": run.data.train,
        "hours": round(manifest.hours, 3),
        "speakers": len(manifest.speakers),
        "seed": run.train.seed,
        "chance": method.chance(),
        "cores": os.cpu_count(),
        "commit": _commit(),
        "version": __version__,
    }

    def save_model(representation: Representation, target: Path, progress: dict) -> None:
        described = Representation(
            encoder=representation.encoder,
            context=representation.context,
            embedding=representation.embedding,
            dialogue=representation.dialogue,
            default_layer=run.layer,
            config={"name": folder.name, **architecture(run)},
        )
        training = {**known, "date": time.strftime("%Y-%m-%d"), **progress}
        save(described, target, card=card_of(described, training), training=training)

    return save_model


def card_of(representation: Representation, training: Mapping, results: Sequence[Result] = ()) -> str:
    """The model card of a representation, with what its figures say."""
    past, future = representation.reach
    facts = {
        "parameters": sum(parameter.numel() for parameter in representation.parameters()),
        "past": past,
        "future": future,
        "results": list(results),
        "dialogue": dialogue_facts(representation),
    }
    geometry = asdict(representation.geometry)
    layers = {layer: representation.dim_of(layer) for layer in representation.layers}
    config = {**representation.config, "geometry": geometry, "layers": layers, "training": dict(training)}
    return model_card(config, {**training, **facts})


def _commit() -> str | None:
    """The commit that this code runs from, when it runs from a checkout."""
    try:
        found = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None if found.returncode == 0 else None


def _evaluators(run: RunConfig) -> list[Callable[[Representation, int], dict[str, float]]]:
    found = []
    if run.eval.abx_items is not None:
        from ..evaluation.abx import evaluator

        found.append(evaluator(run.eval.abx_items, run.eval.abx_audio, speaker=run.eval.abx_speaker, layer=run.layer))
    if run.eval.trials is not None:
        from .verify import trial_evaluator

        found.append(trial_evaluator(run.eval.trials, run.eval.trials_audio))
    return found
