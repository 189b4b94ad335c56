import torch

from sonant.objectives.precision import in_float32


@in_float32
def product(x, y, *, scale):
    return x @ y * scale


def test_half_precision_becomes_single_and_double_stays():
    x = torch.full((2, 2), 300.0)
    with torch.autocast("cpu", torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16
        assert product(x, x, scale=1.0).dtype == torch.float32
    assert product(x.half(), x.half(), scale=torch.tensor(2.0).half()).dtype == torch.float32
    assert torch.isfinite(product(x.half(), x.half(), scale=2.0)).all()
    assert product(x.double(), x.double(), scale=1.0).dtype == torch.float64
