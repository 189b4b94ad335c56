from __future__ import annotations

import pytest
import torch

from sonant.core import Frames, SonantError
from sonant.features._stft import centred_geometry, checked_wave, frame_sizes, mirrored, power_blocks


@pytest.mark.parametrize(("width", "size"), [(400, 2048), (401, 512), (512, 512), (7, 32)])
@pytest.mark.parametrize("last_frame", [True, False])
def test_equals_torch_stft_of_every_signal_alone(width, size, last_frame):
    """Reflected at their own ends, although the batch is padded with something else."""
    geometry = centred_geometry(16000, hop=160, width=width, size=size, last_frame=last_frame)
    lengths_B, wave_BL = torch.tensor([3000, 3199, 3200]), torch.randn(3, 3200, dtype=torch.float64)
    masked = Frames.of_wave(wave_BL, lengths_B, 16000).x_BTD[..., 0]
    signal_BP, window_W = mirrored(masked, lengths_B, geometry), torch.rand(width, dtype=torch.float64)
    sizes = {"hop": 160, "width": width, "size": size, "frames": geometry.frames(3200)}
    power_BTK = torch.cat(list(power_blocks(signal_BP, window_W, **sizes)), dim=1)
    for b, n in enumerate(lengths_B.tolist()):
        want_KT = torch.stft(
            wave_BL[b, :n], size, 160, width, window_W, center=True, pad_mode="reflect", return_complex=True
        )
        T = n // 160 + last_frame
        assert geometry.frames(n) == T
        torch.testing.assert_close(power_BTK[b, :T], want_KT.abs().square().T[:T])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_short_signals_are_mirrored_to_and_fro(n):
    geometry = centred_geometry(100, hop=2, width=8, size=8, last_frame=True)
    wave_BL = torch.tensor([[1.0, 2.0, 3.0][:n]])
    want = {1: [1.0] * 9, 2: [1, 2, 1, 2, 1, 2, 1, 2, 1, 2], 3: [1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3]}[n]
    assert mirrored(wave_BL, torch.tensor([n]), geometry).tolist() == [want]


def test_blocks_join_to_the_whole():
    signal_BP = torch.randn(3, 100 * 20 + 30)
    whole = torch.fft.rfft(signal_BP.unfold(1, 50, 20), n=64).abs().square()[:, :99]
    blocks = list(power_blocks(signal_BP, None, hop=20, width=50, size=64, frames=99))
    assert len(blocks) > 1
    torch.testing.assert_close(torch.cat(blocks, dim=1), whole)


def test_seconds_in_place_of_milliseconds_are_noticed():
    with pytest.raises(SonantError, match="milliseconds"):
        frame_sizes("x", rate=16000, frame_length=0.025, frame_shift=0.01, n_fft=None)
    assert frame_sizes("x", rate=16000, frame_length=25.0, frame_shift=10.0, n_fft=None) == (160, 400, 400)


def test_other_rates_are_refused_and_half_precision_is_raised():
    frames = Frames.of_wave(torch.zeros(1, 10, dtype=torch.bfloat16), None, 8000)
    with pytest.raises(SonantError, match="16000 Hz"):
        checked_wave("x", frames, 16000)
    assert checked_wave("x", frames, 8000).dtype == torch.float32
