"""Signs that training goes wrong: numbers that are not finite, frames that collapse.

Letters: N frames, D dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ..core import Batch, Representation
from .step import StepOut

FRAMES = 4096  # most frames that a collapse check looks at
STILL = 0.01  # frames that vary by less than this share of their size say nothing


CAUSES = (
    "usual causes: lr too high or no warm-up (lower optim.lr, set optim.warmup_steps or optim.clip_norm), "
    "audio with NaN or only silence, overflow of fp16 (use bf16 or fp32)"
)


def find_not_finite(out: StepOut, batches: Sequence[Batch], model: nn.Module) -> str:
    """Which loss or gradient of a step is not finite, and in which batch of this process; empty when all is well here.

    Args:
        out: the step; its gradients are to blame only when the losses of all processes are finite.
        batches: the step's batches in this process, whose ids are told.
        model: holds the gradients, which are the same in all processes.
    """
    bad = [batch for loss, batch in zip(out.losses, batches, strict=True) if not math.isfinite(loss)]
    if bad:
        return f"the loss is not finite; batch: {_ids(bad)}"
    if not math.isfinite(out.loss):
        return ""
    grads = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    weights = [name for name, grad in grads.items() if not bool(torch.isfinite(grad).all())]
    return f"the gradient is not finite in {_few(weights)}; batch: {_ids(batches)}"


@torch.no_grad()
def spread(representation: Representation, batch: Batch) -> dict[str, float]:
    """How much the frames of one batch differ, for z and c.

    Returns:
        ``z_std`` and ``c_std``: root mean square deviation of the frames from their mean, as a share of
        their root mean square, in [0, 1]; 0: all frames are equal. ``z_rank`` and ``c_rank``: effective
        rank of the centred frames in [1, D]: exp of the entropy of their singular values normalised to
        sum 1 (Roy and Vetterli 2007, Sec. 2). ``embedding_std`` and ``embedding_rank`` likewise, of the vectors of the
        utterances at length 1, for models that have them. Empty for waveforms of several channels.
    """
    if batch.wave_BL.dim() != 2:
        return {}
    layers = representation.encode_all(batch.wave_BL, batch.lengths_B)
    figures = {}
    for layer in ("z", "c"):
        x_ND = layers[layer].x_BTD[layers[layer].mask_BT].double()
        x_ND = x_ND[:: max(len(x_ND) // FRAMES, 1)]
        if len(x_ND) > 1:
            figures[f"{layer}_std"], figures[f"{layer}_rank"] = _std_and_rank(x_ND)
    if representation.embedding is not None and len(batch) > 1:
        x_ND = normalize(representation.embedding(layers["c"]).double(), dim=-1)
        figures["embedding_std"], figures["embedding_rank"] = _std_and_rank(x_ND)
    return figures


def collapse(figures: dict[str, float], *, dims: dict[str, int], share: float) -> str:
    """A line that says which layer collapsed, by the figures of ``spread``; empty when none did."""
    found = []
    for layer, dim in dims.items():
        std, rank = figures.get(f"{layer}_std", 1.0), figures.get(f"{layer}_rank", float(dim))
        what = "the vectors of utterances" if layer == "embedding" else f"the frames of {layer}"
        if std < STILL:
            found.append(f"{what} are nearly all equal (they vary by {std:.1e} of their size)")
        elif rank < share * dim:
            found.append(f"{what} use {rank:.1f} of {dim} directions")
    return " and ".join(found)


def _std_and_rank(x_ND: Tensor) -> tuple[float, float]:
    centred_ND = x_ND - x_ND.mean(0)
    size = x_ND.square().mean().sqrt()
    std = centred_ND.square().mean().sqrt() / size.clamp_min(1e-30)
    values_D = torch.linalg.eigvalsh(centred_ND.T @ centred_ND).clamp_min(0).sqrt()
    p_D = values_D / values_D.sum().clamp_min(1e-30)
    entropy = -(p_D * p_D.clamp_min(1e-30).log()).sum()
    return float(std), float(entropy.exp())


def _ids(batches: Sequence[Batch]) -> str:
    return _few([name for batch in batches for name in batch.ids]) or "without names"


def _few(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
