"""Tensors computed from weights and kept until these change."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class Prepared:
    """``make(weight)``, computed once for as long as the weight stays what it is. Copies begin with nothing kept.

    Its owner calls ``forget`` when weights move (``nn.Module._apply``) and when a stream begins, since what is written
    through ``weight.data`` cannot be seen.
    """

    def __init__(self, make: Callable[[Tensor], Tensor]):
        self.make = make
        self.forget()

    def __reduce__(self):
        return Prepared, (self.make,)

    def forget(self) -> None:
        self._kept = None, None  # key and tensor as one, since threads share a model

    def __call__(self, weight: Tensor) -> Tensor:
        learns = torch.is_grad_enabled() and weight.requires_grad
        if learns or weight.is_inference() or torch.compiler.is_compiling() or torch.jit.is_tracing():
            return self.make(weight)
        key = (weight.data_ptr(), weight._version, weight.dtype, weight.device)
        known, tensor = self._kept
        if key != known:
            with torch.inference_mode(False), torch.no_grad():
                tensor = self.make(weight)
            self._kept = key, tensor
        return tensor
