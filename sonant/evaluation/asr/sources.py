"""Where the frames of a recogniser come from: a frozen model, or arrays that were extracted before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ...core import FrameGeometry, Frames, Representation, require
from ...data.arrays import ArrayReader
from ...data.manifest import Utterance
from ..probes._features import FOR_STATISTICS, Cached, Live, choose_layers, moments

Progress = Callable[[int, int], None]


class Source(Protocol):
    """Gives the layers of utterances, K times (B, T, D)."""

    layers: tuple[str, ...]
    dim: int
    geometry: FrameGeometry
    device: torch.device

    def batch(self, utterances: Sequence[Utterance]) -> list[Frames]: ...


class Arrays:
    """Arrays by utterance id, of one layer, read whenever they are asked for."""

    layers = ("arrays",)

    def __init__(self, reader: ArrayReader, *, device: torch.device):
        self.reader, self.device = reader, device
        shape = reader.shape(next(iter(reader)))
        require(len(shape) == 2, f"'{reader.path}' holds arrays of shape {shape}, not frames (T, D)")
        self.dim = shape[1]
        self.geometry = reader.geometry or FrameGeometry(16000, 160)

    def batch(self, utterances: Sequence[Utterance]) -> list[Frames]:
        """(B, T, D) frames. Raises SonantError for an utterance without an array."""
        for u in utterances:
            require(u.id in self.reader, f"'{self.reader.path}' has no array for the utterance '{u.id}'")
        found = [torch.from_numpy(self.reader[u.id]) for u in utterances]
        lengths_B = torch.tensor([len(x) for x in found])
        x_BTD = pad_sequence(found, batch_first=True)
        return [Frames(x_BTD.to(self.device), lengths_B.to(self.device), self.geometry)]


def source_of(of: Representation | ArrayReader, *, layer: str | None, device: torch.device) -> Source:
    """The source of the layer(s) of a model on ``device``, or of arrays."""
    if isinstance(of, ArrayReader):
        require(layer is None, "extracted arrays are one layer; extract another one with: sonant extract --layer")
        return Arrays(of, device=device)
    of.eval()
    return Live(of, choose_layers(of, layer or of.default_layer))


def in_memory(
    source: Source, utterances: Sequence[Utterance], *, most_gb: float, progress: Progress | None = None
) -> Source:
    """The same frames, computed once when those of these utterances fit in ``most_gb``."""
    if not isinstance(source, Live) or source.bytes_of(utterances) > most_gb * 1e9:
        return source
    kept = Cached(source, utterances, progress)
    kept.layers, kept.dim = source.layers, source.dim
    return kept


@torch.no_grad()
def statistics(source: Source, utterances: Sequence[Utterance]) -> tuple[Tensor, Tensor]:
    """(K, D) means, and one by the (K, D) standard deviations, over up to 500 utterances."""
    stride = max(1, len(utterances) // FOR_STATISTICS)
    chosen = utterances[::stride]
    mean, scale = moments(source.batch(chosen[i : i + 16]) for i in range(0, len(chosen), 16))
    return torch.stack(mean), torch.stack(scale)
