import pytest
import torch
from safetensors.torch import load_file

from sonant.core import SonantError
from sonant.nn.iter_norm import IterNorm


def test_outputs_and_running_statistics_equal_the_reference(oracle_dir):
    known = load_file(oracle_dir / "speaker" / "losses.safetensors")
    default = IterNorm(64)
    torch.testing.assert_close(default(known["z1"]), known["iternorm.train_out"], atol=1e-4, rtol=1e-4)
    four = IterNorm(64, groups=4, affine=False)
    torch.testing.assert_close(four(known["z1"]), known["iternorm.g_div16.train_out"], atol=1e-4, rtol=1e-4)
    mean, matrix = known["iternorm.g_div16.running_mean"], known["iternorm.g_div16.running_wm"]
    torch.testing.assert_close(four.mean_G1C, mean.transpose(1, 2), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(four.whiten_GCC, matrix, atol=1e-5, rtol=1e-4)


def test_many_iterations_whiten_every_group():
    x_BD = torch.randn(200, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x_BD = x_BD + 0.3 * x_BD.sum(1, keepdim=True)
    norm = IterNorm(6, groups=2, steps=10, eps=0.0, affine=False).double()
    for w_BC in norm(x_BD).chunk(2, dim=1):
        torch.testing.assert_close(w_BC.T.cov(correction=0), torch.eye(3, dtype=torch.float64), atol=1e-4, rtol=0)


def test_outside_of_training_the_running_statistics_count():
    norm, x_BD = IterNorm(4, groups=2), torch.randn(8, 4)
    norm(x_BD)
    norm.eval()
    torch.testing.assert_close(norm(x_BD)[:3], norm(x_BD[:3]))
    with torch.autocast("cpu", torch.bfloat16):
        assert norm(x_BD.bfloat16()).dtype == torch.float32


def test_groups_must_divide_the_channels():
    with pytest.raises(SonantError, match="must divide"):
        IterNorm(10, groups=4)
