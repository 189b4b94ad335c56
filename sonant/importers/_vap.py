"""What importers of voice activity projection models share: files and their hyper-parameters, names, sizes.

    encoder.encoder.gEncoder.{conv,batchNorm}{i}      encoder.{convs,norms}.{i}        (1, C, 1) -> (C,)
    encoder.encoder.gAR.baseNet.*_l0                  context.rnns.0.*_l0
    encoder.downsample.1, .2.ln                       dialogue.down.conv, .norm
    va_condition, va_cond_history, va_cond_ln         dialogue.condition.{activity,history,norm}
    ar_channel.layers.{l}                             dialogue.channel.{l}
    ar.layers.{l}                                     dialogue.cross.{l}; of mono models .channel after the others
        .ln_self_attn, .ln_src_attn, .ln_ffnetwork        .norm_attention, .norm_cross, .norm_ff
        .mha, .mha_cross  {query,key,value,proj}          .attention, .cross  {query,key,value,out}
        .ffnetwork.{0,3}                                  .ff_in, .ff_out
    ar.combinator.{h0_a,h0_b,ln}                      dialogue.combine.{first,second,norm}
    va_classifier, vap_head                           dialogue.activity_head, dialogue.head

Slopes (``mha.m``) and the codebook are constants here: they are compared with those of the file and left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core import SonantError, require
from ..core.torch_files import read_torch
from ._read import as_tensors, listed, read_checkpoint
from ._rename import renamed
from ._stack import numbers

SAMPLE_RATE = 16000  # Hz
CPC_HOP = 160  # samples from one frame of the convolutions to the next
CPC = {
    r"encoder\.encoder\.gEncoder\.conv([0-4])": r"encoder.convs.\1",
    r"encoder\.encoder\.gEncoder\.batchNorm([0-4])": r"encoder.norms.\1",
    r"encoder\.encoder\.gAR\.baseNet": "context.rnns.0",
    r"encoder\.downsample\.1": "dialogue.down.conv",
    r"encoder\.downsample\.2\.ln": "dialogue.down.norm",
    "vap_head": "dialogue.head",
}
STACK = r"(channel|cross)\.(\d+)"
LAYERS = {
    rf"{STACK}\.ln_self_attn": r"dialogue.\1.\2.norm_attention",
    rf"{STACK}\.ln_src_attn": r"dialogue.\1.\2.norm_cross",
    rf"{STACK}\.ln_ffnetwork": r"dialogue.\1.\2.norm_ff",
    rf"{STACK}\.mha\.(query|key|value)": r"dialogue.\1.\2.attention.\3",
    rf"{STACK}\.mha_cross\.(query|key|value)": r"dialogue.\1.\2.cross.\3",
    rf"{STACK}\.mha\.proj": r"dialogue.\1.\2.attention.out",
    rf"{STACK}\.mha_cross\.proj": r"dialogue.\1.\2.cross.out",
    rf"{STACK}\.ffnetwork\.0": r"dialogue.\1.\2.ff_in",
    rf"{STACK}\.ffnetwork\.3": r"dialogue.\1.\2.ff_out",
}
STEREO = {
    **LAYERS,
    r"ar\.combinator\.h0_a": "dialogue.combine.first",
    r"ar\.combinator\.h0_b": "dialogue.combine.second",
    r"ar\.combinator\.ln": "dialogue.combine.norm",
    "va_classifier": "dialogue.activity_head",
}
BINS = 4  # of each speaker, of the models of 2023 and 2024
TESTS = re.compile(r"(zero_shot|test_\w+)\.")  # metrics that were trained with, of no use without


class Record:
    """A configuration object of a training script: its values, and nothing that it could do."""

    def __init__(self, *values: Any, **named: Any):
        self.__dict__.update(named)


def open_vap(source: Any, *, toolkit: str) -> tuple[dict[str, Tensor], dict, str]:
    """(weights without ``net.``, hyper-parameters, name for messages) of a state dict, or of a file of Lightning.

    Of what is not plain in a file, objects whose class is called ``..Config`` are read as their values; anything else
    is refused.
    """
    where = "the state dict" if isinstance(source, Mapping) else str(source)
    content = source if isinstance(source, Mapping) else _read(Path(source))
    require(isinstance(content, Mapping), f"{where}: expected a mapping, found {type(content).__name__}")
    inside = isinstance(content.get("state_dict"), Mapping)
    weights = as_tensors(content["state_dict"] if inside else content, where)
    settings = content.get("hyper_parameters") if inside else None
    require(weights, f"{where}: no weights in it; is it a checkpoint of {toolkit}?")
    return {key.removeprefix("net."): value for key, value in weights.items()}, settings_of(settings), where


def _read(path: Path) -> Any:
    if not path.is_file() or path.suffix in (".safetensors", ".npz"):
        return read_checkpoint(path)
    try:
        asked = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # older files, and what is no file of torch: read or refused as any other
        return read_checkpoint(path)
    return read_torch(path, allowed=[(Record, name) for name in asked if name.endswith("Config")])


def settings_of(value: Any) -> dict:
    """Hyper-parameters as nested dictionaries; {} for none."""
    value = vars(value) if isinstance(value, Record) else value
    if not isinstance(value, Mapping):
        return {}
    return {str(key): settings_of(item) if isinstance(item, (Record, Mapping)) else item for key, item in value.items()}


def at(settings: Mapping, *path: str, default: Any = None) -> Any:
    """The value at a place of nested hyper-parameters."""
    for name in path:
        settings = settings.get(name) if isinstance(settings, Mapping) else None
    return default if settings is None else settings


def without_constants(weights: Mapping[str, Tensor], *, bins: int, toolkit: str) -> dict[str, Tensor]:
    """The weights without the codebook, which has to be that of ``bins`` bins, and without metrics."""
    left = {}
    for key, value in weights.items():
        if re.fullmatch(r"(objective|VAP)\.(\w+\.)*(emb|codebook)\.weight|VAP\.codebook(\.\w+)*", key):
            wanted = torch.arange(1 << 2 * bins)[:, None] >> torch.arange(2 * bins) & 1
            require(
                value.shape == wanted.shape and torch.equal(value.float(), wanted.float()),
                f"the codebook ({key}) of this {toolkit} checkpoint orders its classes in another way than the least "
                "bit for the nearest bin of speaker 0; it has no counterpart",
            )
        elif not TESTS.match(key) and not key.endswith(".mask"):
            left[key] = value
    return left


def native(weights: dict[str, Tensor], table: Mapping[str, str], *, toolkit: str) -> dict[str, Tensor]:
    """Our names; the scales of the channel norms, stored as (1, C, 1), flat."""
    tensors = renamed(weights, {**CPC, **table}, toolkit=toolkit)
    return {key: value.flatten() if key.startswith("encoder.norms.") else value for key, value in tensors.items()}


def check_positions(stored: Tensor, *, toolkit: str) -> None:
    """Raise SonantError unless stored positions (1, T, D) are sinusoids."""
    require(
        stored.dim() == 3, f"this {toolkit} checkpoint has positions of shape {tuple(stored.shape)}, expected 3 axes"
    )
    frames, dim = stored.shape[1:]
    half = torch.arange(0, dim, 2, dtype=torch.float64)
    angle = torch.arange(frames, dtype=torch.float64)[:, None] / 10000 ** (half / dim)
    wanted = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :dim]
    require(
        torch.allclose(stored[0].double(), wanted, atol=1e-3),
        f"the positions of this {toolkit} checkpoint are no sinusoids; it has no counterpart",
    )


def take_heads(weights: dict[str, Tensor], *, toolkit: str) -> int:
    """The number of heads that the slopes tell, which are taken out and have to be those of ALiBi."""
    slopes = [weights.pop(key) for key in sorted(weights) if key.endswith(".m")]
    require(slopes, f"this {toolkit} checkpoint lacks the slopes of its heads (ar_channel.layers.0.mha.m)")
    wanted = _slopes(len(slopes[0].flatten()))
    require(
        all(m.numel() == len(wanted) and torch.allclose(m.flatten().float(), wanted, rtol=1e-4) for m in slopes),
        f"the slopes of this {toolkit} checkpoint ({listed(slopes[0].flatten().tolist())}) are not those of ALiBi; "
        "it has no counterpart",
    )
    return len(wanted)


def _slopes(heads: int) -> Tensor:
    lower = 1 << (heads.bit_length() - 1)
    odd = 2.0 ** (-4.0 * (2 * torch.arange(heads - lower) + 1) / lower)
    return torch.cat([2.0 ** (-8.0 * (torch.arange(lower) + 1) / lower), odd])


def stacked(weights: Mapping[str, Tensor], *, mono: bool) -> dict[str, Tensor]:
    """Layers under ``channel.{l}`` and ``cross.{l}``, of mono models all under ``channel``."""
    first = len(numbers(weights, r"ar_channel\.layers\.(\d+)\."))

    def place(key: str) -> str:
        key = re.sub(r"^ar_channel\.layers\.", "channel.", key)
        if mono:
            return re.sub(r"^ar\.layers\.(\d+)\.", lambda found: f"channel.{first + int(found[1])}.", key)
        return re.sub(r"^ar\.layers\.", "cross.", key)

    return {place(key): value for key, value in weights.items()}


def down_sampling(tensors: Mapping[str, Tensor], *, stride: int | None, rate: float | None, toolkit: str) -> dict:
    """``stride`` and ``kernel`` of the section ``dialogue``.

    Args:
        stride, rate: what is known of them, the rate in frames per second; None for both: of kernels 2 s + 1 it is s.
    """
    weight = tensors.get("dialogue.down.conv.weight")
    if weight is None:
        return {"stride": 1, "kernel": 1}
    require(weight.dim() == 3, f"the down-sampling convolution of this {toolkit} checkpoint has no three axes")
    kernel = weight.shape[2]
    if stride is None and rate is not None:
        stride = round(SAMPLE_RATE / CPC_HOP / float(rate))
    if stride is None and kernel in (5, 11):
        stride = kernel // 2
    require(
        stride is not None,
        f"this {toolkit} checkpoint does not tell the stride of its down-sampling by {kernel} taps; give frame_hz, "
        "such as frame_hz=50",
    )
    return {"stride": int(stride), "kernel": kernel}


def body(tensors: Mapping[str, Tensor], *, toolkit: str) -> dict:
    """The sections below ``dialogue``: CPC's convolutions and its LSTM."""
    first = tensors.get("encoder.convs.0.weight")
    if first is None:
        raise SonantError(f"this {toolkit} checkpoint has no CPC encoder (encoder.encoder.gEncoder.*) in it")
    state = tensors.get("context.rnns.0.weight_hh_l0")
    require(
        state is not None and state.dim() == 2 and state.shape[0] == 4 * state.shape[1],
        f"this {toolkit} checkpoint has no LSTM above its encoder (encoder.encoder.gAR.baseNet.weight_hh_l0)",
    )
    return {
        "sample_rate": SAMPLE_RATE,
        "encoder": {"name": "cpc_conv", "dim": first.shape[0]},
        "context": {"name": "lstm", "dim": state.shape[1], "layers": 1},
        "layer": "c",
    }


def layer_sizes(tensors: Mapping[str, Tensor], *, toolkit: str) -> dict:
    """Numbers of layers and width of the feed-forward nets, of the section ``dialogue``."""
    found = {name: numbers(tensors, rf"dialogue\.{name}\.(\d+)\.") for name in ("channel", "cross")}
    for layers in found.values():
        require(
            layers == list(range(len(layers))),
            f"the layers of this {toolkit} checkpoint should be numbered without a gap, got {layers}",
        )
    feed = next((value for key, value in tensors.items() if key.endswith(".ff_in.weight")), None)
    require(feed is not None, f"this {toolkit} checkpoint has no transformer layers")
    return {"channel_layers": len(found["channel"]), "cross_layers": len(found["cross"]), "ff": feed.shape[0]}
