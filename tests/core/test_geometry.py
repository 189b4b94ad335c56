import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sonant.core import FrameGeometry, SonantError, samples_of, seconds_of

CPC_LAYERS = [(10, 5, 3), (8, 4, 2), (4, 2, 1), (4, 2, 1), (4, 2, 1)]


def cpc() -> FrameGeometry:
    geometry = FrameGeometry(16000)
    for kernel, stride, padding in CPC_LAYERS:
        geometry = geometry.stack(kernel=kernel, stride=stride, left=padding)
    return geometry


def test_the_cpc_encoder_sees_465_samples_every_160():
    assert (cpc().window, cpc().hop, cpc().rate) == (465, 160, 100.0)
    assert cpc().frames(20480) == 128
    assert cpc().frames(16237) == 101


@given(st.integers(0, 3000))
def test_stacked_geometry_counts_what_the_layers_give(samples):
    n = samples
    for kernel, stride, padding in CPC_LAYERS:
        n = max((n + 2 * padding - kernel) // stride + 1, 0)
    assert cpc().frames(samples) == n


@given(st.integers(1, 500), st.integers(1, 500), st.integers(-500, 0), st.integers(0, 500), st.integers(1, 50))
def test_samples_is_the_least_that_gives_the_frames(hop, window, offset, tail, frames):
    geometry = FrameGeometry(16000, hop, window, offset, tail)
    least = geometry.samples(frames)
    assert geometry.frames(least) >= frames
    if least > 1:
        assert geometry.frames(least - 1) < frames


def test_counts_of_tensors_are_those_of_numbers():
    lengths = torch.tensor([0, 100, 400, 16000])
    assert cpc().frames(lengths).tolist() == [cpc().frames(n) for n in lengths.tolist()]


def test_times():
    kaldi = FrameGeometry(16000, hop=160, window=400, offset=-120, tail=200)
    assert kaldi.time_of(0) == pytest.approx(0.005)
    assert [kaldi.frame_at(kaldi.time_of(i)) for i in range(5)] == list(range(5))
    assert kaldi.frame_at(-1.0) == 0
    assert samples_of(0.5, 16000) == 8000
    assert seconds_of(8000, 16000) == 0.5


def test_nonsense_is_refused():
    with pytest.raises(SonantError, match="positive"):
        FrameGeometry(16000, hop=0)
