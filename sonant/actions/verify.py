"""How well vectors or scores tell speakers apart on a list of trials, as one line of ``results.jsonl``.

Letters: P trials, N names, D channels.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ..build import load
from ..core import Representation, SonantError, check_device, require, unknown
from ..core.files import write_text
from ..data.arrays import ArrayReader
from ..data.manifest import RECORDINGS, Manifest, Utterance
from ..data.scores import read_scores
from ..data.sources import find_utterances
from ..data.trials import Trials, match_names, read_trials
from ..evaluation import verification
from ..evaluation.bootstrap import interval
from ..evaluation.plda import train_plda
from ..evaluation.score_norm import Norm, normalised_scores
from ..evaluation.utterance_vectors import Pool, unit, utterance_vectors
from ..reports import Result

Scoring = ("full", "crops", "both")


@dataclass(frozen=True)
class VerifyConfig:
    """How trials are scored and what is reported."""

    layer: str | None = None  # of the model; None: its embedding, or its default layer
    pool: Pool = "mean"  # of frames, for models without an embedding
    scoring: str = "full"  # whole utterances, crops (the mean cosine over all pairs of crops), or the mean of both
    crops: int = 10  # of each utterance
    crop_seconds: float = 4.0  # s
    norm: Norm = "none"  # of scores by the cohort
    top: int = 300  # highest cohort scores that count with norm as
    unbiased: bool = True  # deviation of cohort scores; wespeaker has the population's
    centre: bool = False  # subtract the cohort's mean vector first (wespeaker)
    whiten: bool = False  # divide every channel by its deviation over the cohort first
    plda: bool = False  # in place of the cosine, learnt from the cohort and its speakers
    lda_dim: int | None = None  # channels that discriminant analysis keeps before PLDA
    p_target: float = 0.01  # prior of a target trial in minDCF
    c_miss: float = 1.0
    c_fa: float = 1.0
    variant: verification.Variant = "exact"  # of EER and minDCF
    bootstrap: int = 0  # resamples for intervals of 95 %; 0: none


@dataclass(frozen=True)
class Verified:
    """Scores with what they say.

    Attributes:
        figures: ``eer``, ``min_dcf``, ``eer_hull`` and others, shares in [0, 1].
        intervals: 95 % of resampled figures lie between these, by name.
        scores_P: one for each trial.
    """

    trials: Trials
    scores_P: np.ndarray
    figures: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    skipped: tuple[str, ...]
    seconds: float


def verify(
    trials: str | Path,
    *,
    model: str | Path | Representation | None = None,
    audio: str | Path | None = None,
    embeddings: str | Path | None = None,
    cohort: str | Path | None = None,
    device: str = "cpu",
    strict: bool = False,
    name: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    settings: VerifyConfig | None = None,
) -> tuple[Verified, Result]:
    """Score a list of trials with a model on audio, or with vectors on disk.

    Args:
        trials: list of VoxCeleb (``label enrol test``), of Kaldi (``enrol test target``) or like them.
        model, audio: what ``sonant.load`` takes; the folder, manifest or ``wav.scp`` with the audio of the trials.
        embeddings: in their place, arrays (D,) or (crops, D) by utterance; then ``cohort`` is such arrays too.
        cohort: for normalisation, centring, whitening and PLDA: audio or manifest of other speakers. PLDA needs a
            manifest with speakers.
        strict: an utterance that cannot be read is an error; otherwise its trials are left out, and counted.
        name: how the result calls what was scored; by default the path.
        progress: called with (done, all) utterances.

    Returns:
        Scores and figures, and the line for ``results.jsonl``.
    """
    cfg, began = settings or VerifyConfig(), time.perf_counter()
    _check(cfg, model, audio, embeddings, cohort)
    check_device(device)
    listed = read_trials(trials)
    skipped: dict[str, str] = {}
    source = _Source(cfg, _loaded(model, device), skipped, strict, progress)
    if embeddings is None:
        sides = source.of_audio(listed.names, Path(audio))
        others = None if cohort is None else source.of_cohort(Path(cohort))
    else:
        sides = [_of_arrays(listed.names, embeddings)]
        others = None if cohort is None else ([_all_arrays(cohort)], [])
    kept = _with_both(listed, sides[0])
    require(len(kept), f"no trial of '{trials}' is left: all utterances failed, see above")
    scores_P = np.mean([_score(kept, s, o, others and others[1], cfg) for s, o in _zipped(sides, others)], axis=0)
    verified = _judged(kept, scores_P, cfg, tuple(skipped), began)
    title = name or ("" if isinstance(model, Representation) else str(model or embeddings))
    return verified, _line(verified, title, trials, cfg, source.seed)


def verify_scores(
    path: str | Path, *, name: str | None = None, settings: VerifyConfig | None = None
) -> tuple[Verified, Result]:
    """The figures of scores on file (``sonant.data.scores``); Cllr and actual DCF besides. Returns as ``verify``."""
    cfg, began = settings or VerifyConfig(), time.perf_counter()
    trials, scores_P = read_scores(path)
    verified = _judged(trials, scores_P, cfg, (), began)
    figures = {"cllr": verification.cllr(scores_P, trials.target_P)}
    costs = {"p_target": cfg.p_target, "c_miss": cfg.c_miss, "c_fa": cfg.c_fa}
    figures["act_dcf"] = verification.act_dcf(scores_P, trials.target_P, **costs)
    verified.figures.update(figures)
    return verified, _line(verified, name or str(path), path, cfg, None)


def trial_evaluator(
    trials: str | Path, audio: str | Path, *, settings: VerifyConfig | None = None
) -> Callable[[Representation, int], dict[str, float]]:
    """For the training engine: EER and minDCF of the model as it is; the list is read, and the audio found, once."""
    listed = read_trials(trials)
    named = _named(listed.names, Path(audio))
    cfg = settings or VerifyConfig()

    def evaluate(representation: Representation, step: int) -> dict[str, float]:
        source = _Source(cfg, representation, {}, strict=False, progress=None)
        vectors = source.of_named(named)[0]
        kept = _with_both(listed, vectors)
        verified = _judged(kept, _score(kept, vectors, None, None, cfg), cfg, (), time.perf_counter())
        return {"eer": verified.figures["eer"], "min_dcf": verified.figures["min_dcf"]}

    return evaluate


def write_scores(path: str | Path, verified: Verified) -> None:
    """A line ``enrol test score label`` for each trial."""
    t = verified.trials
    rows = zip(t.enrol_P.tolist(), t.test_P.tolist(), verified.scores_P.tolist(), t.target_P.tolist(), strict=True)
    lines = (f"{t.names[a]} {t.names[b]} {score:.6f} {'target' if same else 'nontarget'}" for a, b, score, same in rows)
    write_text(path, "\n".join(lines) + "\n")


@dataclass
class _Source:
    """Vectors of a model, once or twice (whole, crops), as ``cfg.scoring`` says."""

    cfg: VerifyConfig
    representation: Representation | None
    skipped: dict[str, str]
    strict: bool
    progress: Callable[[int, int], None] | None

    @property
    def seed(self) -> int | None:
        return None if self.representation is None else self.representation.config.get("training", {}).get("seed")

    def of_audio(self, names: Sequence[str], audio: Path) -> list[dict[str, np.ndarray]]:
        return self.of_named(_named(names, audio))

    def of_named(self, utterances: Mapping[str, Utterance]) -> list[dict[str, np.ndarray]]:
        return self._vectors([replace(u, id=name) for name, u in utterances.items()])

    def of_cohort(self, place: Path) -> tuple[list[dict[str, np.ndarray]], list[str]]:
        if not (place / RECORDINGS).is_file():
            return self._vectors(find_utterances(place)), []
        utterances = list(Manifest.open(place))
        found = self._vectors(utterances)
        speaker = {u.id: u.speaker for u in utterances}
        return found, [speaker[key] for key in found[0]]

    def _vectors(self, utterances: Sequence[Utterance]) -> list[dict[str, np.ndarray]]:
        cfg = self.cfg
        counts = {"full": [0], "crops": [cfg.crops], "both": [0, cfg.crops]}[cfg.scoring]
        options = {"layer": cfg.layer, "pool": cfg.pool, "strict": self.strict, "progress": self.progress}
        return [
            utterance_vectors(
                self.representation, utterances, crops=n, crop_seconds=cfg.crop_seconds, on_error=self._tell, **options
            )
            for n in counts
        ]

    def _tell(self, key: str, error: SonantError) -> None:
        if key not in self.skipped:
            self.skipped[key] = str(error)
            print(f"sonant: skipped {key}: {error}", file=sys.stderr)


def _loaded(model: str | Path | Representation | None, device: str) -> Representation | None:
    return model if model is None or isinstance(model, Representation) else load(model, device=device)


def _check(cfg: VerifyConfig, model, audio, embeddings, cohort) -> None:
    if cfg.scoring not in Scoring:
        raise unknown("scoring", cfg.scoring, Scoring)
    require(
        (model is None) != (embeddings is None),
        "trials are scored with either a model and the audio, or embeddings on disk: give one of them",
    )
    require(model is None or audio is not None, "a model needs the audio of the trials: give its folder or manifest")
    wanted = cfg.norm != "none" or cfg.centre or cfg.whiten or cfg.plda
    require(cohort is not None or not wanted, "norm, centre, whiten and PLDA need a cohort of other speakers")
    require(cohort is None or wanted, "a cohort changes nothing without norm, centre, whiten or PLDA")
    require(not (cfg.plda and embeddings), "PLDA needs the speakers of a manifest: give a model, not embeddings")


def _named(names: Sequence[str], audio: Path) -> dict[str, Utterance]:
    """The utterance that each name of the trials means."""
    utterances = find_utterances(audio)
    rows = match_names(names, [u.id for u in utterances], [u.path for u in utterances], place=f"'{audio}'")
    return {name: utterances[row] for name, row in zip(names, rows.tolist(), strict=True)}


def _with_both(trials: Trials, vectors: Mapping[str, np.ndarray]) -> Trials:
    """The trials both of whose recordings have a vector."""
    there = np.array([name in vectors for name in trials.names])
    kept_P = there[trials.enrol_P] & there[trials.test_P]
    return Trials(trials.names, trials.enrol_P[kept_P], trials.test_P[kept_P], trials.target_P[kept_P])


def _of_arrays(names: Sequence[str], place: str | Path) -> dict[str, np.ndarray]:
    with ArrayReader(place) as arrays:
        keys = list(arrays)
        rows = match_names(names, keys, keys, place=f"'{place}'")
        return {name: _mean_of_units(arrays[keys[row]]) for name, row in zip(names, rows.tolist(), strict=True)}


def _all_arrays(place: str | Path) -> dict[str, np.ndarray]:
    with ArrayReader(place) as arrays:
        return {key: _mean_of_units(arrays[key]) for key in arrays}


def _mean_of_units(x: np.ndarray) -> np.ndarray:
    return unit(x) if x.ndim == 1 else np.mean([unit(row) for row in x], axis=0)


def _zipped(sides: list, others: tuple[list, list] | None):
    return zip(sides, [None] * len(sides) if others is None else others[0], strict=True)


def _score(
    trials: Trials, vectors: Mapping[str, np.ndarray], cohort: Mapping | None, speakers: list | None, cfg: VerifyConfig
) -> np.ndarray:
    x_ND = np.stack([vectors[n] if n in vectors else np.zeros_like(next(iter(vectors.values()))) for n in trials.names])
    c_CD = None if cohort is None else np.stack(list(cohort.values()))
    if cfg.plda:
        require(bool(speakers) and None not in speakers, "PLDA needs a manifest with a speaker for every utterance")
        return train_plda(c_CD, speakers, lda_dim=cfg.lda_dim).score(x_ND, x_ND, trials.enrol_P, trials.test_P)
    if cfg.centre or cfg.whiten:
        mean_D, std_D = c_CD.mean(0), c_CD.std(0).clip(min=1e-9) if cfg.whiten else 1.0
        x_ND, c_CD = (np.stack([unit(row) for row in (y - mean_D) / std_D]) for y in (x_ND, c_CD))
    x_ND = torch.from_numpy(x_ND).float()
    numbers = (torch.from_numpy(side.astype(np.int64)) for side in (trials.enrol_P, trials.test_P))
    options = {"norm": cfg.norm, "top": cfg.top, "unbiased": cfg.unbiased}
    cohort_CD = None if c_CD is None else torch.from_numpy(c_CD).float()
    return normalised_scores(x_ND, x_ND, *numbers, cohort_CD=cohort_CD, **options).double().numpy()


def _judged(
    trials: Trials, scores_P: np.ndarray, cfg: VerifyConfig, skipped: tuple[str, ...], began: float
) -> Verified:
    same_P = trials.target_P
    costs = {"p_target": cfg.p_target, "c_miss": cfg.c_miss, "c_fa": cfg.c_fa, "variant": cfg.variant}

    def eer(kept: np.ndarray) -> float:
        return (
            verification.equal_error_rate(scores_P[kept], same_P[kept], variant=cfg.variant)
            if _both(same_P[kept])
            else np.nan
        )

    def dcf(kept: np.ndarray) -> float:
        return verification.min_dcf(scores_P[kept], same_P[kept], **costs) if _both(same_P[kept]) else np.nan

    every = np.arange(len(scores_P))
    figures = {"eer": eer(every), "min_dcf": dcf(every), "eer_hull": verification.hull_error_rate(scores_P, same_P)}
    if cfg.plda:
        figures["cllr"] = verification.cllr(scores_P, same_P)
    intervals = {}
    if cfg.bootstrap:
        for name, figure in (("eer", eer), ("min_dcf", dcf)):
            intervals[name] = interval(figure, trials.enrol_P, resamples=cfg.bootstrap)
    return Verified(trials, scores_P, figures, intervals, skipped, time.perf_counter() - began)


def _both(same_P: np.ndarray) -> bool:
    return bool(same_P.any() and not same_P.all())


def _line(verified: Verified, title: str, trials: str | Path, cfg: VerifyConfig, seed: int | None) -> Result:
    count, targets = len(verified.scores_P), int(verified.trials.target_P.sum())
    return Result(
        task="verification",
        figure=verified.figures,
        settings={key: value for key, value in asdict(cfg).items() if value is not None},
        model=title,
        data=Path(trials).name,
        seed=seed,
        seconds=round(verified.seconds, 3),
        extra={
            "trials": count, "targets": targets, "skipped": len(verified.skipped),
            **({"intervals": {k: list(v) for k, v in verified.intervals.items()}} if verified.intervals else {}),
        },
    )  # fmt: skip
