"""What a model of dialogue says of itself: in figures, in its card, on the screen."""

from __future__ import annotations

import pytest
import torch

from sonant import build
from sonant.actions.info import describe
from sonant.actions.train import card_of
from sonant.cli.main import main

MONO = {"channels": 1, "cross_layers": 0, "activity": True, "history": True, "stride": 5, "kernel": 11, "width": 40}
BODY = {"encoder": {"name": "cpc_conv", "dim": 8}, "context": {"name": "lstm", "dim": 8}}


def model(dialogue):
    torch.manual_seed(0)
    return build.representation_of(
        {"sample_rate": 16000, **BODY, **({"dialogue": {"heads": 2, **dialogue}} if dialogue is not None else {})}
    )


def test_in_figures():
    facts = describe(model({}))["dialogue"]
    assert facts == {
        "channels": 2, "told": [], "rate_hz": 50, "projection": "discrete", "outputs": 256,
        "bins_s": [0.2, 0.4, 0.6, 0.8], "width_frames": None,
    }  # fmt: skip
    assert describe(model(MONO))["dialogue"]["told"] == ["activity", "history"]
    assert describe(model(None))["dialogue"] is None


@pytest.mark.parametrize(
    ("dialogue", "rows"),
    [
        (
            {},
            [
                "| listens to | two channels, one for each speaker |",
                "| is told | nothing |",
                "| foretells | the next 2 s of both speakers: 256 classes (bins of 0.2, 0.4, 0.6, 0.8 s) |",
                "| says so at | 50 Hz |",
                "model.converse(waves)  # waves: (B, 2, L), a channel for each speaker",
            ],
        ),
        (
            MONO,
            [
                "| listens to | one channel with both speakers |",
                "| is told | who is active and the shares of both in the past |",
                "| says so at | 20 Hz |",
                "| attention sees | 40 frames |",
                "model.converse(wave, None, activity)  # wave: (B, L)",
            ],
        ),
        (
            {"projection": "independent", "bins_s": (0.5, 0.5)},
            ["the next 1 s of both speakers: independent bins (2 bins of 0.5 s)"],
        ),
        ({"projection": "comparative"}, ["the share of speaker 0"]),
    ],
)
def test_in_the_card(dialogue, rows):
    card = card_of(model(dialogue), {})
    for row in rows:
        assert row in card


def test_models_of_frames_are_not_asked():
    assert "listens to" not in card_of(model(None), {}) and "converse" not in card_of(model(None), {})


def test_on_the_screen(tmp_path, capsys):
    build.save(model(MONO), tmp_path / "m")
    assert main(["info", str(tmp_path / "m")]) == 0
    shown = capsys.readouterr().out
    assert "one channel with both speakers" in shown and "256 classes" in shown and "dialogue rate hz" in shown
