from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from sonant.core import FrameGeometry, Frames, SonantError
from sonant.encoders.xvector import Config, Encoder
from sonant.nn.pooling import Embedding, EmbeddingConfig

SOURCE = FrameGeometry(16000, hop=160, window=400)


def test_equals_sslsv(oracle_dir):
    """``TDNN``, its trunk and pooling by ours and its two linear layers by torch's."""
    weights = load_file(oracle_dir / "speaker" / "sslsv_tdnn_small.safetensors")
    io = load_file(oracle_dir / "speaker" / "encoders_io.safetensors")
    encoder = Encoder(Config(dims=(64, 64, 64, 64, 150)), source=SOURCE, in_dim=40).eval()
    own = {key.replace("blocks", "delays").replace(".bn.", ".norm."): value for key, value in weights.items()}
    own |= {f"delays.{i}.norm.num_batches_tracked": torch.tensor(0) for i in range(5)}
    encoder.load_state_dict({key: value for key, value in own.items() if key.startswith("delays")})
    pool = Embedding(EmbeddingConfig(pool="statistics", deviation="unbiased", floor=1e-12), in_dim=150)
    norm = [weights[f"bn1.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    for half in "ab":
        x_BTD = io[f"mel40.lognorm_{half}"].transpose(1, 2)
        with torch.no_grad():
            pooled = pool(encoder(Frames(x_BTD, torch.full((len(x_BTD),), x_BTD.shape[1]), SOURCE)))
        hidden = F.batch_norm(F.linear(pooled, weights["linear1.weight"], weights["linear1.bias"]).relu(), *norm)
        out = F.linear(hidden, weights["linear2.weight"], weights["linear2.bias"])
        torch.testing.assert_close(out, io[f"sslsv_tdnn_small.out_{half}"], rtol=0, atol=1e-6)


def test_a_frame_sees_fifteen():
    encoder = Encoder(Config(), source=SOURCE, in_dim=40)
    assert encoder.geometry.window == 400 + 14 * 160
    assert (encoder.past, encoder.future, encoder.dim) == (0, 0, 1500)
    assert encoder.geometry.frames(16000) == SOURCE.frames(16000) - 14


def test_has_as_many_parameters_as_published():
    """Snyder et al. 2018, Sec. 4: 4.2 million on 24 energies, up to the first layer after the pooling."""
    encoder = Encoder(Config(), source=SOURCE, in_dim=24)
    trunk = sum(p.numel() for p in encoder.parameters())
    assert trunk + 3000 * 512 + 512 == pytest.approx(4.2e6, rel=0.005)


@pytest.mark.parametrize(
    "settings", [{"dims": (3, 4)}, {"dropout": 1.0}, {"slope": -0.1}, {"kernels": (5, 3, 0, 1, 1)}]
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(SonantError, match=next(iter(settings))):
        Config(**settings)
