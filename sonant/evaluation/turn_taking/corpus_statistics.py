"""What the dialogues of a corpus are like: which futures occur how often, and how many events of which length.

Letters: T frames, K classes, N regions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from ...objectives.projection import Window, bins_of_class, class_of_bins, future_activity, projection_bins
from .states import dialogue_states

LOUDEST = 8  # classes that a summary names


def class_counts(activity_TC: np.ndarray, window: Window) -> np.ndarray:
    """(K,) how many frames have each class as their future; after the end of the dialogue nobody speaks."""
    activity_TC = torch.from_numpy(np.ascontiguousarray(activity_TC, dtype=np.uint8))
    future_TC = future_activity(activity_TC, frames=len(activity_TC), window=window)
    index_T = class_of_bins(projection_bins(future_TC, window))
    return np.bincount(index_T.numpy(), minlength=window.n_classes)


def entropy_nats(count_K: np.ndarray) -> float:
    """Entropy of a histogram, in nats: what the cross-entropy of a model that knows only it would be."""
    share_K = count_K[count_K > 0] / count_K.sum()
    return float(-(share_K * np.log(share_K)).sum())


def picture(index: int, n_bins: int) -> str:
    """A class as two rows of bins, nearest first: ``ooo. / ...o``, ``o`` where active."""
    bins_CN = bins_of_class(torch.tensor(index), n_bins).tolist()
    return " / ".join("".join("o" if bit else "." for bit in row) for row in bins_CN)


@dataclass
class CorpusStatistics:
    """Sums over dialogues.

    Args:
        window: of the classes; its rate is that of the activity.
    """

    window: Window
    dialogues: int = 0
    frames: int = 0
    state_4: np.ndarray = field(default_factory=lambda: np.zeros(4, dtype=np.int64))
    class_K: np.ndarray | None = None
    lengths: dict[str, list[int]] = field(default_factory=dict)  # frames of every region, by kind

    def add(self, activity_TC: np.ndarray, events: Mapping[str, np.ndarray]) -> None:
        """Count one dialogue and its events."""
        self.dialogues += 1
        self.frames += len(activity_TC)
        self.state_4 += np.bincount(dialogue_states(activity_TC), minlength=4)
        counts_K = class_counts(activity_TC, self.window)
        self.class_K = counts_K if self.class_K is None else self.class_K + counts_K
        for kind, table_N3 in events.items():
            self.lengths.setdefault(kind, []).extend((table_N3[:, 1] - table_N3[:, 0]).tolist())

    def summary(self) -> dict:
        """Everything as plain numbers: hours, shares of states, classes, and events by kind. Lengths are in seconds."""
        total, rate = max(self.frames, 1), self.window.rate
        states = ("only_0", "silence", "both", "only_1")
        return {
            "dialogues": self.dialogues,
            "frames": self.frames,
            "hours": self.frames / rate / 3600,
            "states": {name: float(n / total) for name, n in zip(states, self.state_4, strict=True)},
            "classes": self._classes(total),
            "events": {kind: lengths_of(np.array(x), rate) for kind, x in self.lengths.items()},
        }

    def _classes(self, total: int) -> dict:
        count_K = np.zeros(self.window.n_classes, dtype=np.int64) if self.class_K is None else self.class_K
        order = np.argsort(-count_K, kind="stable")[:LOUDEST]
        nats = entropy_nats(count_K) if count_K.any() else 0.0
        return {
            "entropy_nats": nats,
            "entropy_bits": nats / math.log(2),
            "occurring": int((count_K > 0).sum()),
            "most": [
                {"class": int(k), "bins": picture(int(k), self.window.n_bins), "share": float(count_K[k] / total)}
                for k in order
                if count_K[k]
            ],
            "histogram": count_K.tolist(),
        }


EDGES_S = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # s, of the histogram of durations; the last bin is open


def lengths_of(frames_N: np.ndarray, rate: float, edges_s: Iterable[float] = EDGES_S) -> dict:
    """How many regions there are, and how long: total, mean and median in seconds, and a histogram."""
    seconds_N = np.asarray(frames_N, dtype=float) / rate
    edges = [*edges_s, math.inf]
    found = {"count": len(seconds_N), "seconds": float(seconds_N.sum())}
    if len(seconds_N):
        found |= {"mean": float(seconds_N.mean()), "median": float(np.median(seconds_N))}
    counts, _ = np.histogram(seconds_N, bins=edges)
    return {**found, "edges": list(edges_s), "histogram": counts.tolist()}
