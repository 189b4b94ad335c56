"""How well units stand for phones, and how they are used.

Purity and PNMI: Hsu et al. 2021 (HuBERT, arXiv:2106.07447), Sec. IV.C. V-measure: Rosenberg and Hirschberg 2007;
its homogeneity is PNMI. All are of frames: the joint counts of a phone and a unit in the same frame.

Letters: P phones, K units, T frames.
"""

from __future__ import annotations

import numpy as np

from ..core import FrameGeometry, require
from ..data.alignments import is_speech
from ..data.manifest import Segment
from ..data.run_length import condense
from .probes.phone import UNSCORED, frame_labels

FIGURES = ("pnmi", "phone_purity", "cluster_purity", "v_measure")


def agreement(count_PK: np.ndarray) -> dict[str, float]:
    """Figures of the joint counts of phones and units; all lie in [0, 1], higher is better.

    ``phone_purity``: frames whose phone is the commonest one of their unit; knowing nothing scores the share of the
    commonest phone, and 1 is reached by a unit for every frame. ``cluster_purity``: frames whose unit is the commonest
    one of their phone; one unit for all scores 1. ``pnmi``: the part of the phones' entropy that the unit takes away,
    I(phone; unit) / H(phone); chance is 0 for many frames per unit. ``v_measure``: the harmonic mean of it and of
    I / H(unit). Purities are to be compared between equal numbers of units only.

    Raises:
        SonantError: no frames, or of one phone only.
    """
    count_PK = np.asarray(count_PK, dtype=np.float64)
    require(count_PK.sum() > 0, "no frame of the units lies in a phone")
    joint_PK = count_PK / count_PK.sum()
    phone_P, unit_K = joint_PK.sum(1), joint_PK.sum(0)
    of_phone, of_unit, of_both = _entropy(phone_P), _entropy(unit_K), _entropy(joint_PK.ravel())
    require(of_phone > 0, "all frames are of one phone; the agreement of units with phones needs two")
    shared = max(of_phone + of_unit - of_both, 0.0)
    homogeneity, completeness = shared / of_phone, shared / of_unit if of_unit > 0 else 1.0
    both = homogeneity + completeness
    return {
        "pnmi": homogeneity,
        "phone_purity": float(joint_PK.max(0).sum()),
        "cluster_purity": float(joint_PK.max(1).sum()),
        "v_measure": 2 * homogeneity * completeness / both if both > 0 else 0.0,
    }


def joint_counts(phone_T: np.ndarray, unit_T: np.ndarray, *, phones: int, units: int) -> np.ndarray:
    """(P, K) frames with a phone (numbers from 0, others do not count) and a unit."""
    kept_T = (phone_T >= 0) & (phone_T < phones)
    pairs = phone_T[kept_T].astype(np.int64) * units + unit_T[kept_T]
    return np.bincount(pairs, minlength=phones * units).reshape(phones, units)


def perplexity(count_K: np.ndarray) -> float:
    """exp of the entropy of how often each unit is used: from 1 to K, K when all are used alike."""
    count_K = np.asarray(count_K, dtype=np.float64)
    return float(np.exp(_entropy(count_K / count_K.sum())))


def mean_run(sequences: list[np.ndarray]) -> float:
    """Mean number of frames for which a unit stays; at least 1."""
    runs = [condense(unit_T)[1] for unit_T in sequences]
    return float(np.concatenate(runs).mean())


def phones_of_frames(
    segments: list[Segment] | None, frames: int, geometry: FrameGeometry, *, number: dict[str, int], silence: bool
) -> np.ndarray:
    """(T,) the phone in which the centre of each frame lies, by ``number`` (which new phones are added to), else -1.

    Args:
        silence: whether silence and noise count as phones.
    """
    kept = [segment for segment in segments or () if silence or is_speech(segment[0])]
    if not kept:
        return np.full(frames, UNSCORED, dtype=np.int64)
    numbered = [(number.setdefault(phone, len(number)), onset, offset) for phone, onset, offset in kept]
    return frame_labels(numbered, frames, geometry)


def _entropy(share: np.ndarray) -> float:
    share = share[share > 0]
    return float(-(share * np.log(share)).sum())
