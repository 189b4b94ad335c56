"""A recogniser on frozen frames: trained, or found finished, and scored, as lines of ``results.jsonl``."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from ..build import load
from ..core import Representation, SonantError, require
from ..core.config import plain, typed
from ..core.device import check_device
from ..core.files import write_atomically
from ..core.seeding import numpy_generator
from ..data.arrays import ArrayReader
from ..data.manifest import Manifest, Utterance
from ..evaluation.asr.beam import Search
from ..evaluation.asr.config import NOT_OF_THE_MODEL, PAPER, Config
from ..evaluation.asr.decode import Decoded, decode, tuned, write_texts
from ..evaluation.asr.ngram import load_ngram
from ..evaluation.asr.recogniser import Recogniser, load_recogniser, train_recogniser
from ..evaluation.asr.sources import Arrays, Source, source_of
from ..evaluation.asr.transcript import transcript
from ..reports import Result

Preset = Literal["laptop", "paper"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Decoding:
    """How to decode, as the command line says it.

    Attributes:
        beam: prefixes kept; 0: the best path, or 32 when there is a language model.
        lm: file of a word n-gram.
        alpha, beta: weight of the model and bonus of a word; None: the best of the grid on the held-out part.
    """

    beam: int = 0
    lm: str | None = None
    alpha: float | None = None
    beta: float | None = None

    def __post_init__(self):
        require(self.beam >= 0, f"the beam must not be negative, got {self.beam}")
        searches = self.width > 0
        require(searches or self.beta is None, "beta is of the beam search; give --beam or --lm too")
        require(self.lm is not None or self.alpha is None, "alpha is the weight of a language model; give --lm too")

    @property
    def width(self) -> int:
        return self.beam or (32 if self.lm else 0)

    @property
    def name(self) -> str:
        """``greedy``, ``beam32``, ``beam32-lm``."""
        beam = f"beam{self.width}" if self.width else "greedy"
        return f"{beam}-{Path(self.lm).stem}" if self.lm else beam


def train_asr(
    out: str | Path,
    *,
    model: str | Path | Representation | None = None,
    features: str | Path | None = None,
    train: Sequence[str | Path],
    dev: str | Path | None = None,
    preset: Preset = "laptop",
    seed: int = 0,
    device: str = "cpu",
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    tell: Callable[[dict[str, Any]], None] = lambda line: None,
) -> tuple[Recogniser, Source]:
    """Train a recogniser in the folder ``out``, go on with it, or find it finished.

    Args:
        model: what ``sonant.load`` takes, or a representation; it is not changed.
        features: a folder of extracted arrays, in place of the model.
        train: manifests with transcripts.
        dev: a manifest that ends the stages and tunes the search; None: a part of ``train``, other speakers.
        preset: ``paper``: sizes and rates as published.
        settings: fields of ``Config``; they go before the preset.
    """
    given = {**(PAPER if preset == "paper" else {}), **(settings or {})}
    cfg = typed(Config, given, "the settings of asr")
    kept, held = parts(train, dev, share=cfg.hold_out, seed=seed)
    source = open_source(model, features, layer=cfg.layer, device=device)
    cfg = cfg.stacked_at(source.geometry.rate)
    facts = {
        "model": _name(model, features),
        "frames": _digest_of_frames(source),
        "data": {"train": _digest(kept), "held_out": _digest(held)},
        "manifests": {"train": [str(Path(m).absolute()) for m in train], "dev": dev and str(Path(dev).absolute())},
    }
    found = train_recogniser(
        Path(out), cfg, source=source, train=kept, held=held, seed=seed, facts=facts, progress=progress, tell=tell
    )
    return found, source


def find_asr(
    out: str | Path, *, model: str | Path | None = None, features: str | Path | None = None, device: str = "cpu"
) -> tuple[Recogniser, Source]:
    """A finished recogniser and its frames; ``model`` and ``features`` only when these have moved."""
    found = load_recogniser(Path(out), device=check_device(device))
    if model is None and features is None:
        known = found.facts["model"]
        require(known["kind"] != "memory", "this recogniser stands on a model that was never a file; give --model")
        model, features = (known["place"], None) if known["kind"] == "model" else (None, known["place"])
    return found, open_source(model, features, layer=found.cfg.layer, device=device)


def score_asr(
    recogniser: Recogniser,
    source: Source,
    *,
    test: Sequence[str | Path],
    how: Decoding,
    texts: str | Path | None = None,
    logits: bool = False,
    name: str | None = None,
    progress: Callable[[str], Progress] = lambda label: lambda done, whole: None,
) -> list[tuple[Decoded, Result]]:
    """Decode test manifests and score what is heard.

    Args:
        texts: folder for references and hypotheses, one folder inside for each manifest; None: they are not kept.
        logits: keep the logarithms there too, an ``.npy`` of (T, C) for each utterance.
        name: how the results call what was scored.
        progress: gives, for a label, what is called with (done, in all).
    """
    search, chosen = choose_search(recogniser, source, how, progress("tuning"))
    found = []
    for place in test:
        began = time.perf_counter()
        utterances = _spoken([place])
        logs = recogniser.log_probabilities(source, utterances)
        heard = decode(logs, recogniser.units, search, progress(Path(place).name))
        decoded = Decoded(tuple(utterances), tuple(transcript(u) for u in utterances), tuple(heard))
        if texts is not None:
            folder = Path(texts) / Path(place).name if len(test) > 1 else Path(texts)
            write_texts(folder, decoded)
            _write_logits(folder / "logits", utterances, logs if logits else [])
        seconds = time.perf_counter() - began
        found.append((decoded, _line(recogniser, place, how, search, chosen, decoded, name, seconds)))
    return found


def choose_search(
    recogniser: Recogniser, source: Source, how: Decoding, progress: Progress | None = None
) -> tuple[Search | None, dict[str, Any]]:
    """The search that is meant, and what is to be told of how it was chosen; None: the best path."""
    if how.width == 0:
        return None, {}
    base = Search(width=how.width, model=None if how.lm is None else load_ngram(how.lm))
    alphas = {} if how.alpha is None and how.lm else {"alphas": (how.alpha or 0.0,)}
    betas = {} if how.beta is None and how.lm else {"betas": (how.beta or 0.0,)}
    if alphas and betas:
        return replace(base, alpha=how.alpha or 0.0, beta=how.beta or 0.0), {}
    held = held_out(recogniser)
    logs = recogniser.log_probabilities(source, held)
    texts = [transcript(u) for u in held]
    search, error = tuned(logs, texts, recogniser.units, base, **alphas, **betas, progress=progress)
    return search, {"tuned_on": len(held), "tuned_wer": error}


def held_out(recogniser: Recogniser) -> list[Utterance]:
    """The utterances that ended the training's stages."""
    facts = recogniser.facts
    places = facts["manifests"]
    _, held = parts(places["train"], places["dev"], share=facts["config"]["hold_out"], seed=facts["seed"])
    require(
        _digest(held) == facts["data"]["held_out"],
        "the manifests of this recogniser have changed since its training, so that its held-out part is not known; "
        "give --alpha and --beta",
    )
    return held


