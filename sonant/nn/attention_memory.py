"""Keys and values that attention layers remember of a stream, over a bounded window of the past.

A layer asks ``attend`` in place of its own attention over a whole sequence; what a memory gives is that attention with
every frame seeing ``width`` frames, itself included. The attentions of a model ask in turn, always in the same order.

Letters: N sequences, H heads, T new frames, E channels of a head, W width, P = frames remembered before the new ones,
S = most frames of a step, F frames of room, A attentions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .attention import causal_bias

MOST = 64  # frames of a step, S


def window_bias(width: int, slopes_H: Tensor | None, *, frames: int, device, dtype: torch.dtype) -> Tensor:
    """(1 or H, S, W - 1 + S) floats: what is added to the logits of S frames over the W - 1 before and their own."""
    t = torch.arange(width - 1 + frames, device=device)
    bias = causal_bias(t[width - 1 :], t, width=width, slopes_H=None if slopes_H is None else slopes_H.to(device))
    if slopes_H is None:
        bias = torch.zeros(1, *bias.shape, device=device).masked_fill(~bias, -torch.inf)
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
        return {
            "cache": torch.zeros(attentions, 2, sequences, heads, room, dim // heads, device=device, dtype=dtype),
            "bias": window_bias(width, slopes_H, frames=MOST, device=device, dtype=dtype),
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


class Shifted:
    """Remembers by making new tensors of the same size, for graphs that are exported.

    The state is {keys, values: (A, N, H, W - 1, E), bias: (1 or H, T, W - 1 + T), seen: () int64}; every step has the
    same number of frames T.
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
        device,
        dtype,
    ) -> dict[str, Tensor]:
        zeros = torch.zeros(attentions, sequences, heads, width - 1, dim // heads, device=device, dtype=dtype)
        return {
            "keys": zeros,
            "values": zeros.clone(),
            "bias": window_bias(width, slopes_H, frames=frames, device=device, dtype=dtype),
            "seen": torch.zeros((), dtype=torch.int64, device=device),
        }

    def __init__(self, state: dict[str, Tensor], frames: int):
        self.given, self.frames, self.keys, self.values = state, frames, [], []
        P = state["keys"].shape[3]
        number_L = torch.arange(-P, frames, device=state["keys"].device) + state["seen"]
        self.bias_HTL = state["bias"].masked_fill(number_L < 0, -torch.inf)

    @property
    def state(self) -> dict[str, Tensor]:
        keys, values = torch.stack(self.keys), torch.stack(self.values)
        return {**self.given, "keys": keys, "values": values, "seen": self.given["seen"] + self.frames}

    def attend(self, q: Tensor, k: Tensor, v: Tensor, *, scale: float) -> Tensor:
        """As of ``Window``."""
        keys, values = (torch.cat([self.given[name][len(self.keys)], x], 2) for name, x in (("keys", k), ("values", v)))
        self.keys.append(keys[:, :, self.frames :])
        self.values.append(values[:, :, self.frames :])
        return attend(q, keys, values, self.bias_HTL, scale=scale)
