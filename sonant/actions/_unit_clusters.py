"""k-means on frames on disk, block by block, from where an interruption left it.

Letters: N frames, D channels, K clusters.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core import require
from ..core.files import write_atomically
from ..data.cloud import DTYPE, Cloud
from ..nn.kmeans import assign
from ..nn.minibatch_kmeans import RunningMeans, best_start

STATE = "fit.safetensors"
BLOCK_BYTES = 128_000_000  # frames in memory at once, at most; and at most an eighth of the budget
SAVE_SECONDS = 30.0


@dataclass(frozen=True)
class KMeansConfig:
    """Settings of a fit; scikit-learn's and GSLM's names beside them."""

    k: int
    tries: int = 3  # n_init: k-means++ starts; the best on a sample of the frames is gone on with
    epochs: int = 20  # max_iter: passes over the frames at most
    tol: float = 1e-3  # ends when a pass lowers the inertia by less than this part of it; 0: all epochs
    batch: int = 10_000  # batch_size: frames of a step
    seed: int = 0

    def __post_init__(self):
        require(self.k >= 1, f"k must be at least 1, got {self.k}")
        require(
            self.tries >= 1 and self.epochs >= 1 and self.batch >= 1,
            f"tries, epochs and batch must be at least 1, got {self.tries}, {self.epochs} and {self.batch}",
        )
        require(0 <= self.tol < 1, f"tol must lie in [0, 1), got {self.tol}")


@dataclass(frozen=True)
class Fitted:
    """What a fit found.

    Attributes:
        centroids_KD: float32.
        inertia: mean squared distance per frame over all frames.
        frames_K: frames of each cluster.
        epochs: passes that were made.
        seconds: spent, those before interruptions included.
    """

    centroids_KD: Tensor
    inertia: float
    frames_K: Tensor
    epochs: int
    seconds: float


def fit_clusters(
    cloud: Cloud,
    cfg: KMeansConfig,
    *,
    rows: int,
    folder: str | Path,
    mark: dict[str, Any],
    budget: int,
    device: str = "cpu",
    save_seconds: float = SAVE_SECONDS,
    progress: Callable[[int, int], None] | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Fitted:
    """Fit ``cfg.k`` clusters to the first ``rows`` frames of a cloud.

    Args:
        folder: for the state, from which an interrupted fit of the same ``mark`` goes on; equal to one without
            interruption.
        mark: what tells this fit from others.
        budget: bytes of memory for frames.
        save_seconds: time between two states on disk.
        progress: called with (blocks done, blocks of all epochs).
        tell: called with a line after each pass.
    """
    require(
        cfg.k <= rows,
        f"k-means finds at most as many clusters as frames: {cfg.k} of {rows}; give more audio or lower k",
    )
    size = int(min(BLOCK_BYTES, budget // 8) // (DTYPE.itemsize * cloud.dim))
    fit = _Fit(cloud, cfg, rows, max(size, cfg.batch), Path(folder) / STATE, mark, device)
    fit.load()
    while not fit.over:
        fit.epoch(save_seconds, progress, tell)
    inertia, frames_K = _score(cloud, fit.means.centroids_KD, rows, cfg.batch)
    return Fitted(fit.means.centroids_KD.cpu(), inertia, frames_K, fit.turn, fit.seconds)


class _Fit:
    """A fit under way: ``turn`` passes are over, and ``block`` blocks of the next."""

    def __init__(self, cloud, cfg: KMeansConfig, rows: int, size: int, path: Path, mark: dict, device: str):
        self.cloud, self.cfg, self.rows, self.size = cloud, cfg, rows, size
        self.path, self.mark, self.device = path, {**mark, "rows": rows, "block": size}, device
        self.blocks = cloud.count_blocks(size, rows=rows)
        self.turn, self.block, self.before, self.over, self.earlier = 0, 0, float("inf"), False, 0.0
        self.began = time.perf_counter()
        self.means: RunningMeans

    @property
    def seconds(self) -> float:
        return self.earlier + time.perf_counter() - self.began

    def load(self) -> None:
        """Go on from the state on disk, or begin."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, "pt") as stored:
                said = json.loads(stored.metadata()["state"])
                if said["mark"] == json.loads(json.dumps(self.mark)):
                    tensors = {name: stored.get_tensor(name).to(self.device) for name in stored.keys()}  # noqa: SIM118
                    self.means = RunningMeans(**tensors, distance=said["distance"])
                    self.turn, self.block, self.over = said["turn"], said["block"], said["over"]
                    self.before = float("inf") if said["before"] is None else said["before"]
                    self.earlier = said["seconds"]
                    return
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):
            pass  # none, or of no use: begin
        cfg = self.cfg
        sample_ND = self.cloud.sample(max(3 * cfg.batch, 10 * cfg.k), rows=self.rows, seed=cfg.seed)
        start_KD = best_start(torch.from_numpy(sample_ND).to(self.device), cfg.k, tries=cfg.tries, seed=cfg.seed)
        self.means = RunningMeans.of(start_KD)

    def save(self) -> None:
        from safetensors.torch import save

        said = {
            "mark": self.mark, "turn": self.turn, "block": self.block, "over": self.over, "seconds": self.seconds,
            "before": None if self.before == float("inf") else self.before, "distance": self.means.distance,
        }  # fmt: skip
        tensors = {name: getattr(self.means, name).cpu() for name in ("centroids_KD", "weight_K", "pass_K")}
        data = save(tensors, {"state": json.dumps(said)})
        write_atomically(self.path, lambda stream: stream.write(data))

    def epoch(self, save_seconds: float, progress: Callable[[int, int], None] | None, tell: Callable) -> None:
        """What is left of a pass over the frames."""
        cfg, saved = self.cfg, time.perf_counter()
        if self.block == 0:
            self.means.begin()
        options = {"rows": self.rows, "seed": cfg.seed, "turn": self.turn, "first": self.block}
        for block_ND in self.cloud.blocks(self.size, **options):
            x_ND = torch.from_numpy(block_ND).to(self.device)
            for batch_ND in x_ND.split(cfg.batch):
                self.means.update(batch_ND)
            self.block += 1
            if self.block == self.blocks:
                self._finish_pass(x_ND[: cfg.batch], tell)
            if self.block == 0 or time.perf_counter() - saved >= save_seconds:
                self.save()
                saved = time.perf_counter()
            if progress is not None:
                progress(self.turn * self.blocks + self.block, cfg.epochs * self.blocks)

    def _finish_pass(self, x_ND: Tensor, tell: Callable[[str], None]) -> None:
        inertia = self.means.inertia
        revived = self.means.revive(x_ND, seed=self.cfg.seed + self.turn)
        gain = 1.0 if self.before == float("inf") else (self.before - inertia) / max(self.before, 1e-30)
        self.turn, self.block, self.before = self.turn + 1, 0, inertia
        self.over = self.turn >= self.cfg.epochs or (self.cfg.tol > 0 and gain < self.cfg.tol and not revived)
        left = 0 if self.over else self.seconds / self.turn * (self.cfg.epochs - self.turn)
        empty = f", {revived} empty clusters began anew" if revived else ""
        tell(
            f"k-means, pass {self.turn} of at most {self.cfg.epochs}: {inertia:.6g} per frame{empty}; "
            f"{self.seconds:.0f} s so far, at most {left:.0f} s left"
        )


@torch.no_grad()
def _score(cloud: Cloud, centroids_KD: Tensor, rows: int, step: int) -> tuple[float, Tensor]:
    """Mean squared distance of all frames, and the frames of each cluster."""
    total, frames_K = 0.0, torch.zeros(len(centroids_KD), dtype=torch.int64)
    for first in range(0, rows, step):
        x_ND = torch.from_numpy(cloud.read(first, min(first + step, rows))).to(centroids_KD.device)
        cluster_N, distance_N = assign(x_ND, centroids_KD)
        total += float(distance_N.double().sum())
        frames_K += torch.bincount(cluster_N.cpu(), minlength=len(centroids_KD))
    return total / rows, frames_K
