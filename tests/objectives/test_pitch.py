"""Pitch within a speaker's own range, and what it costs to tell it wrongly."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from sonant.core import SonantError
from sonant.objectives.pitch import Voice, pitch_losses, relative_pitch


def test_every_speaker_is_brought_to_the_same_range():
    generator = torch.Generator().manual_seed(0)
    shape_T = 0.2 * torch.randn(4000, generator=generator)
    hz_NT = torch.stack([100 * shape_T.exp(), 210 * (0.5 * shape_T).exp()])
    voiced_NT = torch.rand(2, 4000, generator=generator) < 0.7
    low_T, high_T = relative_pitch(hz_NT, voiced_NT, voice=Voice(frames=1))
    for pitch_T, voiced_T in zip((low_T, high_T), voiced_NT, strict=True):
        assert not pitch_T[~voiced_T].any()
        assert pitch_T[voiced_T].mean().abs() < 0.01
        assert pitch_T[voiced_T].std().item() == pytest.approx(1.0, abs=0.01)
    both_T = voiced_NT.all(0)
    torch.testing.assert_close(low_T[both_T], high_T[both_T], rtol=0, atol=0.1)


def test_few_voiced_frames_are_seen_beside_the_voice_that_was_expected():
    voice = Voice(hz=120.0, deviation=0.2, frames=3)
    hz_NT = torch.tensor([[180.0, 0.0, 240.0, 999.0]])
    found = relative_pitch(hz_NT, torch.tensor([[True, False, True, False]]), voice=voice)
    centre = (math.log(180) + math.log(240) + 3 * math.log(120)) / 5
    variance = ((math.log(180) - centre) ** 2 + (math.log(240) - centre) ** 2 + 3 * 0.04) / 5
    wanted = [(math.log(180) - centre) / variance**0.5, 0.0, (math.log(240) - centre) / variance**0.5, 0.0]
    torch.testing.assert_close(found, torch.tensor([wanted]))
    assert not relative_pitch(torch.zeros(1, 5), torch.zeros(1, 5, dtype=torch.bool), voice=voice).any()
    with pytest.raises(SonantError, match="expected voice"):
        Voice(frames=0)


def test_losses_count_voiced_frames_and_real_frames():
    said_NT2 = torch.tensor([[[0.5, 2.0], [9.0, -1.0], [3.0, 0.0]]], requires_grad=True)
    pitch_NT = torch.tensor([[1.0, 0.0, 7.0]])
    voiced_NT, real_NT = torch.tensor([[True, False, True]]), torch.tensor([[True, True, False]])
    (error, voiced), (voicing, real) = pitch_losses(said_NT2, pitch_NT, voiced_NT, real_NT)
    assert (float(error.detach()), int(voiced), int(real)) == (0.5, 1, 2)
    wanted = F.binary_cross_entropy_with_logits(torch.tensor([2.0, -1.0]), torch.tensor([1.0, 0.0]), reduction="sum")
    torch.testing.assert_close(voicing, wanted)
    (error + voicing).backward()
    assert said_NT2.grad[0, 1, 0] == 0 and not said_NT2.grad[0, 2].any()
