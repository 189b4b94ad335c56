"""Probabilistic linear discriminant analysis with two covariances: a score for vectors of labelled speakers.

Ioffe 2006 (ECCV) and Brummer and de Villiers 2010 (Odyssey). A vector is

    x = m + y + e        y ~ N(0, B), one for each speaker        e ~ N(0, W), one for each recording

m, B and W are learnt by expectation maximisation; the score of a pair is the log likelihood ratio of one y against two.
Before that, vectors are centred, reduced by linear discriminant analysis if asked for, and brought to length 1
(Garcia-Romero and Espy-Wilson 2011), which makes them more Gaussian.

Letters: N vectors, K speakers, D channels, P pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core import require


@dataclass(frozen=True)
class PLDA:
    """What was learnt: ``m``, a projection (D, E) before the length is normalised, and the basis of both covariances.

    In the basis (E, E), W is the identity and B is diagonal (E,).
    """

    mean_D: np.ndarray
    lda_DE: np.ndarray
    centre_E: np.ndarray
    basis_EE: np.ndarray
    between_E: np.ndarray
    unit: bool

    def project(self, x_ND: np.ndarray) -> np.ndarray:
        """(N, E) vectors in the basis."""
        return (_prepared(x_ND, self.mean_D, self.lda_DE, unit=self.unit) - self.centre_E) @ self.basis_EE

    def score(self, enrol_ND: np.ndarray, test_MD: np.ndarray, enrol_P: np.ndarray, test_P: np.ndarray) -> np.ndarray:
        """(P,) natural log likelihood ratios of pairs that ``enrol_P`` and ``test_P`` number."""
        enrol, test, b = self.project(enrol_ND), self.project(test_MD), self.between_E
        square = -0.5 * b**2 / ((1 + b) * (1 + 2 * b))  # of each side's squares
        constant = 0.5 * np.sum(2 * np.log1p(b) - np.log1p(2 * b))
        alone_N, alone_M = enrol**2 @ square, test**2 @ square
        weighted = enrol * (b / (1 + 2 * b))
        scores_P = np.empty(len(enrol_P))
        for first in range(0, len(enrol_P), 65_536):
            part = slice(first, first + 65_536)
            one, two = enrol_P[part], test_P[part]
            scores_P[part] = np.einsum("pe,pe->p", weighted[one], test[two]) + alone_N[one] + alone_M[two] + constant
        return scores_P


def train_plda(
    x_ND: np.ndarray, speakers: Sequence, *, lda_dim: int | None = None, unit: bool = True, iterations: int = 20
) -> PLDA:
    """Learn from labelled vectors.

    Args:
        x_ND: (N, D) vectors.
        speakers: N labels; at least two speakers, one of them with two vectors.
        lda_dim: reduce to so many channels first; None: no reduction.
        unit: bring vectors to length 1 after that.
        iterations: of expectation maximisation.

    Raises:
        SonantError: too few speakers or vectors, or ``lda_dim`` beyond what they allow.
    """
    x_ND = np.asarray(x_ND, np.float64)
    _, speaker_N = np.unique(np.asarray(speakers), return_inverse=True)
    count_K = np.bincount(speaker_N)
    require(
        len(count_K) >= 2 and count_K.max() >= 2,
        f"PLDA needs several speakers and several vectors of some of them, got {len(x_ND)} vectors of {len(count_K)}",
    )
    mean_D = x_ND.mean(0)
    lda_DE = np.eye(x_ND.shape[1]) if lda_dim is None else _lda(x_ND - mean_D, speaker_N, lda_dim)
    y_NE = _prepared(x_ND, mean_D, lda_DE, unit=unit)
    centre_E = y_NE.mean(0)
    between_EE, within_EE = _maximise(y_NE - centre_E, speaker_N, iterations)
    values_E, basis_EE = _diagonal(between_EE, within_EE)
    return PLDA(mean_D, lda_DE, centre_E, basis_EE, values_E.clip(min=0), unit)


def _prepared(x_ND: np.ndarray, mean_D: np.ndarray, lda_DE: np.ndarray, *, unit: bool) -> np.ndarray:
    y_NE = (np.asarray(x_ND, np.float64) - mean_D) @ lda_DE
    return y_NE / np.linalg.norm(y_NE, axis=1, keepdims=True).clip(min=1e-12) if unit else y_NE


def _lda(x_ND: np.ndarray, speaker_N: np.ndarray, dim: int) -> np.ndarray:
    """(D, dim) directions in which speakers differ most beside what each varies (Fisher 1936)."""
    means_KD, count_K = _means(x_ND, speaker_N)
    most = min(x_ND.shape[1], len(count_K) - 1)
    require(1 <= dim <= most, f"LDA of {len(count_K)} speakers gives at most {most} channels, asked for {dim}")
    within = _covariance(x_ND - means_KD[speaker_N])
    between = _covariance(means_KD[speaker_N])
    return _diagonal(between, _positive(within))[1][:, ::-1][:, :dim]


def _maximise(y_NE: np.ndarray, speaker_N: np.ndarray, iterations: int) -> tuple[np.ndarray, np.ndarray]:
    """B and W of the highest likelihood; speakers with the same number of vectors share their posterior covariance."""
    means_KE, count_K = _means(y_NE, speaker_N)
    scatter_EE = (y_NE - means_KE[speaker_N]).T @ (y_NE - means_KE[speaker_N])
    within = _positive(scatter_EE / max(len(y_NE) - len(count_K), 1))
    between = _positive(_covariance(means_KE))
    for _ in range(iterations):
        new_between, new_within = np.zeros_like(between), scatter_EE.copy()
        for n in np.unique(count_K):
            m_KE = means_KE[count_K == n]
            gain = between @ np.linalg.inv(between + within / n)  # posterior mean of y given the mean of n vectors
            cov = between - gain @ between
            y_KE = m_KE @ gain.T
            new_between += len(m_KE) * cov + y_KE.T @ y_KE
            new_within += n * (len(m_KE) * cov + (m_KE - y_KE).T @ (m_KE - y_KE))
        between, within = _positive(new_between / len(count_K)), _positive(new_within / len(y_NE))
    return between, within


def _diagonal(between: np.ndarray, within: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rising variances (D,) and the basis (D, D) in which ``between`` has them and ``within`` is the identity."""
    inverse = np.linalg.inv(np.linalg.cholesky(within))
    values, vectors = np.linalg.eigh(inverse @ between @ inverse.T)
    return values, inverse.T @ vectors


def _means(x_ND: np.ndarray, speaker_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    count_K = np.bincount(speaker_N)
    sums_KD = np.zeros((len(count_K), x_ND.shape[1]))
    np.add.at(sums_KD, speaker_N, x_ND)
    return sums_KD / count_K[:, None], count_K


def _covariance(x_ND: np.ndarray) -> np.ndarray:
    return x_ND.T @ x_ND / len(x_ND)


def _positive(square: np.ndarray) -> np.ndarray:
    """The same, symmetric in spite of rounding, with no variance below a millionth of the mean."""
    values, vectors = np.linalg.eigh((square + square.T) / 2)
    return (vectors * values.clip(min=max(1e-6 * values.mean(), 1e-12))) @ vectors.T
