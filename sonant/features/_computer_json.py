"""JSON descriptions of features (pydrobert-speech, ``--computer-json`` of scpc) as settings of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sonant.core import SonantError, require, unknown

from ._steps import AFTER, BEFORE, parse

STFT = {
    "bank": None,
    "frame_length_ms": None,
    "frame_shift_ms": 10,
    "frame_style": "centered",
    "include_energy": False,
    "pad_to_nearest_power_of_two": True,
    "window_function": "hann",
    "use_log": True,
    "use_power": False,
    "kaldi_shift": False,
}
BANK = {
    "num_filts": 40,
    "low_hz": 20.0,
    "high_hz": None,
    "sampling_rate": 16000,
    "analytic": False,
    "scaling_function": None,
}
RAW = {"sampling_rate": 16000, "scale": 1.0}
WINDOWS = {
    "hann": "hann",
    "hanning": "hann",
    "hamming": "hamming",
    "blackman": "blackman",
    "black": "blackman",
    "bartlett": "bartlett",
    "triangular": "bartlett",
    "tri": "bartlett",
}
SCALES = {"mel": "mel", "bark": "bark", "linear": "linear", "uniform": "linear", "octave": "octave"}


def read_description(path: str | Path) -> tuple[dict[str, Any], int]:
    """The section ``features`` that a JSON (or YAML) file describes, and the sample rate in Hz.

    Beside the keys of a frame computer the file may hold ``preprocess`` and ``postprocess``, lists of steps that are
    arguments of their own elsewhere. The computer ``raw`` is the waveform: ``{"name": "raw", "sampling_rate": 16000}``.

    Raises:
        SonantError: no such file, no JSON, or something that is not computed here.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SonantError(f"cannot read the description of features '{path}': {error}") from None
    description = _parsed(text, path)
    require(
        isinstance(description, Mapping) and "name" in description,
        f"{path} describes no features: expected a mapping such as {{name: stft, bank: {{name: fbank}}}}",
    )
    steps = {key: description.get(key) or [] for key in ("preprocess", "postprocess")}
    computer = {key: value for key, value in description.items() if key not in steps}
    return settings_of(computer, **steps)


def settings_of(
    description: Mapping[str, Any], *, preprocess: list | tuple = (), postprocess: list | tuple = ()
) -> tuple[dict[str, Any], int]:
    """The section ``features`` for a parsed description, and the sample rate in Hz."""
    require(isinstance(description, Mapping), f"a description of features is a mapping, got {description!r:.60}")
    for steps, allowed, where in ((preprocess, BEFORE, "preprocess"), (postprocess, AFTER, "postprocess")):
        require(isinstance(steps, (list, tuple)), f"{where} must be a list of steps, got {steps!r:.60}")
        parse(steps, allowed, where)
    name = str(description.get("name"))
    if name == "raw":
        return _raw(description, preprocess, postprocess)
    require(
        name == "stft", f"the computer '{name}' is not computed here; known: raw, and stft (on the banks fbank, tri)"
    )
    given = _complete(description, STFT, "computer")
    bank = given["bank"]
    bank = {"name": bank} if isinstance(bank, str) else bank
    require(isinstance(bank, Mapping), "the description of features has no bank such as {name: fbank, num_filts: 40}")
    kind = {"fbank": "fbank", "tri": "triangular", "triangular": "triangular"}.get(str(bank.get("name")))
    require(kind is not None, f"the bank '{bank.get('name')}' is not computed here; known: fbank, tri")
    bank = _complete(bank, BANK, "bank")
    scale = "mel" if kind == "fbank" else _named(bank["scaling_function"], SCALES, "scaling_function")
    require(given["frame_length_ms"] is not None, "the description of features needs frame_length_ms")
    rate = int(bank["sampling_rate"])
    section = {
        "name": "stft_bank",
        "n_filters": int(bank["num_filts"]),
        "bank": kind,
        "scale": scale,
        "low_hz": float(bank["low_hz"]),
        "high_hz": None if bank["high_hz"] is None else float(bank["high_hz"]),
        "analytic": bool(bank["analytic"]),
        "frame_length": _whole_samples(given["frame_length_ms"], rate),
        "frame_shift": _whole_samples(given["frame_shift_ms"], rate),
        "frames": _style(given),
        "window": _named(given["window_function"], WINDOWS, "window_function"),
        "energy": bool(given["include_energy"]),
        "log": bool(given["use_log"]),
        "power": bool(given["use_power"]),
        "power_of_two": bool(given["pad_to_nearest_power_of_two"]),
        "preprocess": _mappings(preprocess),
        "postprocess": _mappings(postprocess),
    }
    return section, rate


def _raw(description: Mapping[str, Any], preprocess: list | tuple, postprocess: list | tuple) -> tuple[dict, int]:
    given = _complete(description, RAW, "computer")
    section = {"name": "waveform", "scale": float(given["scale"]), "preprocess": _mappings(preprocess)}
    return {**section, "postprocess": _mappings(postprocess)}, int(given["sampling_rate"])


def _parsed(text: str, where: str | Path) -> Any:
    """JSON, or YAML, which has most JSON in it."""
    import yaml

    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SonantError(f"{where}: neither JSON nor YAML: {' '.join(str(error).split())}") from None


def _complete(given: Mapping[str, Any], defaults: Mapping[str, Any], where: str) -> dict[str, Any]:
    for key in given:
        if key not in defaults and key != "name":
            raise unknown(f"key of the {where}", str(key), defaults)
    return {**defaults, **given}


def _named(given: Any, known: Mapping[str, str], where: str) -> str:
    name = given.get("name") if isinstance(given, Mapping) else given
    require(name in known, f"{where} '{name}' is not computed here; known: {', '.join(known)}")
    return known[name]


def _style(given: Mapping[str, Any]) -> str:
    style = given["frame_style"] or "centered"
    require(style in ("centered", "causal"), f"frame_style must be centered or causal, got {style!r}")
    if style == "causal":
        return "causal"
    return "kaldi" if given["kaldi_shift"] else "centred"


def _whole_samples(milliseconds: float, rate: int) -> float:
    """Seconds of the whole samples that fit into a duration, as the description counts them."""
    return int(0.001 * milliseconds * rate) / rate


def _mappings(steps: list | tuple) -> list[dict[str, Any]]:
    return [{"name": step} if isinstance(step, str) else dict(step) for step in steps]
