"""Running a representation over many utterances, arrays or segments of them, in batches of like length.

Letters: B items, L samples, T frames, D dimensions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ..core import Featured, Representation, SonantError, require, samples_of
from ..data.arrays import ArrayReader
from ..data.audio import read_audio
from ..data.manifest import Utterance
from ..data.units import classes_of, one_hot
from ..data.words import Word

FILES_IN_MEMORY = 256  # recordings that words are being cut from
EMBEDDING = "embedding"  # the layer that is one vector per item


@dataclass(frozen=True)
class Item:
    """Something to encode: its name, how long it lasts in seconds, and its samples (L,) or features (T, D)."""

    key: str
    seconds: float
    read: Callable[[], np.ndarray]


def utterance_items(utterances: Sequence[Utterance], sample_rate: int) -> list[Item]:
    """Whole utterances, named by their ids."""
    return [Item(u.id, u.duration, lambda u=u: read_utterance(u, sample_rate)) for u in utterances]


def stands_on_arrays(representation: Representation) -> bool:
    """Whether a model takes features that were computed elsewhere, and cannot read audio (``features: arrays``)."""
    encoder = representation.encoder
    return isinstance(encoder, Featured) and type(encoder.features).__module__.endswith(".arrays")


def array_items(arrays: ArrayReader, rate: float) -> list[Item]:
    """Whole arrays of features that a model stands on, ``rate`` frames per second."""
    units = classes_of(arrays.facts)
    return [Item(key, arrays.shape(key)[0] / rate, lambda key=key: one_hot(arrays[key], units)) for key in arrays]


def word_items(words: Sequence[Word], items: Iterable[Item], rate: float) -> list[Item]:
    """The segments of ``words`` cut out of whole items of ``rate`` samples (or feature frames) per second.

    A word whose file is none of the items, or that lies outside of it, cannot be read.
    """
    whole = {item.key: item for item in items}

    @lru_cache(maxsize=FILES_IN_MEMORY)
    def read(file: str) -> np.ndarray:
        return whole[file].read()

    def cut(word: Word) -> np.ndarray:
        file, onset, offset = word.span
        require(file in whole, f"the word '{word.key}' is of '{file}', which is not there")
        piece = read(file)[samples_of(onset, rate) : samples_of(offset, rate)]
        require(len(piece) > 0, f"the word '{word.key}' lies outside of '{file}'")
        return piece

    return [Item(word.key, word.span[2] - word.span[1], lambda word=word: cut(word)) for word in words]


def batches_by_length(items: Sequence[Item], *, batch_seconds: float) -> Iterator[list[Item]]:
    """Items from long to short in groups whose padded length is at most ``batch_seconds`` in all."""
    group: list[Item] = []
    for item in sorted(items, key=lambda item: (-item.seconds, item.key)):
        if group and (len(group) + 1) * group[0].seconds > batch_seconds:
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def encode_items(
    representation: Representation,
    items: Sequence[Item],
    *,
    layer: str | None = None,
    batch_seconds: float = 120.0,
    strict: bool = False,
    on_error: Callable[[str, SonantError], None] | None = None,
    known: Collection[str] = (),
) -> Iterator[tuple[str, np.ndarray]]:
    """(key, (T, D) float32 array) for every item, longest first; (D,) for the layer ``embedding``.

    What cannot be read is reported through ``on_error`` (default: one line on standard error) and left
    out; with ``strict`` it raises. Batches of other sizes give the same but for rounding: batches whose keys are all
    ``known`` are left out, and the others stay as they would be without, to the last bit.
    """
    report = on_error or _complain
    device = next((p.device for p in representation.parameters()), torch.device("cpu"))
    for group in batches_by_length(items, batch_seconds=batch_seconds):
        kept, inputs = [], []
        if known and all(item.key in known for item in group):
            continue
        for item in group:
            try:
                inputs.append(item.read())
                kept.append(item.key)
            except SonantError as error:
                if strict:
                    raise
                report(item.key, error)
        if kept:
            yield from zip(kept, _encode(representation, inputs, layer, device), strict=True)


def encode_utterances(
    representation: Representation,
    utterances: Sequence[Utterance],
    *,
    layer: str | None = None,
    batch_seconds: float = 120.0,
    strict: bool = False,
    on_error: Callable[[Utterance, SonantError], None] | None = None,
) -> Iterator[tuple[Utterance, np.ndarray]]:
    """``encode_items`` of whole utterances, giving them back with their frames."""
    by_id = {utterance.id: utterance for utterance in utterances}
    items = utterance_items(utterances, representation.sample_rate)
    complain = None if on_error is None else lambda key, error: on_error(by_id[key], error)
    options = {"layer": layer, "batch_seconds": batch_seconds, "strict": strict, "on_error": complain}
    for key, x_TD in encode_items(representation, items, **options):
        yield by_id[key], x_TD


def read_utterance(utterance: Utterance, sample_rate: int) -> np.ndarray:
    """(L,) float32 samples of an utterance at ``sample_rate``; channels are averaged unless it names one."""
    wave, _ = read_audio(
        utterance.path,
        start_s=utterance.start,
        duration_s=utterance.duration,
        channel=utterance.channel,
        sample_rate=sample_rate,
    )
    return wave if wave.ndim == 1 else wave.mean(axis=0)


@torch.inference_mode()
def _encode(
    representation: Representation, inputs: Sequence[np.ndarray], layer: str | None, device: torch.device
) -> Iterable[np.ndarray]:
    padded, lengths_B = _padded(inputs)
    padded, lengths_B = padded.to(device), lengths_B.to(device)
    if layer == EMBEDDING:
        return list(representation.embed(padded, lengths_B).float().cpu().numpy())
    frames = representation.encode(padded, lengths_B, layer)
    return [x_TD.float().cpu().numpy() for x_TD in frames.unpad()]


def _padded(inputs: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """(B, L) or (B, T, D) with zeros at the end of the shorter ones, and (B,) lengths."""
    lengths_B = torch.tensor([len(x) for x in inputs])
    padded = torch.zeros(len(inputs), int(lengths_B.max()), *inputs[0].shape[1:])
    for row, x in zip(padded, inputs, strict=True):
        row[: len(x)] = torch.from_numpy(np.ascontiguousarray(x))
    return padded, lengths_B


def _complain(key: str, error: SonantError) -> None:
    print(f"sonant: skipped {key}: {error}", file=sys.stderr)
