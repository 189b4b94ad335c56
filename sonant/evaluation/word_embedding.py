"""Acoustic word embeddings: one vector for every spoken word, scored by word discrimination.

Vectors come from a model that has an embedding, or from the frames of a word brought to one size: by Fourier
resampling (the customary baseline, "downsampling"), by linear interpolation, or by the means of equal blocks.

Letters: N tokens, T frames of one, S samples of one, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from ..core import require, unknown
from ._sd_distances import Progress
from .same_different import SameDifferentResult, same_different

HOWS = ("resample", "interpolate", "blocks")
How = Literal["resample", "interpolate", "blocks"]


def resample(x_TD: np.ndarray, samples: int) -> np.ndarray:
    """(T, D) frames -> (S, D) by the Fourier method: the spectrum along time is cut or filled up with zeros.

    The frames are taken for one period of a signal, as ``scipy.signal.resample`` does, whose numbers these are.
    """
    x_TD = np.asarray(x_TD, np.float64)
    length = len(x_TD)
    spectrum_FD = np.fft.rfft(x_TD, axis=0)[: samples // 2 + 1]
    if samples % 2 == 0 and samples < length:
        spectrum_FD[-1] *= 2.0  # the new highest frequency stands for itself and its mirror image
    elif length % 2 == 0 and length < samples:
        spectrum_FD[length // 2] *= 0.5
    return np.fft.irfft(spectrum_FD, samples, axis=0) * (samples / length)


def interpolate(x_TD: np.ndarray, samples: int) -> np.ndarray:
    """(T, D) frames -> (S, D) on straight lines between frames, at equal steps from the first frame to the last."""
    x_TD = np.asarray(x_TD, np.float64)
    place_S = np.linspace(0, len(x_TD) - 1, samples)
    before_S = np.minimum(place_S.astype(int), max(len(x_TD) - 2, 0))
    after_S = np.minimum(before_S + 1, len(x_TD) - 1)
    share_S1 = (place_S - before_S)[:, None]
    return x_TD[before_S] * (1 - share_S1) + x_TD[after_S] * share_S1


def block_means(x_TD: np.ndarray, samples: int) -> np.ndarray:
    """(T, D) frames -> (S, D) means of S equal stretches of time; a frame on a border counts on both sides by share."""
    edge_S = np.linspace(0, len(x_TD), samples + 1)
    whole_TD = np.concatenate([np.zeros((1, x_TD.shape[1])), np.cumsum(np.asarray(x_TD, np.float64), axis=0)])
    floor_S = np.minimum(edge_S.astype(int), len(x_TD) - 1)
    integral_SD = whole_TD[floor_S] + (edge_S - floor_S)[:, None] * np.asarray(x_TD, np.float64)[floor_S]
    return np.diff(integral_SD, axis=0) * (samples / len(x_TD))


def pooled(words: Sequence[np.ndarray], *, how: How, samples: int = 10, dims: int | None = None) -> np.ndarray:
    """(N, S * D) float64 vectors of words, dimension by dimension (all S samples of the first, then the next).

    Args:
        words: (T, D) frames of each token.
        how: ``resample``, ``interpolate`` or ``blocks``.
        samples: S; 10 is customary.
        dims: use only the first dimensions, such as the 13 static ones of 39; None: all.
    """
    if how not in HOWS:
        raise unknown("way to a vector", how, HOWS)
    require(samples >= 1, f"samples must be at least 1, got {samples}")
    vector = next((number for number, x in enumerate(words) if np.ndim(x) != 2), None)
    require(vector is None, f"token {vector} is no array of (frames, dimensions); vectors need no way to become one")
    size = min((x.shape[1] for x in words), default=0)
    require(dims is None or 1 <= dims <= size, f"dims must be from 1 to {size}, the size of a frame, got {dims}")
    empty = next((number for number, x in enumerate(words) if len(x) == 0), None)
    require(empty is None, f"token {empty} has no frames")
    bring = {"resample": resample, "interpolate": interpolate, "blocks": block_means}[how]
    return np.stack([bring(x[:, :dims], samples).T.ravel() for x in words])


def standardise(x_ND: np.ndarray) -> np.ndarray:
    """Every dimension with mean 0 and (population) variance 1 over the tokens; constant dimensions become 0."""
    x_ND = np.asarray(x_ND, np.float64)
    scale_D = x_ND.std(axis=0)
    return (x_ND - x_ND.mean(axis=0)) / np.where(scale_D > 0, scale_D, 1.0)


def word_embedding(
    words: Sequence[np.ndarray],
    labels: Sequence[str],
    speakers: Sequence[str] | None = None,
    *,
    how: How | None = None,
    samples: int = 10,
    dims: int | None = None,
    mvn: bool = False,
    distance: str = "cosine",
    progress: Progress | None = None,
    **settings: Any,
) -> SameDifferentResult:
    """Score one vector per word by word discrimination.

    Args:
        words: (T, D) frames of each token, made vectors by ``how``; or (D,) vectors with ``how=None``.
        how, samples, dims: as ``pooled``.
        mvn: standardise every dimension over these tokens first.
        distance: between vectors, see ``same_different.vector_distances``.
        settings: ``ties`` and ``precision``, as ``same_different``.
    """
    vectors, made = vectors_of(words, how=how, samples=samples, dims=dims, mvn=mvn)
    scored = same_different(list(vectors), labels, speakers, distance=distance, progress=progress, **settings)
    return replace(scored, settings={**scored.settings, **made})


def vectors_of(
    words: Sequence[np.ndarray], *, how: How | None, samples: int, dims: int | None, mvn: bool
) -> tuple[np.ndarray, dict[str, Any]]:
    """(N, D) vectors of words and the settings that made them; arguments as ``word_embedding``."""
    if how is None:
        frames = next((number for number, word in enumerate(words) if np.ndim(word) != 1), None)
        require(frames is None, f"token {frames} is no vector: tell how frames become one (--how): {', '.join(HOWS)}")
        require(len({len(word) for word in words}) == 1, "all vectors must be of one size")
        vectors, made = np.stack(words), {"how": "given"}
    else:
        vectors = pooled(words, how=how, samples=samples, dims=dims)
        made = {"how": how, "samples": samples, "dims": dims}
    return (standardise(vectors) if mvn else vectors), {**made, "mvn": mvn}
