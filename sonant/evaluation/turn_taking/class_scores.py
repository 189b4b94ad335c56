"""How often the most probable future is the true one: the metrics of the first unit language models with projection.

Ekstedt, January 2022: the class among the first guesses, everywhere and in mutual silence; in silence also who speaks
next, by who alone speaks first in the most probable class. A silence between two stretches of solo speech is a hold
where both are of one speaker, else a shift. Frames of the first second are left out.

Letters: T frames, C = 2 speakers, K classes, G guesses, S silent frames.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...objectives.class_accuracy import top_accuracy
from ...objectives.projection import bins_of_count, first_speaker_of_class

GUESSES = 5
SKIPPED_S = 1.0  # s at the beginning (the first 50 frames)


def turns_of_silence(activity_TC: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T,) the last and (T,) the next sole speaker of every silent frame, 0 or 1; -1 of all others, and of silences
    that do not lie right between two stretches of solo speech."""
    a_T, b_T = np.asarray(activity_TC).astype(int).T
    state_T = np.where(a_T + b_T == 1, b_T, np.where(a_T + b_T == 0, 2, 3))  # 0, 1: alone; 2: silence; 3: both
    last_T, next_T = np.full(len(state_T), -1), np.full(len(state_T), -1)
    edge = np.flatnonzero(np.diff(state_T == 2, prepend=False, append=False))
    for start, end in edge.reshape(-1, 2).tolist():
        if start and end < len(state_T) and state_T[start - 1] < 2 and state_T[end] < 2:
            last_T[start:end], next_T[start:end] = state_T[start - 1], state_T[end]
    return last_T, next_T


class ClassScores:
    """Counts over dialogues. All scores lie in [0, 1], higher is better."""

    def __init__(self, rate: float):
        self.skipped = round(SKIPPED_S * rate)
        self.frames, self.silent = 0, 0
        self.top_G, self.silent_top_G = np.zeros(GUESSES), np.zeros(GUESSES)
        self.said_22 = np.zeros((2, 2), dtype=np.int64)  # hold or shift: the truth, then the model

    def add(self, logits_TK: Tensor, class_T: Tensor, activity_TC: np.ndarray) -> None:
        """Count a dialogue: logits and true classes of its first frames, activity of all of them."""
        T = len(class_T)
        first = min(self.skipped, T)
        logits_TK, class_T = logits_TK[first:T], class_T[first:]
        last_T, next_T = (torch.from_numpy(x[first:T]) for x in turns_of_silence(activity_TC))
        quiet_T = torch.from_numpy(~np.asarray(activity_TC)[first:T].astype(bool).any(1))
        for told_T, top_G in ((torch.ones_like(quiet_T), self.top_G), (quiet_T, self.silent_top_G)):
            if told_T.any():
                top_G += top_accuracy(logits_TK[told_T], class_T[told_T], most=GUESSES).numpy() * int(told_T.sum())
        self.frames, self.silent = self.frames + len(class_T), self.silent + int(quiet_T.sum())
        speaker_K = first_speaker_of_class(bins_of_count(logits_TK.shape[-1]))
        said_T = speaker_K[logits_TK.argmax(-1)] if len(logits_TK) else last_T[:0]
        gap_T = last_T >= 0
        truth_S, other_S = (next_T != last_T)[gap_T].long(), 1 - last_T[gap_T]
        guess_S = torch.where(said_T[gap_T] == 2, 1 - truth_S, (said_T[gap_T] == other_S).long())  # neither is wrong
        np.add.at(self.said_22, (truth_S.numpy(), guess_S.numpy()), 1)

    def figures(self) -> dict[str, float]:
        """``top_1`` to ``top_5``, the same ``_in_silence``; ``hold_accuracy``, ``shift_accuracy``, weighted ``f1`` of
        both; what no frame tells is left out."""
        found = {f"top_{g + 1}": float(self.top_G[g] / self.frames) for g in range(GUESSES) if self.frames}
        if self.silent:
            found |= {f"top_{g + 1}_in_silence": float(self.silent_top_G[g] / self.silent) for g in range(GUESSES)}
        count_2, right_2 = self.said_22.sum(1), np.diag(self.said_22)
        named = zip(("hold_accuracy", "shift_accuracy"), right_2, count_2, strict=True)
        found |= {name: float(right / count) for name, right, count in named if count}
        if count_2.sum():
            f1_2 = 2 * right_2 / np.maximum(count_2 + self.said_22.sum(0), 1)
            found["f1"] = float((f1_2 * count_2).sum() / count_2.sum())
        return found
