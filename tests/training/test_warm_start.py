"""Training that starts from earlier weights."""

from __future__ import annotations

import pytest
import torch

from sonant import build
from sonant.core import SonantError
from sonant.training.warm_start import warm_start

BODY = {
    "features": {"name": "logmel", "n_mels": 8},
    "encoder": {"name": "identity"},
    "context": {"name": "gru", "dim": 6, "layers": 2},
    "method": {"name": "apc"},
    "data": {"sample_rate": 8000},
}


def method(seed: int, **changes):
    torch.manual_seed(seed)
    return build.method_of(build.resolve({**BODY, **changes}))


def folder_of(source, where):
    representation = source.representation()
    representation.config.update(build.architecture(build.resolve(BODY)))
    build.save(representation, where)
    return where


def test_a_model_folder_gives_the_body_and_leaves_the_head(tmp_path):
    first, second, untouched = method(0), method(1), method(1)
    copied = warm_start(second, folder_of(first, tmp_path / "model"))
    assert copied == len(first.context.state_dict())
    for name, tensor in second.state_dict().items():
        origin = first if name.startswith("context.") else untouched
        assert torch.equal(tensor, origin.state_dict()[name]), name


def test_a_body_of_another_shape_is_refused(tmp_path):
    folder = folder_of(method(0), tmp_path / "model")
    with pytest.raises(SonantError, match="other shapes for context"):
        warm_start(method(0, context={"name": "gru", "dim": 7, "layers": 2}), folder)
    with pytest.raises(SonantError, match="nothing for context"):
        warm_start(method(0, context={"name": "gru", "dim": 6, "layers": 3}), folder)
    with pytest.raises(SonantError, match="no run with a checkpoint"):
        warm_start(method(0), tmp_path / "nowhere")
