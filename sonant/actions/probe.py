"""What a small head reads from a model's frames, as one line of ``results.jsonl``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ..build import load, module_of, names, representation_of
from ..build import save as save_model
from ..core import Representation, require, seed_everything, unknown
from ..core.config import plain, typed
from ..core.seeding import restore_rng_state, rng_state
from ..data.arrays import ArrayReader
from ..data.manifest import Manifest
from ..evaluation.encode import stands_on_arrays
from ..evaluation.probes._features import device_of
from ..evaluation.probes._task import ProbeResult
from ..reports import Result
from .train import card_of

Protocol = Literal["laptop", "superb"]
NOT_OF_THE_SCORE = ("cache_gb",)


def probes() -> list[str]:
    """Every task, as the command line spells it."""
    return [name.replace("_", "-") for name in names("evaluation.probes")]


def probe_module(task: str) -> Any:
    """The module of a task: ``Config``, ``SUPERB`` and ``Task``."""
    if task not in probes():
        raise unknown("probe", task, probes())
    return module_of("evaluation.probes", task.replace("-", "_"))


def probe(
    task: str,
    *,
    model: str | Path | Representation,
    train: str | Path,
    test: str | Path,
    random: bool = False,
    protocol: Protocol = "laptop",
    seed: int = 0,
    device: str = "cpu",
    name: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    settings: Mapping[str, Any] | None = None,
    train_arrays: str | Path | None = None,
    test_arrays: str | Path | None = None,
    save: str | Path | None = None,
) -> tuple[ProbeResult, Result]:
    """Train a head on one manifest and score it on another.

    Args:
        task: a file of ``evaluation/probes``, such as ``phone`` or ``phone-ctc``.
        model: what ``sonant.load`` takes, or a representation, whose weights change if ``encoder_lr`` is set.
        train, test: manifest folders with the labels that the task needs.
        random: replace the model's weights by fresh ones, drawn by ``seed``.
        protocol: ``superb``: steps and sizes as published in place of those for corpora of an hour.
        seed: of the head, the batches, the held-out part and the fresh weights.
        device: where a model that is loaded is put.
        name: how the result calls what was scored; by default the path.
        progress: called with (steps done, steps in all).
        settings: fields of the task's ``Config``; they go before the protocol.
        train_arrays, test_arrays: features of the manifests, for a model that stands on arrays; None: the folder
            ``arrays`` of each (``sonant prepare spect`` makes it).
        save: model folder that gets the fine-tuned representation, without the head; None: it is not kept.

    Returns:
        What was found, and the line for ``results.jsonl``.
    """
    module = probe_module(task)
    require(protocol in ("laptop", "superb"), f"the protocol must be laptop or superb, got '{protocol}'")
    given = {**(module.SUPERB if protocol == "superb" else {}), **(settings or {})}
    cfg = typed(module.Config, given, f"the settings of the probe {task}")
    require(
        save is None or getattr(cfg, "encoder_lr", None) is not None,
        "--save keeps a fine-tuned model, and this encoder is frozen: give --encoder-lr",
    )
    training, scored_on = Manifest.open(train), Manifest.open(test)
    representation = model if isinstance(model, Representation) else load(model, device=device)
    if random:
        representation = fresh(representation, seed).to(device_of(representation))
    arrays = _arrays(representation, [(training, train_arrays), (scored_on, test_arrays)])
    found = module.Task(cfg).run(
        representation, training, scored_on, seed=seed, progress=progress, arrays=list(arrays.values())
    )
    for reader in arrays.values():
        reader.close()
    facts = {key: value for key, value in plain(cfg).items() if value is not None and key not in NOT_OF_THE_SCORE}
    title = name or ("" if isinstance(model, Representation) else str(model))
    line = Result(
        task="probe",
        figure=found.figures,
        settings={"probe": task, **facts, "encoder": encoder_of(facts), "train": Path(train).name},
        model=title if name or not random else f"{title} (random)",
        data=Path(test).name,
        seed=seed,
        seconds=found.seconds,
        extra={"layers": found.layers, "held_out": found.chosen, **found.counts},
    )
    if save is not None:
        _save(representation, Path(save), line)
    return found, line


def _save(representation: Representation, folder: Path, line: Result) -> None:
    """The fine-tuned representation as a model folder that tells what it was tuned for, with its score."""
    kept = ("probe", "encoder_lr", "lr", "batch_size", "train")
    tuned = {"seed": line.seed, **{key: line.settings[key] for key in kept}, "steps": line.extra["best_step"]}
    training = {**representation.config.get("training", {}), "fine_tuned": tuned}
    card = card_of(representation, training, [line])
    save_model(representation, folder, card=card, training=training)


def _arrays(
    representation: Representation, given: Sequence[tuple[Manifest, str | Path | None]]
) -> dict[Path, ArrayReader]:
    """The arrays of the manifests by their place; none for models that read audio."""
    if not stands_on_arrays(representation):
        require(
            not any(place for _, place in given), "this model reads audio; arrays are for models that stand on them"
        )
        return {}
    found: dict[Path, ArrayReader] = {}
    for manifest, place in given:
        place = Path(place or manifest.folder / "arrays").resolve()
        require(
            place.exists(),
            f"this model stands on arrays, and '{manifest.folder}' has none; give them: --train-arrays, --test-arrays",
        )
        found.setdefault(place, ArrayReader(place))
    shared = set.intersection(*map(set, found.values())) if len(found) > 1 else set()
    require(not shared, f"both folders of arrays hold '{min(shared, default='')}'; names must tell utterances apart")
    return found


def fresh(representation: Representation, seed: int) -> Representation:
    """The same architecture with weights drawn by ``seed``, ready to use."""
    require(
        representation.config.get("encoder") is not None,
        "this model does not tell its architecture, so that it cannot be drawn anew; load it from its folder",
    )
    before = rng_state()
    try:
        seed_everything(seed)
        return representation_of(representation.config).eval()
    finally:
        restore_rng_state(before)


def encoder_of(settings: Mapping[str, Any]) -> str:
    """Whether the encoder learns with the head."""
    return "fine-tuned" if settings.get("encoder_lr") else "frozen"