def parts(
    train: Sequence[str | Path], dev: str | Path | None, *, share: float, seed: int
) -> tuple[list[Utterance], list[Utterance]]:
    """Utterances with transcripts to learn from and to hold out: ``dev``, or some speakers of ``train``."""
    spoken = _spoken(train)
    if dev is not None:
        return spoken, _spoken([dev])
    groups: dict[str, list[Utterance]] = {}
    for u in spoken:
        groups.setdefault(u.speaker or f"\n{u.id}", []).append(u)
    require(len(groups) > 1, "all utterances are of one speaker, so that none can be held out; give --dev MANIFEST")
    names = sorted(groups)
    held: set[str] = set()
    for i in numpy_generator(seed, "asr held out").permutation(len(names))[:-1]:
        if sum(len(groups[name]) for name in held) >= share * len(spoken):
            break
        held.add(names[i])
    out = {u.id for name in held for u in groups[name]}
    return [u for u in spoken if u.id not in out], [u for u in spoken if u.id in out]


def open_source(
    model: str | Path | Representation | None, features: str | Path | None, *, layer: str | None, device: str
) -> Source:
    """The frames of a model or of extracted arrays."""
    require((model is None) != (features is None), "give either a model (--model) or extracted arrays (--features)")
    where = check_device(device)
    if features is not None:
        return source_of(ArrayReader(features), layer=layer, device=where)
    representation = model if isinstance(model, Representation) else load(model, device=device)
    return source_of(representation.to(where), layer=layer, device=where)


