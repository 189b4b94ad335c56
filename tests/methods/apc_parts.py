"""APC with the stored weights of the learned-frame-representations code, and the training of that code."""

from __future__ import annotations

from pathlib import Path

import torch
from pair_parts import made, oracle
from torch import nn

from sonant.core import Batch, FrameGeometry, Method

GEOMETRY = FrameGeometry(16000, hop=160, window=160)
SETTINGS = {  # context and method of each stored model
    "apc_plain": ({"dim": 24, "layers": 3}, {"shift": 1}),
    "apc_residual_aux": ({"dim": 16, "layers": 4, "residual": True, "residual_on": "inner"}, {"shift": 3}),
}
OVER = {"time": "time", "asis": "batch"}


def stored_batch(x_BTD: torch.Tensor, lengths_B: torch.Tensor | None = None) -> Batch:
    """Stored features as a batch; all frames are real unless told otherwise."""
    lengths_B = torch.full((len(x_BTD),), x_BTD.shape[1]) if lengths_B is None else lengths_B
    return Batch(x_BTD, lengths_B, GEOMETRY.sample_rate, seeds=tuple(range(len(x_BTD))), geometry=GEOMETRY)


def released(folder: Path, name: str, over: str, **settings) -> tuple[Method, dict, dict]:
    """A stored model as a method that sums, with its arrays and its weights by file."""
    context, method = SETTINGS[name]
    arrays, weights = oracle(folder, name)
    context = {"name": "gru", **context, "over": OVER[over]}
    model = made({"name": "apc", **method, "reduction": "sum", **settings}, dim=13, context=context)
    fill_stack(model.context, weights["encoder"])
    model.predict.load_state_dict(under(weights["predictor"], "W."))
    if "aux" in settings:
        fill_stack(model.aux, weights["encoder_aux"])
        model.aux_predict.load_state_dict(under(weights["predictor_aux"], "W."))
    return model, arrays, weights


def fill_stack(context: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """``rnn_layers.{l}.*`` into ``rnns.{l}.*``."""
    context.load_state_dict({key.replace("rnn_layers.", "rnns."): value for key, value in weights.items()})


def under(weights: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The weights whose names begin with ``prefix``, without it."""
    return {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}


def train(method: Method, batch: Batch, *, steps: int = 4) -> dict[str, list[float]]:
    """Adam at 1e-3, context and predictor each clipped to a gradient of length 1; losses and lengths before that."""
    optimiser = torch.optim.Adam(method.parameters(), lr=1e-3)
    trace = {"loss": [], "encoder": [], "predictor": []}
    for _ in range(steps):
        optimiser.zero_grad()
        out = method(batch)
        out.total.backward()
        trace["loss"].append(out.total.item())
        for name, part in (("encoder", method.context), ("predictor", method.predict)):
            trace[name].append(nn.utils.clip_grad_norm_(part.parameters(), 1.0).item())
        optimiser.step()
    return trace
