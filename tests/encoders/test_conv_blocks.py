from __future__ import annotations

import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.encoders.conv_blocks import Config, Encoder

FEATURES = FrameGeometry(16000, hop=160, window=400, offset=-120, tail=120)


@pytest.mark.parametrize(("stride", "first_kernel"), [(1, 3), (2, 4), (3, 3)])
@pytest.mark.parametrize("causal", [False, True])
def test_frames_are_those_of_the_features_by_the_stride(stride, first_kernel, causal):
    encoder = Encoder(Config(dim=8, stride=stride, first_kernel=first_kernel, causal=causal), source=FEATURES, in_dim=4)
    x = torch.randn(1, 20, 4)
    out = encoder(Frames(x, torch.tensor([20]), FEATURES))
    assert out.x_BTD.shape[1] == (-(-20 // stride) if causal else 20 // stride)
    assert encoder.geometry.hop == 160 * stride


def test_causal_blocks_see_no_later_feature():
    encoder = Encoder(Config(dim=8, kernel=5, causal=True), source=FEATURES, in_dim=4).eval()
    assert encoder.future == 0
    x = torch.randn(1, 20, 4)
    changed = x.clone()
    changed[:, 12:] += 1
    one, two = (encoder(Frames(y, torch.tensor([20]), FEATURES)).x_BTD for y in (x, changed))
    assert torch.equal(one[:, :12], two[:, :12])
    assert not torch.allclose(one[:, 12], two[:, 12])


@pytest.mark.parametrize("settings", [{"first_kernel": 2, "stride": 3}, {"kernel": 0}, {"dropout": -0.1}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        Config(**settings)