def _spoken(places: Sequence[str | Path]) -> list[Utterance]:
    """The utterances of manifests that have a transcript; ids must differ."""
    found: dict[str, Utterance] = {}
    for place in places:
        for u in Manifest.open(place):
            if transcript(u) is None:
                continue
            require(u.id not in found, f"the utterance '{u.id}' comes twice in {', '.join(map(str, places))}")
            found[u.id] = u
    require(found, f"no utterance of {', '.join(map(str, places))} has a transcript, which asr needs")
    return list(found.values())


def _digest(utterances: Sequence[Utterance]) -> str:
    lines = "".join(f"{u.id}\t{u.start}\t{u.duration}\t{transcript(u)}\n" for u in utterances)
    return hashlib.blake2b(lines.encode(), digest_size=8).hexdigest()


def _digest_of_frames(source: Source) -> str:
    """Of the weights and the configuration of a model, or of what the index of arrays says."""
    if isinstance(source, Arrays):
        return hashlib.blake2b(repr((len(source.reader), source.reader.facts)).encode(), digest_size=8).hexdigest()
    digest = hashlib.blake2b(repr(source.representation.config).encode(), digest_size=8)
    for name, tensor in source.representation.state_dict().items():
        digest.update(name.encode() + tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _name(model: str | Path | Representation | None, features: str | Path | None) -> dict[str, str]:
    if features is not None:
        return {"kind": "features", "place": str(Path(features).absolute())}
    if isinstance(model, Representation):
        return {"kind": "memory", "place": ""}
    return {"kind": "model", "place": str(Path(model).absolute()) if Path(model).exists() else str(model)}


def _write_logits(folder: Path, utterances: Sequence[Utterance], logs: Sequence[np.ndarray]) -> None:
    for u, log_TC in zip(utterances, logs, strict=False):
        try:
            write_atomically(folder / f"{u.id}.npy", lambda stream, log_TC=log_TC: np.save(stream, log_TC))
        except OSError as error:
            raise SonantError(f"cannot write the logits of '{u.id}': {error}") from None


def _line(
    recogniser: Recogniser,
    place: str | Path,
    how: Decoding,
    search: Search | None,
    chosen: Mapping[str, Any],
    decoded: Decoded,
    name: str | None,
    seconds: float,
) -> Result:
    facts = recogniser.facts
    settings = {key: value for key, value in plain(recogniser.cfg).items() if value is not None}
    settings = {key: value for key, value in settings.items() if key not in NOT_OF_THE_MODEL}
    decoding: dict[str, Any] = {"decoding": how.name, "beam": how.width, "lm": Path(how.lm).name if how.lm else "none"}
    if search is not None:
        decoding |= {"beta": search.beta, **({"alpha": search.alpha} if how.lm else {})}
    return Result(
        task="asr",
        figure=decoded.figures,
        settings={**settings, "layer": ",".join(facts["layers"]), **decoding},
        model=name or facts["model"]["place"],
        data=Path(place).name,
        seed=facts["seed"],
        seconds=seconds,
        extra={
            "layers": recogniser.weights,
            "units_learnt": len(recogniser.units),
            "test_utterances": len(decoded.references),
            "test_words": sum(len(text.split()) for text in decoded.references),
            **chosen,
        },
    )
