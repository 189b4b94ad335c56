"""What a user types after ``import sonant``."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

import sonant


def test_tasks_and_data_are_reached_by_their_names():
    code = "import sonant; sonant.evaluation.abx.abx, sonant.data.audio.read_audio, sonant.importers.cpc_audio.convert"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    with pytest.raises(AttributeError, match="no_such_task"):
        sonant.evaluation.no_such_task  # noqa: B018
    with pytest.raises(AttributeError, match="lod"):
        sonant.lod  # noqa: B018


@pytest.mark.parametrize("name", sonant.__all__)
def test_every_name_that_is_promised_is_there(name):
    assert getattr(sonant, name) is not None
    assert name in dir(sonant)


@pytest.mark.parametrize("name", ["mfcc", "logmel"])
def test_a_baseline_loads_and_encodes(name):
    model = sonant.load(name)
    frames = model.encode(torch.randn(2, 16000) / 10, torch.tensor([16000, 8000]))
    assert frames.x_BTD.shape == (2, 100, model.dim)
    assert frames.lengths_B.tolist() == [100, 50]
    assert not frames.x_BTD[1, 50:].any()


def test_a_checkpoint_of_another_toolkit_converts():
    state = {"gEncoder.conv0.weight": torch.zeros(4, 1, 10)}
    with pytest.raises(sonant.core.SonantError):
        sonant.importers.convert("cpc_audio", state)
    with pytest.raises(sonant.core.SonantError, match="Did you mean 'cpc_audio'"):
        sonant.importers.convert("cpc_audo", state)
