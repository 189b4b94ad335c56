from __future__ import annotations

import pytest
import torch

from sonant.core import SonantError, check_device


def test_a_device_that_is_there():
    assert check_device("cpu") == check_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("name", ["cda", "cuda:99", "cpu:x"])
def test_a_device_that_is_not(name):
    with pytest.raises(SonantError, match=f"no device '{name}' here; torch sees cpu"):
        check_device(name)
