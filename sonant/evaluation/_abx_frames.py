"""The frames of every ABX token, as the distance wants them.

Letters: N items, F frames, D dimensions, T frames of one token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from ..core import SonantError, require
from ..nn.frame_distance import Operands, operands, unit_frames
from ._abx_items import Items, Slicing, spans


@dataclass(frozen=True)
class Spanned:
    """The frames that items span.

    Attributes:
        frames_FD: frames of all files, one after the other.
        first_N, length_N: frames ``first_N[i] .. first_N[i] + length_N[i] - 1`` belong to item ``kept_N[i]``.
        kept_N: items that have at least one frame.
    """

    frames_FD: torch.Tensor
    first_N: np.ndarray
    length_N: np.ndarray
    kept_N: np.ndarray


def span_features(items: Items, features: Mapping[str, Any], *, rate: Fraction, slicing: Slicing) -> Spanned:
    """Find the frames of every item in the features of its file.

    Args:
        features: name of a file -> (T, D) array or tensor, (T,) for unit ids.

    Raises:
        SonantError: files without features; arrays that are not (T, D) of one D and finite; with ``fastabx``
            slicing, an item without a frame (``librilight`` passes over it).
    """
    files = items.files
    missing = [name for name in files if name not in features]
    require(
        not missing,
        f"{len(missing)} of the {len(files)} files of {items.source} have no features: {', '.join(missing[:5])}"
        f"{', ...' if len(missing) > 5 else ''}; features are found by the names in the item file",
    )
    arrays = [_checked(features[name], name) for name in files]
    wide = next((name for name, x in zip(files, arrays, strict=True) if x.shape[1] != arrays[0].shape[1]), None)
    require(wide is None, f"the features of '{files[0]}' and '{wide}' differ in size: one representation per score")
    count = np.array([len(x) for x in arrays])
    file_N = np.searchsorted(files, items.file)
    span_N2 = spans(items, rate=rate, slicing=slicing)
    begin_N, end_N = np.maximum(span_N2[:, 0], 0), np.minimum(span_N2[:, 1], count[file_N])
    empty = np.flatnonzero(end_N <= begin_N)
    if slicing == "fastabx" and len(empty):
        first = int(empty[0])
        raise SonantError(
            f"{len(empty)} of {len(items)} items have no frame at {rate} frames per second, the first of them "
            f"{items.describe(first)} among the {count[file_N[first]]} frames of its file; is the rate right? "
            "(librilight slicing passes over such items)"
        )
    kept_N = np.flatnonzero(end_N > begin_N)
    first_N = (np.cumsum(count) - count)[file_N] + begin_N
    return Spanned(torch.cat(arrays), first_N[kept_N], (end_N - begin_N)[kept_N], kept_N)


def _checked(array: Any, name: str) -> torch.Tensor:
    x = torch.as_tensor(array)
    x = x[:, None] if x.dim() == 1 else x
    require(x.dim() == 2, f"the features of '{name}' must be (frames, dimensions), got shape {tuple(x.shape)}")
    require(bool(torch.isfinite(x).all()), f"the features of '{name}' contain NaN or infinite numbers")
    return x.cpu() if not x.is_floating_point() else x.detach().cpu().float()


def prepare(spanned: Spanned, settings: dict[str, Any]) -> tuple[Operands, np.ndarray, np.ndarray]:
    """Frames as operands of the distance, and where each token lies in them."""
    frames_FD, first_N, length_N = spanned.frames_FD, spanned.first_N, spanned.length_N
    normalise, distance = settings["normalise"], settings["distance"]
    if normalise is None:
        normalise = distance in ("angular", "cosine")
    if normalise and distance != "identical":
        frames_FD = unit_frames(frames_FD, settings["zero_frames"])
    if settings["pooling"] != "none":
        frames_FD = _pooled(frames_FD, first_N, length_N, hamming=settings["pooling"] == "hamming")
        first_N, length_N = np.arange(len(first_N)), np.ones(len(first_N), np.int64)
    dtype = torch.float64 if settings["precision"] == "float64" else torch.float32
    return operands(frames_FD, distance, dtype=dtype), first_N, length_N


def _pooled(frames_FD: torch.Tensor, first_N: np.ndarray, length_N: np.ndarray, *, hamming: bool) -> torch.Tensor:
    """(N, D) means of the frames of each token, weighted by a symmetric Hamming window on demand."""
    pooled = []
    for first, length in zip(first_N.tolist(), length_N.tolist(), strict=True):
        weights_T = torch.from_numpy(np.hamming(length)) if hamming else torch.ones(length, dtype=torch.float64)
        frames_TD = frames_FD[first : first + length].double()
        pooled.append(weights_T @ frames_TD / weights_T.sum())
    return torch.stack(pooled)
