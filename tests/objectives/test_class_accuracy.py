from __future__ import annotations

import pytest
import torch

from sonant.core import SonantError
from sonant.objectives.class_accuracy import top_accuracy


def test_equals_sorting():
    generator = torch.Generator().manual_seed(0)
    logits_NK = torch.randn(50, 7, generator=generator)
    class_N = torch.randint(7, (50,), generator=generator)
    order_NK = logits_NK.argsort(dim=1, descending=True).tolist()
    place_N = [order.index(wanted) for order, wanted in zip(order_NK, class_N.tolist(), strict=True)]
    wanted = [sum(place < k for place in place_N) / 50 for k in range(1, 6)]
    assert top_accuracy(logits_NK, class_N).tolist() == pytest.approx(wanted)
    assert top_accuracy(logits_NK, class_N, most=9).shape == (7,)
    assert top_accuracy(logits_NK, class_N, most=9)[-1] == 1
    with pytest.raises(SonantError, match="at least one"):
        top_accuracy(logits_NK, class_N, most=0)
