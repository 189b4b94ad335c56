"""Word discrimination of arrays on disk or of a model, as one line of ``results.jsonl``.

Letters: N words, P pairs, T frames, D dimensions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ..build import load
from ..core import Featured, FrameGeometry, Representation, SonantError, check_device, require
from ..data.arrays import ArrayReader
from ..data.sources import find_utterances
from ..data.words import UNKNOWN, Word
from ..evaluation._sd_words import Pairs, cut_words, read_labels, read_pairs, words_of_keys
from ..evaluation.encode import EMBEDDING, Item, array_items, encode_items, utterance_items, word_items
from ..evaluation.same_different import SameDifferentResult, same_different, same_different_of_pairs
from ..evaluation.word_embedding import vectors_of
from ..reports import Result


@dataclass(frozen=True)
class WordSource:
    """Where words come from.

    Attributes:
        features: arrays: one per word, or one per utterance in which a list of words tells the times.
        rate: frames per second of arrays without an index, as decimal text; frame i is then centred at
            (i + 0.5) / rate.
        model: what ``sonant.load`` takes, or a representation; it encodes ``audio``, or ``features`` if it stands on
            such arrays.
        audio: folder of audio, manifest or ``wav.scp``.
        layer: layer of the model; ``embedding``: one vector per word. Of an archive with keys such as ``<word>.c``, the
            part after the dot.
        labels: list of words: ``key label speaker``, and ``file onset offset`` where they lie in utterances.
        pairs: list of pairs: ``same_word same_speaker first second``. With neither list the keys of the arrays tell
            words and speakers.
        device: where the model runs and distances are computed.
    """

    features: str | Path | None = None
    rate: str | None = None
    model: str | Path | Representation | None = None
    audio: str | Path | None = None
    layer: str | None = None
    labels: str | Path | None = None
    pairs: str | Path | None = None
    device: str = "cpu"

    def __post_init__(self):
        check_device(self.device)
        require(self.labels is None or self.pairs is None, "give a list of words or a list of pairs, not both")
        given = (self.features is not None, self.audio is not None)
        require(
            given == (True, False) or (given == (False, True) and self.model is not None),
            "word discrimination needs features (a folder of arrays or one file), or a model with the audio to encode",
        )
        known = self.features is not None or self.labels is not None or self.pairs is not None
        require(known, "audio does not tell its words: give a list of words (key, label, speaker) or of pairs")


@dataclass(frozen=True)
class Tokens:
    """What is scored: frames or vectors of words, and either who they are or which pairs count.

    Attributes:
        arrays: (T, D) frames or (D,) vectors of each word.
        words: their names, labels and speakers; empty with ``pairs``.
        pairs: numbers of ``arrays``.
        layer: of the model or as the index of the arrays says.
        skipped: words in which no frame is centred.
        seed: of the model's training, where known.
    """

    arrays: list[np.ndarray]
    words: list[Word]
    pairs: Pairs | None
    layer: str | None
    skipped: int = 0
    seed: int | None = None


def score_same_different(
    source: WordSource, *, name: str | None = None, progress: Callable[[int, int], None] | None = None, **settings: Any
) -> tuple[SameDifferentResult, Result]:
    """Score frames (by DTW) or vectors of words.

    Args:
        source: the words.
        name: how the result calls what was scored; by default the path.
        settings: as ``sonant.evaluation.same_different.same_different``: distance, normalise, ties, ...

    Returns:
        The score, and the line for ``results.jsonl``.
    """
    tokens = load_tokens(source)
    scored = _scored(tokens, tokens.arrays, device=source.device, progress=progress, **settings)
    return scored, _line("same_different", scored, source, tokens, name)


def score_word_embedding(
    source: WordSource,
    *,
    how: str | None = None,
    samples: int = 10,
    dims: int | None = None,
    mvn: bool = False,
    name: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> tuple[SameDifferentResult, Result]:
    """Score one vector per word.

    Args:
        source: the words.
        how, samples, dims: how frames become a vector, as ``sonant.evaluation.word_embedding.pooled``; ``how=None``:
            they are vectors already, or come from the embedding of the model.
        mvn: standardise every dimension over the words first.
        name: how the result calls what was scored; by default the path.
        settings: ``distance``, ``ties``, ``precision``.

    Returns:
        The score, and the line for ``results.jsonl``.
    """
    if source.model is not None and how is None and source.layer is None:
        source = replace(source, layer=EMBEDDING)
    tokens = load_tokens(source)
    vectors, made = vectors_of(tokens.arrays, how=how, samples=samples, dims=dims, mvn=mvn)
    scored = _scored(tokens, list(vectors), progress=progress, **settings)
    scored = replace(scored, settings={**scored.settings, **made})
    return scored, _line("word_embedding", scored, source, tokens, name)


def load_tokens(source: WordSource) -> Tokens:
    """Read or encode the words of a source.

    Raises:
        SonantError: lists that cannot be read, words that are not there or whose labels are unknown, no word with a
            frame, frames that are not finite or of different sizes.
    """
    pairs = None if source.pairs is None else read_pairs(source.pairs)
    words = [] if source.labels is None else read_labels(source.labels)
    blank = sum(word.label == UNKNOWN for word in words)
    require(not blank, f"{blank} of {len(words)} words of '{source.labels}' have no label (?) to be scored against")
    if pairs is not None:
        words = [Word(key, "") for key in pairs.keys]
    loaded = _of_arrays(source, words) if source.model is None else _of_model(source, words)
    kept = [number for number, array in enumerate(loaded.arrays) if len(array)]
    lost = len(loaded.arrays) - len(kept)
    require(kept and (pairs is None or not lost), f"{lost} words are without a frame; are times and frame rate right?")
    if lost:
        why = "shorter than the step of the frames, or past the end of their recording"
        print(f"sonant: words left out, without a frame: {lost} ({why})", file=sys.stderr)
    _check_arrays([(loaded.words[number].key, loaded.arrays[number]) for number in kept])
    chosen = [] if pairs is not None else [loaded.words[number] for number in kept]
    return replace(loaded, arrays=[loaded.arrays[n] for n in kept], words=chosen, pairs=pairs, skipped=lost)


def _check_arrays(named: Sequence[tuple[str, np.ndarray]]) -> None:
    """All numbers are finite, and all frames of one size."""
    first, model = named[0]
    for name, array in named:
        require(np.isfinite(array).all(), f"the word '{name}' holds numbers that are not finite; extract it again")
        require(
            array.ndim == model.ndim and array.shape[-1] == model.shape[-1],
            f"the words '{first}' and '{name}' have shapes {model.shape} and {array.shape}: frames must be of one size",
        )


def _of_arrays(source: WordSource, words: list[Word]) -> Tokens:
    with ArrayReader(source.features) as reader:
        layer = source.layer or reader.facts.get("layer")
        words = words or words_of_keys(_of_layer(reader, source.layer))
        if any(word.file is None or word.key in reader for word in words):
            names = _found([word.key for word in words], reader, f"'{source.features}'")
            return Tokens([reader[name] for name in names], words, None, layer)
        geometry = reader.geometry if source.rate is None else geometry_of_rate(source.rate)
        require(
            geometry is not None,
            "no index beside these features tells their frame rate: give it in Hz with --rate, such as 100",
        )
        names = _found([word.span[0] for word in words], reader, f"'{source.features}'")
        placed = [replace(word, file=name) for word, name in zip(words, names, strict=True)]
        return Tokens(cut_words(placed, reader, geometry), words, None, layer)


def _of_layer(keys: Iterable[str], layer: str | None) -> list[str]:
    """The keys of one layer of an archive whose keys name it, as ``<word>.c``; all where none is chosen."""
    found = [key for key in keys if layer is None or key.endswith(f".{layer}")]
    require(found, f"no key ends in .{layer}; leave --layer out where the keys of arrays name no layer")
    return found


def _of_model(source: WordSource, words: list[Word]) -> Tokens:
    model = source.model if isinstance(source.model, Representation) else load(source.model, device=source.device)
    layer = source.layer or model.default_layer
    items, rate = _items(model, source)
    words = words or words_of_keys(item.key for item in items)
    placed = all(word.file is not None for word in words)
    names = _found([word.span[0] if placed else word.key for word in words], {i.key for i in items}, "the input")
    wanted = set(names)
    items = [item for item in items if item.key in wanted]
    words_there = [replace(word, file=name) for word, name in zip(words, names, strict=True)]
    if placed and layer == EMBEDDING:
        items, names = word_items(words_there, items, rate), [word.key for word in words]
    frames = dict(encode_items(model, items, layer=layer, strict=True))
    cut = placed and layer != EMBEDDING
    arrays = cut_words(words_there, frames, model.geometry) if cut else [frames[name] for name in names]
    return Tokens(arrays, words, None, layer, seed=model.config.get("training", {}).get("seed"))


def _items(model: Representation, source: WordSource) -> tuple[list[Item], float]:
    """Everything that the model can encode there, and samples (or frames of its features) per second."""
    if source.audio is not None:
        return utterance_items(find_utterances(source.audio), model.sample_rate), model.sample_rate
    require(
        isinstance(model.encoder, Featured),
        "this model reads waveforms, not arrays: give it audio, or score the features without a model",
    )
    rate = model.encoder.features.geometry.rate
    return array_items(ArrayReader(source.features), rate), rate


def geometry_of_rate(rate: str) -> FrameGeometry:
    """Frames at ``rate`` per second, centred at (i + 0.5) / rate seconds."""
    try:
        exact = Fraction(str(rate))
        require(exact > 0, f"the frame rate must be positive, got {rate}")
    except (ValueError, ZeroDivisionError):
        raise SonantError(f"the frame rate must be a number of frames per second such as 100, got '{rate}'") from None
    return FrameGeometry(sample_rate=exact.numerator, hop=exact.denominator, window=exact.denominator)


def _found(names: Sequence[str], known: Any, place: str) -> list[str]:
    """Names as they are spelt in ``known``: as given, else without suffix, else the base name without suffix."""
    spelt, missing = [], []
    for name in names:
        path = PurePosixPath(name)
        ways = (name, str(path.with_suffix("")) if path.name else name, path.stem)
        way = next((way for way in ways if way in known), None)
        spelt.append(way)
        missing.extend([name] if way is None else [])
    some = ", ".join(list(dict.fromkeys(missing))[:5])
    require(not missing, f"{len(set(missing))} of the {len(set(names))} names of the list are not in {place}: {some}")
    return spelt


def _scored(tokens: Tokens, arrays: list[np.ndarray], **settings: Any) -> SameDifferentResult:
    if tokens.pairs is not None:
        pairs = tokens.pairs
        numbers = (pairs.first_P, pairs.second_P)
        return same_different_of_pairs(arrays, numbers, pairs.same_P, pairs.other_P, **settings)
    speakers = [word.speaker for word in tokens.words]
    return same_different(arrays, [w.label for w in tokens.words], None if None in speakers else speakers, **settings)


def _line(task: str, scored: SameDifferentResult, source: WordSource, tokens: Tokens, name: str | None) -> Result:
    lists = source.labels or source.pairs or source.features
    default = source.model if isinstance(source.model, (str, Path)) else source.features
    return Result(
        task=task,
        figure=scored.figures,
        settings={**scored.settings, "list": Path(lists).name, "layer": tokens.layer},
        model=name or str(default or ""),
        data=Path(lists).stem,
        seed=tokens.seed,
        seconds=scored.seconds,
        extra={**counts_of(scored), "skipped": tokens.skipped, "peak_mb": peak_mb()},
    )


def counts_of(scored: SameDifferentResult) -> Mapping[str, Any]:
    """The counts of a score and its speed."""
    names: Iterable[str] = ("tokens", "pairs", "same_pairs", "swdp_pairs", "chance", "pairs_per_second")
    return {name: getattr(scored, name) for name in names}


def peak_mb() -> float | None:
    """Most memory this process has held, in MB; None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024**2 if sys.platform == "darwin" else 1024), 1)
