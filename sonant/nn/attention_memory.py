"""Keys and values that attention layers remember of a stream, over a bounded window of the past.

A layer asks ``attend`` in place of its own attention over a whole sequence; what a memory gives is that attention with
every frame seeing ``width`` frames, itself included. The attentions of a model ask in turn, always in the same order.

Letters: N sequences, H heads, T new frames, E channels of a head, W width, P = frames remembered before the new ones,
S = most frames of a step, F and R frames of room, A attentions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sonant.core.streaming import numbers

from .attention import causal_bias

MOST = 64  # frames of a step, S


def window_bias(query_Q: Tensor, key_K: Tensor, *, width: int, slopes_H: Tensor | None, dtype: torch.dtype) -> Tensor:
    """(1 or H, Q, K) floats: what is added to the logits of these frames."""
    slopes_H = None if slopes_H is None else slopes_H.to(query_Q.device)
    bias = causal_bias(query_Q, key_K, width=width, slopes_H=slopes_H)
    if slopes_H is None:
        bias = torch.zeros(1, *bias.shape, device=bias.device).masked_fill(~bias, -torch.inf)
    return bias.to(dtype)


def attend(q_NHTE: Tensor, keys_NHLE: Tensor, values_NHLE: Tensor, bias_HTL: Tensor, *, scale: float) -> Tensor:
    """(N, H, T, E); for a few queries faster than the fused function."""
    weights_NHTL = (q_NHTE * scale) @ keys_NHLE.transpose(2, 3)
    return (weights_NHTL + bias_HTL).softmax(-1) @ values_NHLE


class Window:
    """Remembers in place: new frames are written behind the last ones, and what is still needed moves to the front
    when there is no room left.

    The state is {cache: (A, 2, N, H, F, E), bias: as ``window_bias``, place: () int64 where the next frame goes, seen:
    () int64 frames so far}. Width and room follow from the shapes.
    """

    @staticmethod
    def begin(
        attentions: int, sequences: int, *, heads: int, dim: int, width: int, slopes_H: Tensor | None, device, dtype
    ) -> dict[str, Tensor]:
        room = width - 1 + max(MOST, width - 1)
        t = torch.arange(width - 1 + MOST, device=device)
        return {
            "cache": torch.zeros(attentions, 2, sequences, heads, room, dim // heads, device=device, dtype=dtype),
            "bias": window_bias(t[width - 1 :], t, width=width, slopes_H=slopes_H, dtype=dtype),
            "place": torch.zeros((), dtype=torch.int64),
            "seen": torch.zeros((), dtype=torch.int64),
        }

    def __init__(self, state: dict[str, Tensor], frames: int):
        """Room for the next frames, at most ``MOST``."""
        cache, bias = state["cache"], state["bias"]
        place, seen, width = int(state["place"]), int(state["seen"]), bias.shape[2] - bias.shape[1] + 1
        past = min(seen, width - 1)
        if place + frames > cache.shape[4]:
            cache[..., :past, :] = cache[..., place - past : place, :].clone()
            place = past
        self.cache, self.turn = cache, 0
        self.first, self.place, self.end = place - past, place, place + frames
        self.bias_HTL = bias[:, :frames, width - 1 - past : width - 1 + frames]
        self.state = {**state, "place": torch.tensor(self.end), "seen": torch.tensor(seen + frames)}

    def attend(self, q: Tensor, k: Tensor, v: Tensor, *, scale: float) -> Tensor:
        """(N, H, T, E) three times -> (N, H, T, E)."""
        keys, values = self.cache[self.turn]
        self.turn += 1
        keys[:, :, self.place : self.end] = k
        values[:, :, self.place : self.end] = v
        seen = slice(self.first, self.end)
        return attend(q, keys[:, :, seen], values[:, :, seen], self.bias_HTL, scale=scale)


class Ring:
    """Remembers without changing anything in place, for graphs that are exported: every step has the same number of
    frames T, and their keys and values are handed out for the caller to put where the oldest lie (``put``).

    The state is {keys, values: tuples of A tensors (N, H, R, E), bias: (1 or H, T, R) by how long ago a frame was, own:
    (1 or H, T, T) of the new frames, early: () int64, seen: () int64 frames so far, from -early on}, with the room R a
    multiple of T; a step adds new_keys and new_values, A tensors (N, H, T, E) each.
    """

    @staticmethod
    def begin(
        attentions: int,
        sequences: int,
        *,
        heads: int,
        dim: int,
        width: int,
        slopes_H: Tensor | None,
        frames: int,
        early: int,
        device,
        dtype,
    ) -> dict[str, Any]:
        room = max(-(-(width - 1) // frames), 1) * frames
        t_T, ago_R = torch.arange(frames, device=device), torch.arange(room, device=device)
        bias = window_bias(t_T + room, room - 1 - ago_R, width=width, slopes_H=slopes_H, dtype=dtype)
        own = window_bias(t_T, t_T, width=width, slopes_H=slopes_H, dtype=dtype)
        keys, values = (
            tuple(
                torch.zeros(sequences, heads, room, dim // heads, device=device, dtype=dtype) for _ in range(attentions)
            )
            for _ in range(2)
        )
        counts = {"early": torch.tensor(early, device=device), "seen": torch.tensor(-early, device=device)}
        return {"keys": keys, "values": values, "bias": bias, "own": own, **counts}

    @staticmethod
    def put(state: dict[str, Any]) -> dict[str, Any]:
        """The state after a step with its new keys and values in their place, which is done in place."""
        state = dict(state)
        for name in ("keys", "values"):
            for ring, new in zip(state[name], state.pop(f"new_{name}"), strict=True):
                T = new.shape[2]
                place = int(state["seen"] + state["early"] - T) % ring.shape[2]
                ring[:, :, place : place + T] = new
        return state

    def __init__(self, state: dict[str, Any], frames: int):
        self.given, self.frames, self.new = state, frames, []
        room, seen, device = state["bias"].shape[2], state["seen"], state["bias"].device
        ago_R = (seen + state["early"] - 1 - torch.arange(room, device=device)) % room
        bias_HTR = state["bias"][:, :, ago_R].masked_fill(seen - 1 - ago_R < 0, -torch.inf)
        other_TT = ~torch.eye(frames, dtype=torch.bool, device=device)
        own_HTT = state["own"].masked_fill((numbers(seen, frames) < 0) & other_TT, -torch.inf)
        self.bias_HTL = torch.cat([bias_HTR, own_HTT], dim=2)

    @property
    def state(self) -> dict[str, Any]:
        new_keys, new_values = zip(*self.new, strict=True)
        return {**self.given, "new_keys": new_keys, "new_values": new_values, "seen": self.given["seen"] + self.frames}

    def attend(self, q: Tensor, k: Tensor, v: Tensor, *, scale: float) -> Tensor:
        """As of ``Window``; what is remembered is not copied."""
        keys, values = (self.given[name][len(self.new)] for name in ("keys", "values"))
        self.new.append((k, v))
        q, room = q * scale, keys.shape[2]
        logits = torch.cat([q @ keys.transpose(2, 3), q @ k.transpose(2, 3)], dim=3)
        weights = (logits + self.bias_HTL).softmax(-1)
        return weights[..., :room] @ values + weights[..., room:] @ v
