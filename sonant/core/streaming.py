"""Modules that hear their input in pieces: step(piece, state) -> (frames, state).

Pieces of any size give what the whole gives, frame for frame. A frame comes out as soon as the last sample that it
stands on is there: a module that looks ahead by a bounded amount is late by as much, and one that looks ahead without
bound cannot be driven. Frames that stand on padding behind the end never come out.

Letters: B sequences, T frames, D channels.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor, nn

from .errors import require
from .frames import Frames
from .geometry import FrameGeometry
from .module import Featured, FrameModule

State: TypeAlias = Any  # a tensor, or a tuple, list or dictionary of states


@runtime_checkable
class Streamable(Protocol):
    """What can be driven. All that it remembers is in the state that is handed on, never in the module.

    A state may be changed in place: use the one that ``step`` returned last and no other.
    """

    def begin(self, batch: int, *, device: torch.device | str, dtype: torch.dtype) -> State:
        """The state before the first piece of ``batch`` sequences. Raises SonantError for what cannot be driven."""
        ...

    def step(self, x_BTD: Tensor, state: State) -> tuple[Tensor, State]:
        """The frames that the next piece (B, T, D) completes, (B, T', D') with T' from 0 on, and the next state."""
        ...


@runtime_checkable
class Even(Protocol):
    """What can be driven by steps of one size with a state of one shape, so that a step can be exported as a graph.

    The size is a number of frames that all strides divide. To begin so, a stream is given ``early`` frames that lie
    before the beginning (number -early to -1). What they are does not matter: they count as the zeros, or the nothing,
    that lies there.
    """

    def begin_even(
        self, batch: int, early: int, *, device: torch.device | str, dtype: torch.dtype
    ) -> tuple[State, int]:
        """The state before the first step, all zeros but for counters, constants and numbers of frames; and how many
        frames before the beginning come out."""
        ...

    def step(self, x_BTD: Tensor, state: State) -> tuple[Tensor, State]:
        """As of ``Streamable``."""
        ...


def begin_all(parts: Iterable[Even], batch: int, early: int, **place: Any) -> tuple[tuple[State, ...], int]:
    """``begin_even`` of parts that follow each other."""
    states = []
    for part in parts:
        state, early = part.begin_even(batch, early, **place)
        states.append(state)
    return tuple(states), early


def numbers(first: Tensor, frames: int) -> Tensor:
    """(T,) numbers of frames, from ``first`` () on."""
    return first + torch.arange(frames, device=first.device)


def streamable(module: nn.Module, *, source: FrameGeometry, in_dim: int) -> Streamable:
    """The module itself if it knows how, else one that keeps the input that is still needed and computes it anew.

    Args:
        source: geometry of the frames that it is given; of waveforms ``FrameGeometry(sample_rate)``.
        in_dim: their channels.

    Raises:
        SonantError: a module that looks ahead or back without bound and carries no state.
    """
    if isinstance(module, Featured):
        features = streamable(module.features, source=source, in_dim=in_dim)
        local = streamable(module.local, source=module.features.geometry, in_dim=module.features.dim)
        return Chain(features, local)
    name = type(module).__module__.removeprefix("sonant.")
    require(
        getattr(module, "future", None) is not None,
        f"{name} looks ahead without bound (attention or recurrence to the end, or a norm over the utterance), so that "
        "it cannot be streamed; choose one that does not, such as the context lstm or causal_attention",
    )
    return module if isinstance(module, Streamable) else Recomputed(module, source=source, in_dim=in_dim)


class Chain:
    """Streamables one after the other; the state is the tuple of theirs."""

    def __init__(self, *parts: Streamable):
        self.parts = parts

    def begin(self, batch: int, *, device: torch.device | str, dtype: torch.dtype) -> tuple[State, ...]:
        return tuple(part.begin(batch, device=device, dtype=dtype) for part in self.parts)

    def begin_even(self, batch: int, early: int, **place: Any) -> tuple[tuple[State, ...], int]:
        """See ``Even``. Raises SonantError for a part that cannot."""
        for part in self.parts:
            module = part.module if isinstance(part, Recomputed) else part
            require(
                isinstance(part, Chain) or isinstance(module, Even),
                f"{type(module).__module__.removeprefix('sonant.')} carries no state of one shape, so that it cannot "
                "be exported; what can: cpc_conv, or logmel under conv_blocks, below recurrent contexts, causal_conv "
                "or identity",
            )
        return begin_all(self.parts, batch, early, **place)

    def step(self, x_BTD: Tensor, state: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
        after = []
        for part, own in zip(self.parts, state, strict=True):
            x_BTD, own = part.step(x_BTD, own)
            after.append(own)
        return x_BTD, tuple(after)


class Recomputed:
    """Drives a frame module of bounded reach: keeps the input that coming frames stand on and runs it again.

    The state is {tail: (B, K, D) input kept, done: () int64 frames that came out}.
    """

    def __init__(self, module: FrameModule, *, source: FrameGeometry, in_dim: int):
        name = type(module).__module__.removeprefix("sonant.")
        require(
            module.past is not None,
            f"{name} looks back without bound and carries no state, so that it cannot be streamed; give it a width, or "
            "choose the context lstm",
        )
        require(module.repeats is not None, f"{name} adds noise that goes by the place (dither): it cannot be streamed")
        self.module, self.source, self.in_dim = module, source, in_dim
        own, step = module.geometry, source.hop
        uneven = (own.hop % step, (own.window - source.window) % step, (own.offset - source.offset) % step)
        require(uneven == (0, 0, 0), f"{name}: its frames lie beside those it is given, so that it cannot be streamed")
        self.ratio = own.hop // step
        first = (own.offset - source.offset) // step  # input frame that output frame 0 begins with
        self.needed = first + (own.window - source.window) // step + 1 + module.future * self.ratio
        self.early = module.past + -(min(first, 0) // self.ratio)  # of a run: frames that stand on what came before it

    def begin(self, batch: int, *, device: torch.device | str, dtype: torch.dtype) -> dict[str, Tensor]:
        tail_BKD = torch.zeros(batch, 0, self.in_dim, device=device, dtype=dtype)
        return {"tail": tail_BKD, "done": torch.zeros((), dtype=torch.int64)}

    def begin_even(self, batch: int, early: int, **place: Any) -> tuple[dict[str, State], int]:
        """See ``Even``, which the module has to be."""
        state, early = self.module.begin_even(batch, early, **place)
        return {"even": state}, early

    def step(self, x_BTD: Tensor, state: dict[str, State]) -> tuple[Tensor, dict[str, State]]:
        if "even" in state:
            x_BTD, after = self.module.step(x_BTD, state["even"])
            return x_BTD, {"even": after}
        x_BTD, done = torch.cat([state["tail"], x_BTD], dim=1), int(state["done"])
        start = self._start(done)
        given = start * self.ratio + x_BTD.shape[1]
        ready = max((given - self.needed) // self.ratio + 1, done)
        if ready == done:
            out_BTD = x_BTD.new_zeros(len(x_BTD), 0, self.module.dim)
        else:
            lengths_B = torch.full((len(x_BTD),), x_BTD.shape[1], device=x_BTD.device)
            out_BTD = self.module(Frames(x_BTD, lengths_B, self.source)).x_BTD[:, done - start : ready - start]
        tail_BKD = x_BTD[:, (self._start(ready) - start) * self.ratio :]
        return out_BTD, {"tail": tail_BKD, "done": torch.tensor(ready)}

    def _start(self, done: int) -> int:
        """Output frame that a run begins with after ``done`` frames came out."""
        start = max(done - self.early, 0)
        return start - start % self.module.repeats
