"""Small models of dialogue with weights large enough that everything they hear matters."""

from __future__ import annotations

from dataclasses import replace

import torch

from sonant import build

BODY = {"encoder": {"name": "cpc_conv", "dim": 16}, "context": {"name": "lstm", "dim": 16}}
SMALL = {"heads": 4, "dropout": 0.0}
MONO = {**SMALL, "channels": 1, "cross_layers": 0, "channel_layers": 2, "activity": True}
PAST = {**MONO, "history": True}
VARIANTS = {
    "stereo": {**SMALL, "cross_layers": 2},
    "stereo, postnorm": {**SMALL, "style": "transformer", "cross_layers": 1},
    "stereo, realtime": {**SMALL, "stride": 5, "kernel": 5, "padding": "none", "width": 8},
    "stereo, three heads": {**SMALL, "heads": 2, "channel_layers": 0, "cross_layers": 1, "projection": "independent"},
    "mono": MONO,
    "mono, history": PAST,
    "mono of 2022": {
        **MONO,
        "history": True,
        "history_oldest": "never",
        "style": "gpt_2022",
        "stride": 5,
        "kernel": 11,
    },
    "mono, postnorm": {**MONO, "style": "transformer", "stride": 1, "projection": "comparative"},
}


def model(dialogue=SMALL, seed=0, **body):
    torch.manual_seed(seed)
    found = build.representation_of({"sample_rate": 16000, **BODY, **body, "layer": "c", "dialogue": dialogue}).eval()
    with torch.no_grad():
        for parameter in found.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.3 if parameter.dim() > 1 else 0.5))
    return found


def inputs(representation, seconds, seed=1):
    """(both channels or one, activity or None) of one dialogue."""
    generator = torch.Generator().manual_seed(seed)
    dtype, both = next(representation.parameters()).dtype, representation.dialogue.channels == 2
    samples = round(16000 * seconds)
    waves = 0.3 * torch.randn(2 if both else 1, samples, generator=generator, dtype=torch.float64).to(dtype)
    frames = representation.dialogue.geometry.frames(samples)
    runs = torch.rand(frames // 7 + 1, 2, generator=generator) < 0.5
    return waves, None if both else runs.repeat_interleave(7, 0)[:frames]


@torch.no_grad()
def whole(representation, waves, activity=None, *, width):
    """``converse`` of the whole with every layer seeing ``width`` frames."""
    dialogue = representation.dialogue
    cfg, dialogue.cfg = dialogue.cfg, replace(dialogue.cfg, width=width)
    out = representation.converse(waves, None, None if activity is None else activity[None])
    dialogue.cfg = cfg
    return out


def pieces(waves, sizes):
    """Pieces of these sizes over and over, to the end."""
    begin, number = 0, 0
    while begin < waves.shape[-1]:
        size = sizes[number % len(sizes)]
        yield waves[..., begin : begin + size]
        begin, number = begin + size, number + 1


def heard(stream, waves, sizes, activity=None):
    """All that is said, joined; the activity is handed over bit by bit."""
    said, told = [], 0
    for number, piece in enumerate(pieces(waves, sizes)):
        now = None if activity is None else activity[told : told + number % 12]
        told += 0 if now is None else len(now)
        said.append(stream.step(piece, now))
    if activity is not None:
        said.append(stream.step(waves[..., :0], activity[told:]))
    assert [one.first for one in said] == [0, *torch.tensor([len(one.logits) for one in said]).cumsum(0)[:-1].tolist()]
    return said


def joined(said, name):
    return torch.cat([getattr(one, name) for one in said])
