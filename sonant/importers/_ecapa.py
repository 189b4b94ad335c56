"""What importers of ECAPA-TDNN share: weights from their names to ours, sizes from their shapes.

SpeechBrain, sslsv                        wespeaker                         ours
blocks.0                                  layer1                            encoder.local.first
blocks.{b+1}.tdnn1                        layer{b+2}.se_res2block.0         encoder.local.blocks.{b}.enter
blocks.{b+1}.res2net_block.blocks.{j}     layer{b+2}.se_res2block.1, {j}    encoder.local.blocks.{b}.res2.layers.{j}
blocks.{b+1}.tdnn2                        layer{b+2}.se_res2block.2         encoder.local.blocks.{b}.leave
blocks.{b+1}.se_block.conv1, conv2        .. .3.linear1, linear2            encoder.local.blocks.{b}.squeeze.down, up
mfa                                       conv                              encoder.local.aggregate
asp.tdnn, asp.conv                        pool.linear1, linear2             embedding.pool.enter, norm, score
asp_bn                                    bn                                embedding.pooled_norm
fc.conv                                   linear                            embedding.linear
                                          bn2                               embedding.last_norm
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..core import require
from ._stack import nothing_left, numbers, take

NORM_PARTS = ("weight", "bias", "running_mean", "running_var")
BODY = "encoder.local"


class Mover:
    """Takes weights by foreign name and keeps them by ours.

    Args:
        weights: what is left of the checkpoint; emptied as tensors are taken.
        toolkit: for messages.
    """

    def __init__(self, weights: dict[str, Tensor], *, toolkit: str):
        self.weights, self.toolkit, self.tensors = weights, toolkit, {}

    def affine(self, theirs: str, ours: str, *, taps: bool = False) -> Tensor:
        """Weight and bias of a convolution (``taps``) or of a linear layer, which may be stored as one of one tap."""
        weight = take(self.weights, f"{theirs}.weight", toolkit=self.toolkit, axes=3 if taps else None)
        if not taps and weight.dim() == 3:
            require(
                weight.shape[2] == 1,
                f"this {self.toolkit} checkpoint has {theirs}.weight of {weight.shape[2]} taps, expected one",
            )
            weight = weight[:, :, 0]
        self.tensors[f"{ours}.weight"] = weight.contiguous()
        self.tensors[f"{ours}.bias"] = take(self.weights, f"{theirs}.bias", toolkit=self.toolkit, axes=1)
        return weight

    def norm(self, theirs: str, ours: str) -> None:
        """A batch norm; its counter, where one is stored, as a whole number."""
        for part in NORM_PARTS:
            self.tensors[f"{ours}.{part}"] = take(self.weights, f"{theirs}.{part}", toolkit=self.toolkit, axes=1)
        count = self.weights.pop(f"{theirs}.num_batches_tracked", torch.tensor(0))
        self.tensors[f"{ours}.num_batches_tracked"] = count.round().to(torch.int64)

    def delay(self, conv: str, norm: str, ours: str) -> Tensor:
        """A time-delay layer; returns the weight of its convolution."""
        self.norm(norm, f"{ours}.norm")
        return self.affine(conv, f"{ours}.conv", taps=True)


def from_speechbrain(weights: dict[str, Tensor], *, toolkit: str) -> tuple[dict, dict | None, dict[str, Tensor]]:
    """The trunk and head of SpeechBrain and sslsv, with norms wrapped in a module of their own or not.

    Args:
        weights: without prefix; left empty.

    Returns:
        Sections ``encoder`` and ``embedding`` (None where the last layer maps frames, as sslsv's for CPC), and the
        weights by our names.

    Raises:
        SonantError: a name is missing, or left over.
    """
    plain = {
        key.replace(".norm.norm.", ".norm.").replace("asp_bn.norm.", "asp_bn."): value for key, value in weights.items()
    }
    weights.clear()
    mover = Mover(plain, toolkit=toolkit)
    blocks = [b for b in numbers(plain, r"blocks\.(\d+)\.") if b > 0]
    _without_gap(blocks, "blocks", toolkit=toolkit)
    first = mover.delay("blocks.0.conv.conv", "blocks.0.norm", f"{BODY}.first")
    chunks, squeezed = [], 0
    for b in blocks:
        theirs, ours = f"blocks.{b}", f"{BODY}.blocks.{b - 1}"
        for their_part, part in (("tdnn1", "enter"), ("tdnn2", "leave")):
            mover.delay(f"{theirs}.{their_part}.conv.conv", f"{theirs}.{their_part}.norm", f"{ours}.{part}")
        inner = numbers(plain, rf"blocks\.{b}\.res2net_block\.blocks\.(\d+)\.")
        for j in inner:
            layer = f"{theirs}.res2net_block.blocks.{j}"
            mover.delay(f"{layer}.conv.conv", f"{layer}.norm", f"{ours}.res2.layers.{j}")
        squeezed = mover.affine(f"{theirs}.se_block.conv1.conv", f"{ours}.squeeze.down").shape[0]
        mover.affine(f"{theirs}.se_block.conv2.conv", f"{ours}.squeeze.up")
        chunks.append(len(inner) + 1)
    dim = mover.delay("mfa.conv.conv", "mfa.norm", f"{BODY}.aggregate").shape[0]
    encoder = _encoder(first, dim=dim, chunks=chunks, squeeze=squeezed, layout="speechbrain", toolkit=toolkit)
    embedding = _speechbrain_head(mover, encoder)
    nothing_left(plain, toolkit=toolkit)
    return encoder, embedding, mover.tensors


def _speechbrain_head(mover: Mover, encoder: dict) -> dict | None:
    last = take_shape(mover, "fc.conv.weight")
    if last[1] == encoder["dim"]:  # frames are mapped, and what the pooling has learnt is not used
        for key in [key for key in mover.weights if key.startswith("asp")]:
            del mover.weights[key]
        mover.affine("fc.conv", f"{BODY}.project")
        encoder["project"] = last[0]
        return None
    mover.norm("asp.tdnn.norm", "embedding.pool.norm")
    enter = mover.affine("asp.tdnn.conv.conv", "embedding.pool.enter")
    mover.affine("asp.conv.conv", "embedding.pool.score")
    mover.norm("asp_bn", "embedding.pooled_norm")
    mover.affine("fc.conv", "embedding.linear")
    return {
        "pool": "asp",
        "attention": enter.shape[0],
        "context": enter.shape[1] > encoder["dim"],
        "floor": 1e-12,
        "pooled_norm": True,
        "dim": last[0],
    }


def from_wespeaker(weights: dict[str, Tensor], *, toolkit: str) -> tuple[dict, dict, dict[str, Tensor]]:
    """The trunk and head of wespeaker; arguments, results and errors as ``from_speechbrain``."""
    mover = Mover(weights, toolkit=toolkit)
    layers = [number for number in numbers(weights, r"layer(\d+)\.") if number > 1]
    _without_gap([number - 1 for number in layers], "layer", toolkit=toolkit)
    first = mover.delay("layer1.conv", "layer1.bn", f"{BODY}.first")
    chunks, squeezed = [], 0
    for number in layers:
        theirs, ours = f"layer{number}.se_res2block", f"{BODY}.blocks.{number - 2}"
        for place, part in ((0, "enter"), (2, "leave")):
            mover.delay(f"{theirs}.{place}.conv", f"{theirs}.{place}.bn", f"{ours}.{part}")
        inner = numbers(weights, rf"layer{number}\.se_res2block\.1\.convs\.(\d+)\.")
        for j in inner:
            mover.delay(f"{theirs}.1.convs.{j}", f"{theirs}.1.bns.{j}", f"{ours}.res2.layers.{j}")
        squeezed = mover.affine(f"{theirs}.3.linear1", f"{ours}.squeeze.down").shape[0]
        mover.affine(f"{theirs}.3.linear2", f"{ours}.squeeze.up")
        chunks.append(len(inner) + 1)
    dim = mover.affine("conv", f"{BODY}.aggregate.conv", taps=True).shape[0]
    encoder = _encoder(first, dim=dim, chunks=chunks, squeeze=squeezed, layout="wespeaker", toolkit=toolkit)
    enter = mover.affine("pool.linear1", "embedding.pool.enter")
    mover.affine("pool.linear2", "embedding.pool.score")
    mover.norm("bn", "embedding.pooled_norm")
    last = mover.affine("linear", "embedding.linear")
    last_norm = "bn2.weight" in weights
    if last_norm:
        mover.norm("bn2", "embedding.last_norm")
    nothing_left(weights, toolkit=toolkit)
    return (
        encoder,
        {
            "pool": "asp",
            "attention": enter.shape[0],
            "attention_net": "tanh",
            "context": enter.shape[1] > dim,
            "deviation": "unbiased",
            "floor": 1e-7,
            "floor_by": "add",
            "pooled_norm": True,
            "dim": last.shape[0],
            "last_norm": last_norm,
        },
        mover.tensors,
    )


def take_shape(mover: Mover, key: str) -> tuple[int, ...]:
    """The shape of a weight that stays where it is."""
    require(key in mover.weights, f"this {mover.toolkit} checkpoint lacks {key}; is the file whole, and of that code?")
    return tuple(mover.weights[key].shape)


def _without_gap(blocks: list[int], name: str, *, toolkit: str) -> None:
    require(
        blocks and blocks == list(range(1, len(blocks) + 1)),
        f"this {toolkit} checkpoint should have ECAPA-TDNN's {name}s numbered without a gap, it has {blocks or 'none'}",
    )


def _encoder(first: Tensor, *, dim: int, chunks: list[int], squeeze: int, layout: str, toolkit: str) -> dict:
    """The section ``encoder``. Dilations are no weights: every published model has 2, 3, 4."""
    require(
        len(set(chunks)) == 1, f"this {toolkit} checkpoint splits its blocks in {chunks} chunks, expected one number"
    )
    return {
        "name": "ecapa_tdnn",
        "layout": layout,
        "channels": first.shape[0],
        "dim": dim,
        "kernel": first.shape[2],
        "dilations": tuple(range(2, len(chunks) + 2)),
        "scale": chunks[0],
        "squeeze": squeeze,
    }


def mels(tensors: Mapping[str, Tensor]) -> int:
    """Channels that the first layer reads."""
    return tensors[f"{BODY}.first.conv.weight"].shape[1]
