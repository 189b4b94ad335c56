import pytest
import torch

from sonant.core import SonantError
from sonant.objectives.cosine_distance import negative_cosine
from sonant.objectives.whitening import whitened


def test_vectors_and_loss_equal_the_reference(reference):
    a_BD, b_BD = (whitened(x_BD[None, :, :16])[0] for x_BD in reference.inputs("z1", "z2"))
    torch.testing.assert_close(a_BD.float(), reference.tensors["wmse.whitened_z1_first16dims"], atol=1e-4, rtol=1e-4)
    loss = 2 + 2 * negative_cosine(a_BD, b_BD)
    assert loss.item() == pytest.approx(reference.values["sslsv.wmse.loss_single_group_eps0"], rel=1e-5)


def test_every_group_is_white_by_itself():
    x_GBD = torch.randn(3, 20, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for w_BD in whitened(x_GBD @ torch.diag(torch.tensor([1.0, 5.0, 0.1, 2.0]).double()) + 7):
        torch.testing.assert_close(w_BD.T.cov(), torch.eye(4, dtype=torch.float64))


def test_groups_that_cannot_be_whitened_are_told():
    with pytest.raises(SonantError, match=r"singular.*method\.eps"):
        whitened(torch.ones(1, 5, 2))
    assert torch.isfinite(whitened(torch.ones(1, 5, 2), eps=0.1)).all()
