"""Speaker encoders that sslsv trained: checkpoints of any of its methods, or the state dict of an encoder.

A training file {epoch, best_metric, model, optimizer} (``model_avg.pt``: only ``model``) holds the method. Its encoder
is taken, of DINO the teacher's; what stands beside it (projectors, queues, heads, centres) serves training only.

    ResNet34   conv, bn                                  encoder.local.stem, .stem_norm
               block{s}.{b}.{conv1,bn1,conv2,bn2}        encoder.local.stages.{s-1}.{b}.{conv1,norm1,conv2,norm2}
               block{s}.{b}.se.fc.{0,2}                  encoder.local.stages.{s-1}.{b}.squeeze.{squeeze,excite}
               block{s}.0.downsample.{0,1}               encoder.local.stages.{s-1}.0.{shortcut,shortcut_norm}
               pooling.{sap_linear,attention}            embedding.pool.{linear,attention}
               fc, last_bn                               embedding.linear, .last_norm; without pooling encoder.local.out
    TDNN       blocks.{i}.{conv,bn}                      encoder.local.delays.{i}.{conv,norm}
               linear1, bn1, linear2                     embedding.linear, .between, .second (weights of bn1 inside)
    CNN        blocks.{i}.{conv,ln}                      encoder.{convs,norms}.{i}      (SimpleAudioCNN, of waveforms)
    ECAPA      as SpeechBrain's                          see ``speechbrain_ecapa``

Sizes are read from the shapes, as are the transform and the window below. Encoders without pooling (for CPC) give
frames. Encoders on s3prl's upstreams have no counterpart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..core import SonantError, require, unknown
from ..core.config import check_keys
from ._ecapa import from_speechbrain
from ._read import listed
from ._rename import STAGES, body_of, open_weights, renamed, resnet_sizes
from ._stack import numbers, take

ABOUT = "speaker encoders (ResNet34, ECAPA-TDNN, TDNN) of any method that sslsv trains: model_<epoch>.pt"
TOOLKIT = "sslsv"
KEYS = ("features", "sample_rate", "body", "n_mels")
BODIES = ("encoder", "encoder_momentum")
SAMPLE_RATE = 16000  # Hz
HEIGHT = 8  # mel filters to one frequency of ResNet34's frames
FEATURES = {  # its MelSpectrogram, logarithm and InstanceNorm1d
    "name": "stft_mel",
    "n_fft": 512,
    "window": "hamming",
    "level_db": None,
    "log_offset": 1e-6,
    "cmvn": "instance",
}
MEL = ("features_extractor.0.mel_scale.fb", "features_extractor.0.spectrogram.window")
RESNET = {
    "conv": "encoder.local.stem",
    "bn": "encoder.local.stem_norm",
    r"block(\d+)\.(\d+)\.conv([12])": r"encoder.local.stages.\1.\2.conv\3",
    r"block(\d+)\.(\d+)\.bn([12])": r"encoder.local.stages.\1.\2.norm\3",
    r"block(\d+)\.(\d+)\.se\.fc\.0": r"encoder.local.stages.\1.\2.squeeze.squeeze",
    r"block(\d+)\.(\d+)\.se\.fc\.2": r"encoder.local.stages.\1.\2.squeeze.excite",
    r"block(\d+)\.(\d+)\.downsample\.0": r"encoder.local.stages.\1.\2.shortcut",
    r"block(\d+)\.(\d+)\.downsample\.1": r"encoder.local.stages.\1.\2.shortcut_norm",
    "pooling": "embedding.pool",
    r"pooling\.sap_linear": "embedding.pool.linear",
    "fc": "embedding.linear",
    "last_bn": "embedding.last_norm",
}
CNN = {r"blocks\.(\d+)\.conv": r"encoder.convs.\1", r"blocks\.(\d+)\.ln": r"encoder.norms.\1"}
TDNN = {
    r"blocks\.(\d+)\.conv": r"encoder.local.delays.\1.conv",
    r"blocks\.(\d+)\.bn": r"encoder.local.delays.\1.norm",
    "linear1": "embedding.linear",
    "bn1": "embedding.between",
    "linear2": "embedding.second",
}


def convert(source: Any, config: Mapping | None = None) -> tuple[dict, dict[str, Tensor]]:
    """The representation of a checkpoint.

    Args:
        source: path of a checkpoint, what it holds, or the state dict of an encoder.
        config: ``features`` (a section), ``sample_rate`` (Hz, 16000), ``body`` (``encoder``, or ``encoder_momentum``,
            which is what DINO's checkpoints give without being told), ``n_mels`` where the buffers of the features
            were left out.

    Returns:
        sections ``sample_rate``, ``features``, ``encoder``, ``context``, ``layer`` of ours and, of encoders with a
        pooling, ``embedding``; and the weights.

    Raises:
        SonantError: unreadable or foreign file, missing or unexpected keys.
    """
    given = dict(config or {})
    check_keys(given, KEYS, f"the configuration of the {TOOLKIT} importer")
    method, where = open_weights(source, containers=("model",))
    weights = body_of(method, _bodies(method, given.get("body")))
    if "blocks.0.ln.weight" in weights:
        return _cnn(weights, int(given.get("sample_rate", SAMPLE_RATE)))
    features = given.get("features") or _features(weights, given.get("n_mels"))
    weights = {key: value for key, value in weights.items() if not key.startswith("features_extractor.")}
    if "block1.0.conv1.weight" in weights:
        encoder, embedding, tensors = _resnet(weights, int(given.get("n_mels") or features.get("n_mels") or 40))
    elif "blocks.0.conv.conv.weight" in weights:
        encoder, embedding, tensors = from_speechbrain(weights, toolkit=TOOLKIT)
    elif "blocks.0.bn.weight" in weights:
        encoder, embedding, tensors = _tdnn(weights)
    else:
        raise SonantError(
            f"{where}: no ResNet34, ECAPA-TDNN or TDNN of {TOOLKIT} among its keys ({listed(list(weights))}); other "
            "encoders have no counterpart"
        )
    sections = {
        "sample_rate": int(given.get("sample_rate", SAMPLE_RATE)),
        "features": features,
        "encoder": encoder,
        "context": {"name": "identity"},
        "layer": "c",
    }
    return sections | ({"embedding": embedding} if embedding else {}), tensors


def _bodies(method: Mapping[str, Tensor], asked: str | None) -> tuple[str, ...]:
    """Prefix of the weights to take; a state dict without one is an encoder itself."""
    if asked is not None:
        if asked not in BODIES:
            raise unknown("value of 'body'", str(asked), BODIES)
        require(any(key.startswith(f"{asked}.") for key in method), f"this {TOOLKIT} checkpoint has no '{asked}.*'")
        return (f"{asked}.",)
    dino = any(key.startswith("head_momentum.") for key in method)
    return ("encoder_momentum.",) if dino else ("encoder.",)


def _resnet(weights: Mapping[str, Tensor], n_mels: int) -> tuple[dict, dict | None, dict[str, Tensor]]:
    """Sections ``encoder`` and ``embedding`` (None: frames), and the weights."""
    tensors = renamed(weights, RESNET, toolkit=TOOLKIT)
    encoder = resnet_sizes(tensors, toolkit=TOOLKIT)
    dim, pooled = _shape(tensors, "embedding.linear.weight", 2)
    flat = _shape(tensors, f"{STAGES}.3.0.conv1.weight", 4)[0] * -(-n_mels // HEIGHT)
    attention = tensors.pop("embedding.pool.attention", None)
    head = {"dim": dim, "last_norm": "embedding.last_norm.weight" in tensors}
    if attention is not None:
        tensors["embedding.pool.attention"] = attention.flatten()
        return {**encoder, "frequency": "mean"}, {"pool": "sap", **head}, tensors
    require(
        pooled in (flat, 2 * flat),
        f"the last layer of this {TOOLKIT} ResNet34 reads {pooled} channels, and from {n_mels} mel filters it should "
        f"read {2 * flat} (mean and deviation) or {flat} (frames); is n_mels right?",
    )
    encoder["frequency"] = "flatten"
    if pooled == 2 * flat:
        return encoder, {"pool": "statistics", "floor": 1e-5, **head}, tensors
    require(not head["last_norm"], f"this {TOOLKIT} ResNet34 has a norm after its frames, which has no counterpart")
    for part in ("weight", "bias"):
        tensors[f"encoder.local.out.{part}"] = tensors.pop(f"embedding.linear.{part}")
    return {**encoder, "out": dim}, None, tensors


def _tdnn(weights: Mapping[str, Tensor]) -> tuple[dict, dict, dict[str, Tensor]]:
    """The same; the weights of the norm between the linear layers go into the second of these."""
    tensors = renamed(weights, TDNN, toolkit=TOOLKIT)
    layers = numbers(tensors, r"encoder\.local\.delays\.(\d+)\.")
    shapes = [_shape(tensors, f"encoder.local.delays.{i}.conv.weight", 3) for i in layers]
    kernels, second = [shape[2] for shape in shapes], _shape(tensors, "embedding.second.weight", 2)
    require(
        kernels == [5, 3, 3, 1, 1] and second[0] == second[1],
        f"this {TOOLKIT} TDNN has kernels {kernels} and a last layer of {second}; expected kernels 5, 3, 3, 1, 1 and a "
        "square layer",
    )
    gain = take(tensors, "embedding.between.weight", toolkit=TOOLKIT, axes=1)
    shift = take(tensors, "embedding.between.bias", toolkit=TOOLKIT, axes=1)
    weight = tensors["embedding.second.weight"]
    tensors["embedding.second.bias"] = tensors["embedding.second.bias"] + weight @ shift
    tensors["embedding.second.weight"] = weight * gain
    embedding = {"pool": "statistics", "deviation": "unbiased", "floor": 1e-12, "dim": second[0], "layers": 2}
    return {"name": "xvector", "dims": tuple(shape[0] for shape in shapes)}, embedding, tensors


def _cnn(weights: Mapping[str, Tensor], sample_rate: int) -> tuple[dict, dict[str, Tensor]]:
    """All sections of a SimpleAudioCNN, which stands on the waveform and gives frames; its norms are of the batch."""
    tensors = renamed(weights, CNN, toolkit=TOOLKIT)
    hidden, dim = (_shape(tensors, f"encoder.convs.{i}.weight", 3)[0] for i in (0, 4))
    encoder = {"name": "cpc_conv", "dim": dim, "hidden": hidden, "norm": "batch", "bias": False}
    return {"sample_rate": sample_rate, "encoder": encoder, "context": {"name": "identity"}, "layer": "c"}, tensors


def _shape(tensors: Mapping[str, Tensor], name: str, axes: int) -> tuple[int, ...]:
    """Of a weight by our name."""
    require(
        name in tensors and tensors[name].dim() == axes,
        f"this {TOOLKIT} checkpoint lacks the weight that becomes {name}, or has it in another shape; is it whole?",
    )
    return tuple(tensors[name].shape)


def _features(weights: Mapping[str, Tensor], n_mels: int | None) -> dict:
    """The section ``features`` that the stored filters and window, or the defaults, amount to."""
    filters, window = (weights.get(name) for name in MEL)
    if filters is None or window is None:
        require(
            n_mels is not None,
            f"this {TOOLKIT} checkpoint lacks the filters of its features ({MEL[0]}); give n_mels (40 in most "
            "configurations, 80 in DINO's), or the section 'features'",
        )
        return {**FEATURES, "n_mels": int(n_mels)}
    rows, columns = filters.shape
    kinds = {"hamming": torch.hamming_window, "hann": torch.hann_window}
    known = [name for name, made in kinds.items() if torch.allclose(made(len(window)), window.float(), atol=1e-5)]
    require(known, f"the window of this {TOOLKIT} checkpoint is neither Hamming nor Hann; give the section 'features'")
    sizes = {"n_mels": columns, "n_fft": 2 * (rows - 1), "frame_length": len(window) / SAMPLE_RATE}
    return {**FEATURES, **sizes, "window": known[0]}
