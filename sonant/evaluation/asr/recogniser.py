"""A trained recogniser and its folder.

``settings.json`` says what was trained, ``units.*`` what it writes, ``training.pt`` where training stands,
``held-out.txt`` and ``train.txt`` are the transcripts of both parts, and ``reader.safetensors`` is there when it is
finished.

Letters: K layers, T frames, C units and the blank.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ...core import require, samples_of, seed_everything
from ...core.config import plain, revive
from ...core.files import write_atomically, write_json, write_text
from ...core.seeding import restore_rng_state, rng_state
from ...data.manifest import Utterance
from .config import NOT_OF_THE_MODEL, Config
from .fit import Fitting, Sentence, Tell
from .reader import Reader
from .sources import Progress, Source, in_memory, statistics
from .transcript import transcript
from .units import Units, learn_units

SETTINGS, WEIGHTS, TRAINING = "settings.json", "reader.safetensors", "training.pt"
MOST_SHORT = 0.1  # share of the utterances that may have too few frames


class Recogniser:
    """A reader of frames with its units. ``facts`` is what ``settings.json`` holds."""

    def __init__(self, reader: Reader, units: Units, cfg: Config, facts: Mapping[str, Any]):
        self.reader, self.units, self.cfg, self.facts = reader, units, cfg, dict(facts)

    @property
    def weights(self) -> dict[str, float]:
        """Share of each layer in the sum."""
        return dict(zip(self.facts["layers"], self.reader.layers.weights_K.tolist(), strict=True))

    @torch.no_grad()
    def log_probabilities(
        self, source: Source, utterances: Sequence[Utterance], *, batch_size: int = 16
    ) -> list[np.ndarray]:
        """One (T, C) float32 array of natural logarithms per utterance; the blank is number 0."""
        self.reader.eval()
        order = sorted(range(len(utterances)), key=lambda i: utterances[i].duration)
        found: dict[int, np.ndarray] = {}
        for begin in range(0, len(order), batch_size):
            part = order[begin : begin + batch_size]
            scores = self.reader(source.batch([utterances[i] for i in part]))
            arrays = [F.log_softmax(x_TC.float(), dim=-1).cpu().numpy() for x_TC in scores.unpad()]
            found.update(zip(part, arrays, strict=True))
        return [found[i] for i in range(len(utterances))]


def finished(folder: Path) -> bool:
    """Whether a recogniser in this folder was trained to its end."""
    return (folder / WEIGHTS).is_file()


def load_recogniser(folder: Path, *, device: torch.device) -> Recogniser:
    """The finished recogniser of a folder. Raises SonantError when there is none."""
    from safetensors.torch import load_file

    require((folder / SETTINGS).is_file(), f"'{folder}' holds no recogniser; train one with: sonant eval asr --out")
    require(finished(folder), f"the recogniser in '{folder}' is not trained to its end; run its training again first")
    facts = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    cfg = revive(Config, facts["config"], f"{folder / SETTINGS}")
    units, tensors = Units.load(folder), load_file(folder / WEIGHTS)
    reader = Reader(cfg, mean_KD=tensors["mean_KD"], scale_KD=tensors["scale_KD"], units=len(units))
    reader.load_state_dict(tensors)
    return Recogniser(reader.to(device).eval(), units, cfg, facts)


def train_recogniser(
    folder: Path,
    cfg: Config,
    *,
    source: Source,
    train: Sequence[Utterance],
    held: Sequence[Utterance],
    seed: int,
    facts: Mapping[str, Any],
    progress: Progress | None = None,
    tell: Tell = lambda line: None,
) -> Recogniser:
    """Train a recogniser in ``folder``, or go on with one of the same settings, or load it when it is finished.

    Args:
        train, held: utterances with transcripts; those of ``held`` end the stages.
        facts: plain values that tell what else the training depends on; others than before are refused.
        progress: told of the frames as they are computed.
        tell: told after every epoch.
    """
    mine = {name: value for name, value in plain(cfg).items() if name not in NOT_OF_THE_MODEL}
    wanted = {"config": mine, "seed": seed, "layers": list(source.layers), **facts}
    _claim(folder, wanted)
    if finished(folder):
        return load_recogniser(folder, device=source.device)
    before = rng_state()
    try:
        seed_everything(seed)
        return _train(folder, cfg, source, train, held, seed, wanted, progress, tell)
    finally:
        restore_rng_state(before)


def _train(
    folder: Path,
    cfg: Config,
    source: Source,
    train: Sequence[Utterance],
    held: Sequence[Utterance],
    seed: int,
    facts: Mapping[str, Any],
    progress: Progress | None,
    tell: Callable,
) -> Recogniser:
    texts = [transcript(u) for u in train]
    units = learn_units(texts, cfg.units, vocabulary=cfg.vocabulary)
    units.save(folder)
    write_text(folder / "train.txt", "".join(f"{text}\n" for text in texts))
    write_text(folder / "held-out.txt", "".join(f"{transcript(u)}\n" for u in held))
    kept = in_memory(source, [*train, *held], most_gb=cfg.cache_gb, progress=progress)
    mean_KD, scale_KD = statistics(kept, train)
    reader = Reader(cfg, mean_KD=mean_KD, scale_KD=scale_KD, units=len(units)).to(source.device)
    sentences = [[Sentence(u, tuple(units.encode(transcript(u)))) for u in part] for part in (train, held)]
    _check_frames(sentences[0], source, cfg)
    fitting = Fitting(
        reader, cfg, train=sentences[0], held=sentences[1], source=kept, seed=seed, file=folder / TRAINING, tell=tell
    )
    fitting.run()
    reader.set_dropout(0.0)
    found = Recogniser(reader.eval(), units, cfg, facts)
    _finish(folder, found, fitting)
    return found


def _check_frames(sentences: Sequence[Sentence], source: Source, cfg: Config) -> None:
    """CTC needs a frame for every unit, and one between equal ones; too many utterances without are an error."""
    geometry = source.geometry
    short = 0
    for sentence in sentences:
        there = geometry.frames(samples_of(sentence.utterance.duration, geometry.sample_rate)) // cfg.stack
        target = sentence.target
        short += there < len(target) + sum(a == b for a, b in zip(target, target[1:], strict=False))
    if short:
        told = (
            f"{short} of {len(sentences)} utterances have fewer stacked frames ({geometry.rate / cfg.stack:.3g} a "
            "second) than units"
        )
        require(short <= MOST_SHORT * len(sentences), f"{told}; give a smaller --stack, or --units subword")
        print(f"sonant: {told}; nothing is learnt from these", file=sys.stderr)


def _finish(folder: Path, found: Recogniser, fitting: Fitting) -> None:
    from safetensors.torch import save

    tensors = {name: tensor.cpu().contiguous() for name, tensor in found.reader.state_dict().items()}
    ended = {"held_out_loss": fitting.progress.best_loss, "best_epoch": fitting.progress.best_epoch}
    write_json(folder / "ended.json", ended)
    write_atomically(folder / WEIGHTS, lambda stream: stream.write(save(tensors)))
    (folder / TRAINING).unlink()


def _claim(folder: Path, wanted: Mapping[str, Any]) -> None:
    """Note what is trained in a folder; refuse one that holds something else."""
    for leftover in folder.glob(".*.part"):
        leftover.unlink()
    file = folder / SETTINGS
    wanted = json.loads(json.dumps(wanted))
    if not file.is_file():
        write_json(file, wanted)
        return
    known = json.loads(file.read_text(encoding="utf-8"))
    changed = _changes(known, wanted)
    require(not changed, f"'{folder}' holds a recogniser of other settings ({changed}); give another --out")


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    one, two = ({**facts, **facts["config"]} for facts in (before, now))
    names = [name for name in {**one, **two} if name != "config" and one.get(name) != two.get(name)]
    return ", ".join(f"{name} {one.get(name)} -> {two.get(name)}" for name in names)
