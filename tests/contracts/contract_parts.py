"""What the contract tests run over: every file of a folder with its defaults, and variants of some.

Letters: B utterances, L samples, T frames, D channels.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import torch

from sonant import build
from sonant.core import Batch, FrameGeometry, FrameModule, Frames, Method, SonantError

RATE = 16000
IN_DIM = {"contexts": 12}  # channels that a context is fed; encoders are fed one, as from a waveform

VARIANTS = {  # beside the defaults, which every file is tested with
    "encoders": {
        "cpc_conv": [{"dim": 16, "norm": norm, "dropout": 0.1} for norm in ("batch", "instance", "none")],
        "conv_blocks": [
            {"dim": 16, "causal": True, "kernel": 4, "stride": 2},
            {"dim": 16, "kernel": 5, "first_kernel": 4, "stride": 2, "dropout": 0.1},
            {"dim": 16, "kernel": 2, "first_kernel": 6, "blocks": 1},
        ],
        "mlp": [{"layers": 3, "norm": True, "linear_output": True, "dropout": 0.1, "activation": "tanh"}],
    },
    "contexts": {
        "gru": [{"dim": 16, "layers": 3, "residual": True}],
        "lstm": [{"dim": 16, "layers": 2, "dropout": 0.1}],
        "causal_attention": [
            {"dim": 16, "layers": 2, "width": 4, "dropout": 0.1},
            {"dim": 16, "layers": 2, "width": 5, "positions": "alibi", "norm": "pre"},
            {"dim": 16, "positions": "alibi"},
        ],
    },
    "features": {},
    "methods": {
        "cpc": [
            {"negatives_from": "speaker", "predictor": "transformer", "score": "cosine"},
            {"negatives_from": "batch", "skip": 3, "score": "mean"},
            {"negatives": None, "negatives_from": "batch"},
        ],
        "apc": [{"shift": 5}],
    },
}

BODIES = (  # what a method may stand on; it takes part with those that it accepts
    {"encoder": {"name": "cpc_conv", "dim": 32}},
    {"encoder": {"name": "cpc_conv"}},
    {"features": {"name": "logmel"}, "encoder": {"name": "identity"}},
    {"features": {"name": "logmel"}, "encoder": {"name": "conv_blocks", "dim": 32}},
)


@dataclass(frozen=True)
class Part:
    """One module to test: folder, name, settings."""

    kind: str
    name: str
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.name, *(f"{key}_{value}" for key, value in self.settings.items())])

    @property
    def lengths(self) -> list[int]:
        """Lengths of a padded batch: samples, or frames for contexts."""
        return [150, 95, 121, 45] if self.kind == "contexts" else [1500, 950, 1209, 600]

    def build(self, *, seed: int = 0) -> FrameModule:
        """A fresh module in evaluation mode."""
        torch.manual_seed(seed)
        found = build.module_of(self.kind, self.name)
        made = getattr(found, build.CLASS_OF[self.kind])
        dims = {} if self.kind == "features" else {"in_dim": IN_DIM.get(self.kind, 1)}
        return made(found.Config(**self.settings), source=FrameGeometry(RATE), **dims).eval()

    def frames(self, lengths: list[int], *, seed: int = 0, dtype=torch.float32) -> Frames:
        """Random input of these lengths (samples, or frames for contexts), zero past each."""
        generator = torch.Generator().manual_seed(seed)
        x_BTD = torch.randn(
            len(lengths), max(lengths), IN_DIM.get(self.kind, 1), generator=generator, dtype=torch.float64
        )
        return Frames((0.3 * x_BTD).to(dtype), torch.tensor(lengths), FrameGeometry(RATE)).masked()


def parts(*kinds: str) -> list[Part]:
    """Every file of these folders with its defaults, and its variants."""
    return [
        Part(kind, name, settings)
        for kind in kinds
        for name in build.names(kind)
        for settings in ({}, *VARIANTS[kind].get(name, ()))
    ]


@dataclass(frozen=True)
class MethodPart:
    """One method on one body."""

    name: str
    settings: dict[str, Any]
    body: dict[str, Any]
    context: str = "gru"

    def __str__(self) -> str:
        body = "-".join(str(value) for section in self.body.values() for value in section.values())
        return "-".join([self.name, *(f"{key}_{value}" for key, value in self.settings.items()), "on", body])

    def build(self, *, seed: int = 0) -> Method:
        """A fresh method in training mode; raises SonantError when it refuses its body."""
        torch.manual_seed(seed)
        config = {"method": {"name": self.name, **self.settings}, "context": self.context, **copy.deepcopy(self.body)}
        return build.method_of(build.resolve(config))


def method_parts() -> list[MethodPart]:
    """Every method with its defaults on every body that it accepts, and its variants on the first of them."""
    found = []
    for name in build.names("methods"):
        accepted = [body for body in BODIES if _accepts(MethodPart(name, {}, body))]
        assert accepted, f"no body of the contract tests suits the method '{name}'"
        found += [MethodPart(name, {}, body) for body in accepted]
        found += [MethodPart(name, settings, accepted[0]) for settings in VARIANTS["methods"].get(name, ())]
    return found


def _accepts(part: MethodPart) -> bool:
    try:
        part.build()
    except SonantError:
        return False
    return True


def batch(lengths: list[int], *, first: int = 0, seed: int = 0) -> Batch:
    """Noise whose spectrum falls like speech, speakers 0, 0, 1, 1, ..; ``first``: its place in a longer batch."""
    waves = []
    for b in range(first, first + len(lengths)):
        generator = torch.Generator().manual_seed(1000 * seed + b)
        waves.append(torch.randn(max(lengths), generator=generator).cumsum(0) * 0.02)
    wave_BL = torch.stack(waves)
    wave_BL = wave_BL - wave_BL.mean(1, keepdim=True)
    numbers = range(first, first + len(lengths))
    return Batch(
        wave_BL,
        torch.tensor(lengths),
        RATE,
        ids=tuple(f"utterance-{b}" for b in numbers),
        seeds=tuple(17 * seed + b for b in numbers),
        speaker_B=torch.tensor([b // 2 for b in numbers]),
    )
