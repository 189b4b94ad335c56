"""Devices by the names that users give them."""

from __future__ import annotations

import torch

from .errors import SonantError


def check_device(name: str | torch.device) -> torch.device:
    """The device called ``name`` (``cpu``, ``cuda``, ``cuda:1``). Raises SonantError when torch has no such device."""
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):  # torch raises either, by the kind of device
        there = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
        raise SonantError(
            f"there is no device '{name}' here; torch sees {', '.join(there)}. For a GPU, check the driver and that "
            "torch was built for it"
        ) from None
    return device
