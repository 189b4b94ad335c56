"""Encoders that ssl-for-slr trained in Keras, their weights given as arrays: .npz or .safetensors.

Keras keeps weights in files that only it reads. Write them with it first, in the order in which it lists them:

    numpy.savez(path, **{f"{i:03d}|{w.name}": w.numpy() for i, w in enumerate(encoder.weights)})

The kind of the encoder is seen from the layers. Kernels (k, in, out) and (kh, kw, in, out) become (out, in, k) and
(out, in, kh, kw); half precision becomes single.

    thinresnet34   encoder resnet34; the attention over time and the last layer are the section ``embedding``
    xvector        encoder xvector. Above the first layer its kernels are multiplied by its sub-sampling mask, which
                   leaves the first input channel of the first and last tap: imported models compute what they did.
    cpc            encoder cpc_conv
    sinc           encoder sinc_conv

Keras adds 1e-3 to the variance of its batch norms; where ours add 1e-5, the difference goes into the stored variance.
Features are those of its data loader: 40 mel energies of 25 ms every 10 ms, pre-emphasised, ``n // 160`` frames.
``SAME`` padding is Keras's for lengths that the strides divide; others have the same zeros, one frame fewer, and the
same result alone and in a batch. ``wav2spk`` has a bias for each of 128 time steps, and no counterpart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..core import SonantError, require
from ..core.config import check_keys
from ._read import as_tensors, listed, read_checkpoint

ABOUT = "encoders of ssl-for-slr (Keras) as arrays named 'NNN|name': thinresnet34, xvector, cpc, sinc"
TOOLKIT = "ssl-for-slr"
KEYS = ("features", "sample_rate")
KERAS_EPS, OUR_EPS = 1e-3, 1e-5
BODY = "encoder.local"
MELS = {
    "name": "stft_mel",
    "n_mels": 40,
    "n_fft": 512,
    "window": "hamming",
    "level_db": None,
    "log_offset": 1e-6,
    "preemphasis": 0.97,
    "last_frame": False,
    "cmvn": "none",
}

Layer = dict[str, Tensor]  # arrays of one Keras layer by the last part of their name: kernel, bias, gamma ..


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """The representation of an encoder.

    Args:
        source: path of the arrays, or the arrays by name.
        config: ``features`` (a section) and ``sample_rate`` (Hz, 16000) where they are not the usual.

    Returns:
        sections ``sample_rate``, ``features``, ``encoder``, ``context``, ``embedding`` of ours, and the weights.

    Raises:
        SonantError: unreadable file, arrays by other names, an encoder without a counterpart.
    """
    given = dict(config or {})
    check_keys(given, KEYS, f"the configuration of the {TOOLKIT} importer")
    where = "the arrays" if isinstance(source, Mapping) else str(source)
    layers = _layers(as_tensors(source if isinstance(source, Mapping) else read_checkpoint(source), where), where)
    sections, tensors = _converter(layers, where)(layers)
    if given.get("features"):
        sections["features"] = given["features"]
    return {"sample_rate": int(given.get("sample_rate", 16000)), "context": {"name": "identity"}, **sections}, tensors


def _layers(arrays: Mapping[str, Tensor], where: str) -> list[Layer]:
    """The layers in the order in which Keras made them."""
    found: dict[str, Layer] = {}
    for key in sorted(arrays):
        match = re.fullmatch(r"\d+\|(?:(.+)/)?([^/:]+)(?::\d+)?", key)
        require(
            match is not None,
            f"{where}: expected arrays named like '002|cpc_encoder/conv1d/kernel:0', found '{key}'; write them as "
            "help(sonant.importers.keras_speaker) says",
        )
        found.setdefault(match[1] or "", {})[match[2]] = arrays[key].float()
    return list(found.values())


def _converter(layers: list[Layer], where: str):
    """Which of the encoders this is."""
    parts = {part for layer in layers for part in layer}
    axes = {layer["kernel"].dim() for layer in layers if "kernel" in layer}
    require(
        "tg_biases" not in parts,
        f"{where}: a Wav2Spk encoder, whose gate has a bias for each of 128 time steps; it has no counterpart, train "
        "the encoder wav2spk anew",
    )
    if "low_hz" in parts:
        return _sinc
    if axes == {3}:
        return _xvector if "moving_mean" in parts else _cpc
    if 4 in axes:
        return _thin_resnet
    raise SonantError(f"{where}: none of the encoders of {TOOLKIT}; its arrays are {listed(sorted(parts), most=8)}")


class _Reader:
    """Takes layers one after the other and keeps their arrays by our names."""

    def __init__(self, layers: list[Layer]):
        self.layers, self.at, self.tensors = layers, 0, {}

    def next_is(self, *, axes: int, taps: int | None = None) -> bool:
        """Whether the next layer has a kernel of so many axes (and of so many taps in the first)."""
        kernel = self.layers[self.at].get("kernel") if self.at < len(self.layers) else None
        return kernel is not None and kernel.dim() == axes and (taps is None or kernel.shape[0] == taps)

    def take(self, *parts: str) -> Layer:
        """The next layer, which must have these arrays and no others."""
        layer = self.layers[self.at] if self.at < len(self.layers) else {}
        require(
            set(layer) == set(parts),
            f"layer {self.at} of this {TOOLKIT} encoder should have {', '.join(parts)}, and has "
            f"{', '.join(layer) or 'nothing'}; are all arrays there, in the order of encoder.weights?",
        )
        self.at += 1
        return layer

    def kernel(self, name: str, *, bias: bool = True, flat: bool = False) -> Tensor:
        """A convolution or linear layer (``flat``: stored as a convolution of one tap), with its weight turned."""
        layer = self.take(*(("kernel", "bias") if bias else ("kernel",)))
        weight = layer["kernel"].movedim((-1, -2), (0, 1))
        self.tensors[f"{name}.weight"] = (weight[:, :, 0] if flat else weight).contiguous()
        if bias:
            self.tensors[f"{name}.bias"] = layer["bias"]
        return self.tensors[f"{name}.weight"]

    def affine(self, name: str) -> None:
        """A norm without running statistics."""
        layer = self.take("gamma", "beta")
        self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"] = layer["gamma"], layer["beta"]

    def batch_norm(self, name: str, *, eps: float = OUR_EPS) -> None:
        """A batch norm of ours that adds ``eps`` to the variance."""
        layer = self.take("gamma", "beta", "moving_mean", "moving_variance")
        for part, theirs in (("weight", "gamma"), ("bias", "beta"), ("running_mean", "moving_mean")):
            self.tensors[f"{name}.{part}"] = layer[theirs]
        self.tensors[f"{name}.running_var"] = layer["moving_variance"] + (KERAS_EPS - eps)
        self.tensors[f"{name}.num_batches_tracked"] = torch.tensor(0)

    def end(self) -> dict[str, Tensor]:
        """What was taken. Raises SonantError when layers are left."""
        rest = [part for layer in self.layers[self.at :] for part in layer]
        require(not rest, f"this {TOOLKIT} encoder has {len(rest)} arrays too many: {listed(rest)}")
        return self.tensors


def _cpc(layers: list[Layer]) -> tuple[dict, dict[str, Tensor]]:
    reader = _Reader(layers)
    dims = []
    for i in range(5):
        dims.append(reader.kernel(f"encoder.convs.{i}").shape[0])
        reader.affine(f"encoder.norms.{i}")
    encoder = {
        "name": "cpc_conv",
        "dim": dims[-1],
        "hidden": dims[0],
        "norm": "layer",
        "eps": KERAS_EPS,
        "padding": "same",
    }
    return {"encoder": encoder}, reader.end()


def _sinc(layers: list[Layer]) -> tuple[dict, dict[str, Tensor]]:
    reader = _Reader(layers)
    edges = reader.take("low_hz", "band_hz")
    reader.tensors |= {f"encoder.sinc.{part}": value.flatten() for part, value in edges.items()}
    reader.affine("encoder.norms.0")
    for i in range(4):
        reader.kernel(f"encoder.convs.{i}")
        reader.affine(f"encoder.norms.{i + 1}")
    dim = reader.kernel("encoder.linear", flat=True).shape[0]
    reader.affine("encoder.last_norm")
    return {"encoder": {"name": "sinc_conv", "dim": dim, "channels": len(edges["low_hz"].flatten())}}, reader.end()


def _xvector(layers: list[Layer]) -> tuple[dict, dict[str, Tensor]]:
    reader = _Reader(layers)
    dims, kernels = [], []
    for i in range(len(layers) // 2):
        weight_DCK = reader.kernel(f"{BODY}.delays.{i}.conv", bias=False)
        if i > 0:
            heard_DCK = torch.zeros_like(weight_DCK)
            heard_DCK[:, 0, [0, -1]] = weight_DCK[:, 0, [0, -1]]
            reader.tensors[f"{BODY}.delays.{i}.conv.weight"] = heard_DCK
        dims.append(weight_DCK.shape[0])
        kernels.append(weight_DCK.shape[2])
        reader.batch_norm(f"{BODY}.delays.{i}.norm", eps=KERAS_EPS)
    encoder = {
        "name": "xvector",
        "dims": tuple(dims),
        "kernels": tuple(kernels),
        "dilations": (1,) * len(dims),
        "padding": "zeros",
        "slope": 0.0,
        "bias": False,
        "dropout": 0.5,
        "eps": KERAS_EPS,
    }
    embedding = {"pool": "statistics", "deviation": "population", "floor": 1e-12}
    return {"features": {**MELS, "log": False}, "encoder": encoder, "embedding": embedding}, reader.end()


def _thin_resnet(layers: list[Layer]) -> tuple[dict, dict[str, Tensor]]:
    reader = _Reader(layers)
    reader.affine(f"{BODY}.input_norm")
    base = reader.kernel(f"{BODY}.stem").shape[0]
    reader.batch_norm(f"{BODY}.stem_norm")
    blocks, squeeze = [0], None
    while reader.next_is(axes=4):
        if blocks[-1] and reader.layers[reader.at]["kernel"].shape[2] != reader.layers[reader.at]["kernel"].shape[3]:
            blocks.append(0)
        reduction = _block(reader, f"{BODY}.stages.{len(blocks) - 1}.{blocks[-1]}")
        squeeze, blocks[-1] = reduction or squeeze, blocks[-1] + 1
    channels = base * 2 ** (len(blocks) - 1)
    embedding = _self_attention(reader, channels)
    encoder = {
        "name": "resnet34",
        "base": base,
        "blocks": tuple(blocks),
        "strides": (1, *(2 for _ in blocks[1:])),
        "stem_kernel": 3,
        "stem_stride": 1,
        "stem_order": "conv_relu_norm",
        "squeeze": squeeze,
        "bias": True,
        "pad": "end",
        "input_norm": "instance",
        "frequency": "flatten",
    }
    return {"features": dict(MELS), "encoder": encoder, "embedding": embedding}, reader.end()


def _block(reader: _Reader, name: str) -> int | None:
    """One residual block; returns the reduction of its squeeze-excitation, None where it has none."""
    for number in (1, 2):
        reader.kernel(f"{name}.conv{number}")
        reader.batch_norm(f"{name}.norm{number}")
    reduction = None
    if reader.next_is(axes=2):
        down = reader.kernel(f"{name}.squeeze.squeeze")
        reader.kernel(f"{name}.squeeze.excite")
        reduction = down.shape[1] // down.shape[0]
    if reader.next_is(axes=4, taps=1):
        reader.kernel(f"{name}.shortcut")
        reader.batch_norm(f"{name}.shortcut_norm")
    return reduction


def _self_attention(reader: _Reader, channels: int) -> dict:
    """The section ``embedding``; frames are frequency by frequency there, and channel by channel here."""
    enter = reader.kernel("embedding.pool.enter", flat=True)
    reader.batch_norm("embedding.pool.norm")
    reader.kernel("embedding.pool.score", flat=True)
    linear = reader.kernel("embedding.linear")
    heights = enter.shape[1] // channels
    order = torch.arange(heights * channels).reshape(heights, channels).T.flatten()
    for name, axis in (
        ("pool.enter.weight", 1),
        ("pool.score.weight", 0),
        ("pool.score.bias", 0),
        ("linear.weight", 1),
    ):
        reader.tensors[f"embedding.{name}"] = reader.tensors[f"embedding.{name}"].index_select(axis, order)
    return {
        "pool": "asp",
        "attention": enter.shape[0],
        "attention_net": "relu_batch",
        "context": False,
        "deviation": "none",
        "dim": linear.shape[0],
    }
