from __future__ import annotations

import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.encoders.ecapa_tdnn import Config, Encoder
from sonant.nn.pooling import Embedding, EmbeddingConfig

SOURCE = FrameGeometry(16000, hop=160, window=400)


def parameters(*modules) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


@pytest.mark.parametrize(
    ("settings", "net", "published"),
    [
        ({"channels": 512, "dim": 1536, "layout": "wespeaker"}, "tanh", 6.19e6),  # wespeaker, ECAPA_TDNN_GLOB_c512
        ({"channels": 1024, "dim": 1536, "layout": "wespeaker"}, "tanh", 14.65e6),  # wespeaker, ECAPA_TDNN_GLOB_c1024
        ({"channels": 512, "dim": 1536}, "relu_batch_tanh", 6.2e6),  # Desplanques et al. 2020, Table 1
        ({"channels": 1024, "dim": 1536}, "relu_batch_tanh", 14.7e6),  # the same
        ({"channels": 1024}, "relu_batch_tanh", 20.77e6),  # SpeechBrain, spkrec-ecapa-voxceleb
    ],
)
def test_has_as_many_parameters_as_published(settings, net, published):
    with torch.device("meta"):
        encoder = Encoder(Config(**settings), source=SOURCE, in_dim=80)
        head = EmbeddingConfig(pool="asp", attention_net=net, pooled_norm=True, dim=192)
        assert parameters(encoder, Embedding(head, in_dim=encoder.dim)) == pytest.approx(published, rel=0.004)


def test_frames_keep_their_number_and_place():
    encoder = Encoder(Config(channels=16, squeeze=4), source=SOURCE, in_dim=5).eval()
    assert (encoder.dim, encoder.past, encoder.future) == (48, None, None)
    out = encoder(Frames(torch.randn(2, 30, 5), torch.tensor([30, 1]), SOURCE).masked())
    assert out.lengths_B.tolist() == [30, 1]
    assert out.geometry.time_of(7) == SOURCE.time_of(7)


def test_layouts_differ():
    outs = []
    for layout in ("speechbrain", "wespeaker"):
        torch.manual_seed(0)
        encoder = Encoder(Config(channels=16, squeeze=4, layout=layout), source=SOURCE, in_dim=5).eval()
        outs.append(encoder(Frames(torch.ones(1, 30, 5), torch.tensor([30]), SOURCE)).x_BTD)
        assert (encoder.aggregate.norm is None) == (layout == "wespeaker")
    assert not torch.allclose(*outs)


def test_project_maps_every_frame():
    encoder = Encoder(Config(channels=16, squeeze=4, project=7), source=SOURCE, in_dim=5).eval()
    out = encoder(Frames(torch.randn(1, 9, 5), torch.tensor([9]), SOURCE))
    assert out.x_BTD.shape == (1, 9, 7)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": 20}, "scale must be at least 2 and divide channels"),
        ({"kernel": 4}, "kernel must be odd"),
        ({"dilations": ()}, "dilations must be at least 1"),
        ({"dim": 0}, "dim must be at least 1"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(SonantError, match=message):
        Config(**settings)
