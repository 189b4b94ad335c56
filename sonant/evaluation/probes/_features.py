"""The layers of an encoder for batches of utterances: made anew each time, or once and kept in memory.

Letters: K layers, T frames, D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ...core import FrameGeometry, Frames, Representation, require, samples_of, unknown
from ...data.manifest import Utterance
from ..encode import EMBEDDING, batches_by_length, read_utterance, stands_on_arrays, utterance_items

BATCH_SECONDS = 120.0  # audio encoded at a time, padding included
FOR_STATISTICS = 500  # utterances from which means and deviations are taken
Crop = Callable[[int, int, int], int]  # (position in the batch, length, what is wanted) -> where it begins


def choose_layers(representation: Representation, wanted: str = "all") -> tuple[str, ...]:
    """Names of the layers meant by ``wanted``: ``all`` of the default layer's size and rate, or names with commas.

    A layer that is another one by a second name (``c`` of a model without a context) counts once. ``embedding``, for
    models that have one, is the vector of an utterance as its only frame.
    """
    known = representation.layers + (() if representation.embedding is None else (EMBEDDING,))
    if wanted != "all":
        names = tuple(name.strip() for name in wanted.split(",") if name.strip())
        for name in names:
            if name not in known:
                raise unknown("layer", name, (*known, "all"))
        require(names, "no layer is named; give one, several with commas, or all")
        return tuple(dict.fromkeys(names))
    shown = _show(representation)
    default = shown[representation.default_layer]
    kept: dict[int, str] = {}
    for name in representation.layers:
        if shown[name].dim == default.dim and shown[name].geometry.hop == default.geometry.hop:
            kept.setdefault(id(shown[name].x_BTD), name)
    return tuple(kept.values())


@torch.no_grad()
def _show(representation: Representation) -> dict[str, Frames]:
    """All layers of a second of silence."""
    shape, rate = (1, representation.sample_rate), representation.sample_rate
    if stands_on_arrays(representation):
        features = representation.encoder.features
        shape = (1, features.geometry.frames(rate), features.dim)
    return _encode(representation, torch.zeros(shape, device=device_of(representation)))


def _encode(representation: Representation, padded: Tensor, lengths_B: Tensor | None = None) -> dict[str, Frames]:
    """All layers, and the embedding of models that have one as an utterance of one frame."""
    layers = representation.encode_all(padded, lengths_B)
    if representation.embedding is not None:
        x_B1D = representation.embedding(layers["c"])[:, None]
        layers[EMBEDDING] = Frames(x_B1D, torch.ones_like(layers["c"].lengths_B), layers["c"].geometry)
    return layers


def device_of(module: torch.nn.Module) -> torch.device:
    """Where the parameters (or else the buffers) of a module are; the CPU when it has none."""
    tensors = chain(module.parameters(), module.buffers())
    return next((tensor.device for tensor in tensors), torch.device("cpu"))


class Live:
    """Layers computed whenever they are asked for.

    Args:
        representation: on the device where it is to run.
        layers: names.
        trainable: gradients flow into the encoder.
        arrays: features of the utterances by id that the model stands on, in place of their audio.
    """

    def __init__(
        self,
        representation: Representation,
        layers: Sequence[str],
        *,
        trainable: bool = False,
        arrays: Sequence[Mapping[str, np.ndarray]] = (),
    ):
        self.representation, self.layers, self.trainable = representation, tuple(layers), trainable
        self.arrays = arrays
        shown = [_show(representation)[layer] for layer in layers]
        sizes = {(frames.dim, frames.geometry.hop) for frames in shown}
        require(len(sizes) == 1, f"the layers {', '.join(layers)} differ in size or rate and cannot be summed")
        self.geometry, self.dim, self.device = shown[0].geometry, shown[0].dim, device_of(representation)
        self.shift: list[Tensor] | None = None
        self.scale: list[Tensor] | None = None

    def batch(self, utterances: Sequence[Utterance], crop: Crop | None = None, samples: int = 0) -> list[Frames]:
        """K times (B, T, D) frames; with ``crop`` of pieces of about that many ``samples``.

        A frozen encoder hears whole utterances, whose frames are cut; one that learns hears the pieces, for less.
        """
        heard = [torch.from_numpy(self._read(u)) for u in utterances]
        if crop is not None and self.trainable:
            wanted = self.representation.encoder.features.geometry.frames(samples) if self.arrays else samples
            heard = [_cut(x, crop, number, wanted) for number, x in enumerate(heard)]
        lengths_B = torch.tensor([len(x) for x in heard]).to(self.device)
        padded = pad_sequence(heard, batch_first=True).to(self.device)
        with torch.set_grad_enabled(self.trainable and torch.is_grad_enabled()):
            shown = _encode(self.representation, padded, lengths_B)
        layers = [self._standard(shown[name], k) for k, name in enumerate(self.layers)]
        if crop is None or self.trainable:
            return layers
        by_utterance = zip(*(frames.unpad() for frames in layers), strict=True)
        return _side_by_side(list(by_utterance), crop, self.geometry.frames(samples), self.geometry)

    def _read(self, u: Utterance) -> np.ndarray:
        """(L,) samples or (T, D) features."""
        if not self.arrays:
            return read_utterance(u, self.representation.sample_rate)
        found = next((arrays for arrays in self.arrays if u.id in arrays), None)
        require(found is not None, f"the arrays hold nothing for the utterance '{u.id}'; are they of this manifest?")
        return found[u.id]

    def standardise(self, utterances: Sequence[Utterance]) -> None:
        """From now on bring every dimension of every layer to mean 0 and variance 1 over (some of) these utterances."""
        with torch.no_grad():
            self.shift, self.scale = moments(self.batch(group) for group in self.groups(_for_statistics(utterances)))

    def groups(self, utterances: Sequence[Utterance]) -> list[list[Utterance]]:
        """Utterances from long to short in batches of bounded size."""
        by_id = {u.id: u for u in utterances}
        items = utterance_items(utterances, self.representation.sample_rate)
        batches = batches_by_length(items, batch_seconds=BATCH_SECONDS)
        return [[by_id[item.key] for item in batch] for batch in batches]

    def bytes_of(self, utterances: Sequence[Utterance]) -> int:
        """Memory that ``Cached`` needs for these utterances."""
        rate = self.geometry.sample_rate
        frames = sum(self.geometry.frames(samples_of(u.duration, rate)) for u in utterances)
        return 4 * frames * self.dim * len(self.layers)

    def _standard(self, frames: Frames, k: int) -> Frames:
        if self.shift is None:
            return frames
        return frames.with_x((frames.x_BTD - self.shift[k]) * self.scale[k]).masked()


class Cached:
    """Layers computed once for a set of utterances, which are then had by the same calls as of ``Live``."""

    def __init__(self, live: Live, utterances: Sequence[Utterance], progress: Callable[[int, int], None] | None = None):
        self.device, self.geometry = live.device, live.geometry
        self.kept: dict[str, list[Tensor]] = {}
        with torch.no_grad():
            for group in live.groups(utterances):
                for frames in live.batch(group):
                    for u, x_TD in zip(group, frames.unpad(), strict=True):
                        self.kept.setdefault(u.id, []).append(x_TD.cpu().clone())
                if progress is not None:
                    progress(len(self.kept), len(utterances))

    def batch(self, utterances: Sequence[Utterance], crop: Crop | None = None, samples: int = 0) -> list[Frames]:
        """K times (B, T, D) frames; with ``crop`` of pieces of about that many ``samples``."""
        chosen = [self.kept[u.id] for u in utterances]
        layers = _side_by_side(chosen, crop, self.geometry.frames(samples), self.geometry)
        return [replace(x, x_BTD=x.x_BTD.to(self.device), lengths_B=x.lengths_B.to(self.device)) for x in layers]

    def standardise(self, live: Live, utterances: Sequence[Utterance]) -> None:
        """Bring what is kept, and what ``live`` gives from now on, to mean 0 and variance 1 as ``Live.standardise``."""
        live.shift, live.scale = moments(self.batch(group) for group in live.groups(_for_statistics(utterances)))
        for layers in self.kept.values():
            for x_TD, shift_D, scale_D in zip(layers, live.shift, live.scale, strict=True):
                x_TD.sub_(shift_D.cpu()).mul_(scale_D.cpu())


def _for_statistics(utterances: Sequence[Utterance]) -> list[Utterance]:
    """Evenly spread ones, the same whether frames are kept or not."""
    spread = np.linspace(0, len(utterances) - 1, FOR_STATISTICS).round().astype(int)
    return [utterances[i] for i in dict.fromkeys(spread.tolist())]


def _side_by_side(
    chosen: Sequence[Sequence[Tensor]], crop: Crop | None, frames: int, geometry: FrameGeometry
) -> list[Frames]:
    """The layers (T, D) of each utterance, or pieces of them of so many frames, as K padded batches."""
    if crop is not None:
        chosen = [[_cut(x_TD, crop, number, frames) for x_TD in layers] for number, layers in enumerate(chosen)]
    device = chosen[0][0].device
    lengths_B = torch.tensor([len(layers[0]) for layers in chosen], device=device)
    stacks = [pad_sequence(list(layer), batch_first=True) for layer in zip(*chosen, strict=True)]
    return [Frames(x_BTD, lengths_B, geometry) for x_BTD in stacks]


def moments(batches: Iterable[Sequence[Frames]]) -> tuple[list[Tensor], list[Tensor]]:
    """For each layer the (D,) means, and one by the (D,) standard deviations (1 where there is no variation)."""
    count, sums = 0, None
    for layers in batches:
        exact = torch.device("cpu") if layers[0].device.type == "mps" else layers[0].device  # mps has no float64
        x_layers = [frames.masked().x_BTD.to(exact).double() for frames in layers]
        found = [torch.stack([x.sum((0, 1)), x.square().sum((0, 1))]) for x in x_layers]
        sums = found if sums is None else [old + new for old, new in zip(sums, found, strict=True)]
        count += int(layers[0].lengths_B.sum())
    require(sums is not None and count > 0, "the training utterances are too short: none of them has a frame")
    mean = [one / count for one, _ in sums]
    deviation = [(two / count - m.square()).clamp(min=0).sqrt() for (_, two), m in zip(sums, mean, strict=True)]
    scale = [torch.where(d > 1e-5, 1 / d.clamp(min=1e-5), 1.0).float() for d in deviation]
    return [m.float().to(layers[0].device) for m in mean], [one.to(layers[0].device) for one in scale]


def _cut(x: Tensor, crop: Crop, number: int, wanted: int) -> Tensor:
    """``wanted`` entries of the first dimension, or all where there are fewer."""
    if len(x) <= wanted:
        return x
    begin = crop(number, len(x), wanted)
    return x[begin : begin + wanted]
