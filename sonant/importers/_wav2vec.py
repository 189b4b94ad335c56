"""What importers of the wav2vec 2.0 family share: the parts of such a model under the names of each toolkit.

A spelling says how a toolkit calls our modules; {i} is a convolution, {j} a positional one, {l} a Transformer layer.
Query, key and value maps that are stored apart are stacked first, under the name of ``attention.qkv``.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..core import require
from ._read import listed

TRANSFORMERS = {
    "encoder.convs.{i}": "feature_extractor.conv_layers.{i}.conv",
    "encoder.norms.{i}": "feature_extractor.conv_layers.{i}.layer_norm",
    "context.enter_norm": "feature_projection.layer_norm",
    "context.enter": "feature_projection.projection",
    "context.norm": "encoder.layer_norm",
    "context.positions.convs.{j}": "encoder.pos_conv_embed.layers.{j}.conv",
    "context.stack.{l}.attention.qkv": "encoder.layers.{l}.attention.qkv",
    "context.stack.{l}.attention.out": "encoder.layers.{l}.attention.out_proj",
    "context.stack.{l}.norm_attention": "encoder.layers.{l}.layer_norm",
    "context.stack.{l}.ff_in": "encoder.layers.{l}.feed_forward.intermediate_dense",
    "context.stack.{l}.ff_out": "encoder.layers.{l}.feed_forward.output_dense",
    "context.stack.{l}.norm_ff": "encoder.layers.{l}.final_layer_norm",
}
SPIDR = {
    ours: theirs.replace("encoder.", "student.").replace("out_proj", "proj") for ours, theirs in TRANSFORMERS.items()
} | {"context.positions.convs.{j}": "student.pos_conv_embed.convs.{j}"}
FAIRSEQ = {
    "encoder.convs.{i}": "feature_extractor.conv_layers.{i}.0",
    "encoder.norms.{i}": "feature_extractor.conv_layers.{i}.2.1",
    "context.enter_norm": "layer_norm",
    "context.enter": "post_extract_proj",
    "context.norm": "encoder.layer_norm",
    "context.positions.convs.{j}": "encoder.pos_conv.{j}.0",
    "context.stack.{l}.attention.qkv": "encoder.layers.{l}.self_attn.qkv",
    "context.stack.{l}.attention.out": "encoder.layers.{l}.self_attn.out_proj",
    "context.stack.{l}.norm_attention": "encoder.layers.{l}.self_attn_layer_norm",
    "context.stack.{l}.ff_in": "encoder.layers.{l}.fc1",
    "context.stack.{l}.ff_out": "encoder.layers.{l}.fc2",
    "context.stack.{l}.norm_ff": "encoder.layers.{l}.final_layer_norm",
}


def names(spelling: Mapping[str, str], *, encoder: Mapping, context: Mapping) -> dict[str, str]:
    """Foreign name -> ours of every weight that sections ``encoder`` and ``context``, given in full, call for."""
    table = {}
    convs = len(encoder["dims"])
    for ours, theirs in spelling.items():
        count = {
            "encoder.convs.{i}": convs,
            "encoder.norms.{i}": 1 if encoder["norm"] == "first" else convs,
            "context.positions.convs.{j}": context["position_layers"],
            "context.enter_norm": int(context["enter_norm"]),
        }.get(ours, context["layers"] if "{l}" in ours else 1)
        without_bias = (ours == "encoder.convs.{i}" and not encoder["bias"]) or (
            ours.endswith(".qkv") and not context["bias"]
        )
        for n in range(count):
            for part in ("weight",) if without_bias else ("weight", "bias"):
                number = {"i": n, "j": n, "l": n}
                table[f"{theirs.format(**number)}.{part}"] = f"{ours.format(**number)}.{part}"
    return table


def stack_queries(weights: dict[str, Tensor], below: str, *, layers: int) -> None:
    """Query, key and value maps of ``below``, such as ``encoder.layers.{l}.attention``, as one called qkv."""
    for layer in range(layers):
        at = below.format(l=layer)
        for part in ("weight", "bias"):
            apart = [f"{at}.{name}_proj.{part}" for name in ("q", "k", "v")]
            missing = [name for name in apart if name not in weights]
            require(not missing, f"this checkpoint lacks {listed(missing)}; is the file whole?")
            weights[f"{at}.qkv.{part}"] = torch.cat([weights.pop(name) for name in apart])
