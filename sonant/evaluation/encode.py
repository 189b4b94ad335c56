"""Running a representation over many utterances, in batches of like length.

Letters: B utterances, L samples, T frames, D dimensions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch

from ..core import Representation, SonantError
from ..data.audio import read_audio
from ..data.manifest import Utterance


def batches_by_length(utterances: Sequence[Utterance], *, batch_seconds: float) -> Iterator[list[Utterance]]:
    """Utterances from long to short in groups whose padded length is at most ``batch_seconds`` in all."""
    group: list[Utterance] = []
    for utterance in sorted(utterances, key=lambda u: (-u.duration, u.id)):
        if group and (len(group) + 1) * group[0].duration > batch_seconds:
            yield group
            group = []
        group.append(utterance)
    if group:
        yield group


def encode_utterances(
    representation: Representation,
    utterances: Sequence[Utterance],
    *,
    layer: str | None = None,
    batch_seconds: float = 120.0,
    strict: bool = False,
    on_error: Callable[[Utterance, SonantError], None] | None = None,
) -> Iterator[tuple[Utterance, np.ndarray]]:
    """(utterance, (T, D) float32 array) for every utterance, longest first.

    An unreadable file is reported through ``on_error`` (default: one line on standard error) and left
    out; with ``strict`` it raises. A batch of one is exactly what a batch of many gives.
    """
    report = on_error or _complain
    device = next((p.device for p in representation.parameters()), torch.device("cpu"))
    for group in batches_by_length(utterances, batch_seconds=batch_seconds):
        kept, waves = [], []
        for utterance in group:
            try:
                waves.append(read_utterance(utterance, representation.sample_rate))
                kept.append(utterance)
            except SonantError as error:
                if strict:
                    raise
                report(utterance, error)
        if kept:
            yield from zip(kept, _encode(representation, waves, layer, device), strict=True)


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
    representation: Representation, waves: Sequence[np.ndarray], layer: str | None, device: torch.device
) -> Iterable[np.ndarray]:
    lengths_B = torch.tensor([len(wave) for wave in waves])
    wave_BL = torch.zeros(len(waves), int(lengths_B.max()))
    for row, wave in zip(wave_BL, waves, strict=True):
        row[: len(wave)] = torch.from_numpy(wave)
    frames = representation.encode(wave_BL.to(device), lengths_B.to(device), layer)
    return [x_TD.float().cpu().numpy() for x_TD in frames.unpad()]


def _complain(utterance: Utterance, error: SonantError) -> None:
    print(f"sonant: skipped {utterance.id}: {error}", file=sys.stderr)
