"""A small run folder as training leaves it, and pages read back as a reader's browser would."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from sonant.core import FrameGeometry
from sonant.reports import Example, Result, append_result, save_example

VOID = {"meta", "br", "img", "col", "link", "input", "hr"}
CONFIG = """about: a small test
method: {name: cpc, horizons: 12}
data: {train: corpora/train}
optim: {lr: 0.001}
train: {steps: 200, seed: 3}
"""


class Page(HTMLParser):
    """Parses strictly: every element is closed in order. Keeps elements, ids and text."""

    def __init__(self, path: Path):
        super().__init__(convert_charrefs=True)
        self.source = path.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.elements: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.feed(self.source)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str, **wanted: str) -> list[dict]:
        found = [attributes for name, attributes in self.elements if name == tag]
        return [one for one in found if all(one.get(key) == value for key, value in wanted.items())]


@pytest.fixture
def page():
    return Page


@pytest.fixture
def make_run(tmp_path):
    """Function that writes a run folder of a given name and returns it."""

    def make(name: str = "cpc-small", *, floor: float = 2.0, error: float = 0.2, example: bool = True) -> Path:
        folder = tmp_path / name
        (folder / "model").mkdir(parents=True)
        (folder / "config.yaml").write_text(CONFIG)
        training = {"seed": 3, "data": "corpora/train", "hours": 0.7, "speakers": 20, "chance": math.log(129)}
        (folder / "model" / "config.json").write_text(json.dumps({"sonant": "0.1.0", "training": training}))
        (folder / "model" / "README.md").write_text("# the card")
        (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines(floor)))
        for model, figure in ((f"runs/{name}/model", error), ("mfcc", 0.3), ("logmel", 0.4)):
            append_result(folder / "results.jsonl", abx(model, figure))
        if example:
            save_example(folder, an_example())
        return folder

    return make


def lines(floor: float) -> list[dict]:
    found = []
    for step in range(1, 201):
        loss = floor + math.exp(-step / 50)
        speed = {"grad_norm": 1.0, "audio_seconds_per_second": 100.0, "acc@1": 0.5}
        found.append({"kind": "train", "step": step, "seconds": step * 0.5, "loss": loss, "lr": 1e-3, **speed})
        if step % 50 == 0:
            found.append({"kind": "valid", "step": step, "seconds": step * 0.5, "loss": loss + 0.1})
            found.append({"kind": "eval", "step": step, "seconds": step * 0.5, "abx_across": 0.3 - step / 1000})
    found.append({"kind": "event", "step": 200, "seconds": 100.0, "event": "ended", "message": "finished 200 steps"})
    return found


def abx(model: str, figure: float, *, speaker: str = "across", **more) -> Result:
    settings = {"speaker": speaker, "context": "within", "distance": "angular", "items": "a.item"}
    return Result(task="abx", figure=figure, settings=settings, model=model, data="test-other", **more)


def an_example(name: str = "utt-1", *, seconds: float = 2.0, seed: int = 0) -> Example:
    rng = np.random.default_rng(seed)
    geometry = FrameGeometry(16000, hop=160, window=400)
    samples = int(seconds * 16000)
    count = geometry.frames(samples)
    return Example(
        name=name,
        wave_L=rng.normal(size=samples).astype(np.float32),
        logmel_TM=rng.normal(size=(count, 12)),
        frames_TD=rng.normal(size=(count, 8)),
        logmel_geometry=geometry,
        frames_geometry=geometry,
        phones=(("", 0.0, 0.25), ("AA", 0.25, 0.5), ("T", 0.5, 1.0), ("sil", 1.0, seconds)),
        model="cpc-small",
        layer="c",
    )
