"""A model of dialogue as one step of one size: tensors in, tensors out, to be exported as a graph.

    wave (C, S), steps (), [activity (1, T, 2)], states, keys and values
    -> p_now (T, 2), p_future (T, 2), [activity_now (T, 2)], logits (T, ...), next states, new keys and values

All states are zeros before the first step. ``steps`` is the number of steps before it. The new keys and values
(N, H, T, E) belong into the third axis of the old ones (N, H, R, E) from the place ``steps`` T modulo R on: nothing
that is remembered is copied. The first ``early`` frames that come out lie before the beginning.

Letters: C channels of audio, S samples and T frames of a step, N = C sequences, H heads, E channels of a head, R room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ..core import DialogueOut, Representation, State, require
from .dialogue import DialogueStream
from .frames import place

MEMORY = "dialogue_memory_"
MOST = 50  # frames of a step


class EvenDialogue(nn.Module):
    """See the top of this file.

    Args:
        model, context_s: as ``DialogueStream``.
        frames: T.

    Attributes:
        states: name -> tensor before the first step, of what a step hands on whole.
        memory: name -> the same of keys and values.

    Raises:
        SonantError: as ``DialogueStream``; a model with parts that carry no state of one shape.
    """

    def __init__(self, model: Representation, *, context_s: float | None = 20.0, frames: int = 1):
        super().__init__()
        require(1 <= frames <= MOST, f"a step of an exported model has 1 to {MOST} frames, got {frames}")
        stream = DialogueStream(model, context_s=context_s)
        require(
            place(model) == (torch.device("cpu"), torch.float32), "a model is exported on the CPU, in single precision"
        )
        self.model, self.body, self.frames, self.width = model, stream.body, frames, stream.width
        self.channels, self.rate, self.sample_rate = stream.channels, stream.rate, stream.sample_rate
        self.samples, self.told = frames * model.dialogue.geometry.hop, model.dialogue.cfg.activity
        where = {"device": "cpu", "dtype": torch.float32}
        heard, early = self.body.begin_even(self.channels, 0, **where)
        said, self.early = model.dialogue.begin_even(self.channels, early, width=stream.width, frames=frames, **where)
        self.begun = {"body": heard, "dialogue": said}
        with torch.inference_mode():
            wave_CS = torch.zeros(self.channels, self.samples)
            activity_BTC = torch.zeros(1, frames, 2) if self.told else None
            self._sort(self._step(wave_CS, activity_BTC, self.begun)[1])

    def inputs(self) -> dict[str, Tensor]:
        """All that a step is given, by name, before the first."""
        told = {"activity": torch.zeros(1, self.frames, 2)} if self.told else {}
        wave_CS, steps = torch.zeros(self.channels, self.samples), torch.zeros((), dtype=torch.int64)
        return {"wave": wave_CS, "steps": steps, **told, **self.states, **self.memory}

    def outputs(self) -> list[str]:
        """Names of what ``forward`` returns. ``next_`` and ``new_`` go before the name of what is given."""
        active = [] if self.told else ["activity_now"]
        after = [*(f"next_{name}" for name in self.states), *(f"new_{name}" for name in self.memory)]
        return ["p_now", "p_future", *active, "logits", *after]

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """The values of ``outputs``, given those of ``inputs`` in the same order."""
        told = dict(zip(self.inputs(), given, strict=True))
        state = rebuilt(self.begun, lambda name, before: self._present(name, before, told))
        out, after = self._step(told["wave"], told.get("activity"), state)
        shares = self.model.dialogue.probabilities(out.logits[0])
        active = [] if out.activity_logits is None else [out.activity_logits[0].sigmoid()]
        found = dict(leaves(after))
        new = (found[f"{MEMORY}new_{name}"] for name in self.memory)
        return (*shares, *active, out.logits[0], *(found[name] for name in self.states), *new)

    def _step(self, wave_CS: Tensor, activity_BTC: Tensor | None, state: State) -> tuple[DialogueOut, State]:
        x_NTD, heard = self.body.step(wave_CS[:, :, None], state["body"])
        out, said = self.model.dialogue.step(x_NTD, state["dialogue"], activity_BTC)
        return out, {"body": heard, "dialogue": said}

    def _sort(self, after: State) -> None:
        """What the tensors of the state are: memory, constants, counters and what they count by, and states."""
        before, after = dict(leaves(self.begun)), dict(leaves(after))
        kept = {name.removeprefix(MEMORY): x for name, x in before.items()}
        self.memory = {name: x for name, x in kept.items() if name.startswith(("keys_", "values_"))}
        changing = {name: x for name, x in before.items() if after[name] is not x and x.numel()}
        self.counts = {name: int(after[name] - x) for name, x in changing.items() if x.dim() == 0}
        self.states = {name: x.clone() for name, x in changing.items() if name not in self.counts}  # none given twice
        assert all(after[name].shape == x.shape and not x.any() for name, x in self.states.items())

    def _present(self, name: str, before: Tensor, told: dict[str, Tensor]) -> Tensor:
        if name in self.counts:
            return before + self.counts[name] * told["steps"]
        return told.get(name.removeprefix(MEMORY), before)


def leaves(state: State, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Tensors of a state and their names, the path to each."""
    if isinstance(state, Tensor):
        yield name, state
        return
    for key, own in state.items() if isinstance(state, dict) else enumerate(state):
        yield from leaves(own, f"{name}_{key}" if name else str(key))


def rebuilt(state: State, change: Callable[[str, Tensor], Tensor], name: str = "") -> State:
    """The state with ``change(name, tensor)`` in place of each tensor."""
    if isinstance(state, Tensor):
        return change(name, state)
    path = f"{name}_" if name else ""
    if isinstance(state, dict):
        return {key: rebuilt(own, change, f"{path}{key}") for key, own in state.items()}
    return type(state)(rebuilt(own, change, f"{path}{i}") for i, own in enumerate(state))
