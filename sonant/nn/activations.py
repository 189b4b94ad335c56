"""Activations by the names that configurations give them."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F

Activation = Literal["relu", "gelu", "tanh", "sigmoid", "none"]
ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "none": lambda x: x}
