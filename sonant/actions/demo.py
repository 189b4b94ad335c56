"""From nothing to a scored model: generated speech -> training -> extraction -> ABX -> a page to look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..build import BASELINES, baseline, load
from ..core import Representation
from ..core.files import write_text
from ..data.manifest import Manifest, Utterance
from ..data.synth import SynthConfig, synth
from ..evaluation.encode import read_utterance
from ..reports import Example, Result, append_result, read_results, save_example, write_report
from .extract import extract
from .score_abx import score_abx
from .train import card_of, train

CORPUS = SynthConfig(hours=0.5, speakers=24, test_speakers=6, test_sentences=12)
SPEAKERS = ("across", "within")
SETTINGS = {"context": "within", "distance": "angular", "max_group_size": None, "slicing": "librilight"}


def demo(
    folder: str | Path = "sonant-demo", *, seed: int = 0, steps: int | None = None, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Generate a corpus, train CPC on it, extract, score it against log-mel and MFCC, write ``report.html``.

    Run again, it goes on where it stopped: what is finished is not repeated.

    Args:
        folder: where everything goes: ``corpus``, ``run``, ``features``, ``report.html``.
        seed: of the corpus and of the training.
        steps: training steps; None: as the configuration ``demo`` says.
        say: told what happens, a line a stage.

    Returns:
        ``errors`` (model -> {"across": error, "within": error}) and the paths of ``run`` and ``report``.
    """
    folder = Path(folder)
    say(
        f"1/4  generated speech: {CORPUS.hours:g} h of {CORPUS.speakers} voices, {CORPUS.test_speakers} more to test on"
    )
    corpus = synth(folder / "corpus", replace(CORPUS, seed=seed))
    say(f"2/4  training CPC on {corpus.hours:.2f} h, {len(corpus.speakers)} voices")
    run = folder / "run"
    _train(run, folder / "corpus", seed=seed, steps=steps)
    say("3/4  extracting and scoring voices that the model never heard (ABX, chance 50 %)")
    results = _score(folder, run)
    _show_examples(run, load(run), Manifest.open(folder / "corpus" / "test"))
    say("4/4  report")
    page = write_report([run], folder / "report.html")
    errors: dict[str, dict[str, float]] = {}
    for result in results:
        errors.setdefault(result.model, {})[result.settings["speaker"]] = result.figures["error"]
    return {"errors": errors, "run": str(run), "report": str(page)}


def _train(run: Path, corpus: Path, *, seed: int, steps: int | None) -> None:
    overrides = [("data.train", str(corpus / "train")), ("train.seed", str(seed))]
    if steps is not None:
        overrides += [("train.steps", str(steps))]
    train("demo", run_dir=run, resume=run.is_dir(), overrides=overrides)


def _score(folder: Path, run: Path) -> list[Result]:
    """One result per model and speaker mode, kept in the run folder; scored again each time (seconds)."""
    items, audio = folder / "corpus" / "items" / "triphone.item", folder / "corpus" / "test"
    path, results = run / "results.jsonl", []
    path.unlink(missing_ok=True)
    for name in ("cpc", *BASELINES):
        place = folder / "features" / name
        extract(run if name == "cpc" else name, audio, place)
        for speaker in SPEAKERS:
            _, line = score_abx(items, features=place, name=name, speaker=speaker, **SETTINGS)
            results.append(append_result(path, line))
    model = load(run)
    card = card_of(model, model.config["training"], [result for result in read_results(path) if result.model == "cpc"])
    write_text(run / "model" / "README.md", card)
    return results


def _show_examples(run: Path, model: Representation, test: Manifest, *, count: int = 2) -> None:
    """Keep an utterance of each of the first speakers for the report."""
    chosen: dict[str, Utterance] = {}
    for utterance in test:
        if utterance.speaker not in chosen and len(chosen) < count:
            chosen[utterance.speaker] = utterance
    for number, utterance in enumerate(chosen.values()):
        save_example(run, example_of(model, utterance), number=number)


@torch.inference_mode()
def example_of(model: Representation, utterance: Utterance) -> Example:
    """What a panel of the report shows of one utterance."""
    wave_L = read_utterance(utterance, model.sample_rate)
    logmel = baseline("logmel", sample_rate=model.sample_rate).encode(torch.from_numpy(wave_L))
    frames = model.encode(torch.from_numpy(wave_L))
    return Example(
        name=utterance.id,
        wave_L=wave_L,
        logmel_TM=logmel.x_BTD[0].numpy(),
        frames_TD=frames.x_BTD[0].float().numpy(),
        logmel_geometry=logmel.geometry,
        frames_geometry=frames.geometry,
        phones=tuple(utterance.phones or ()),
        model="cpc",
        layer=model.default_layer,
    )
