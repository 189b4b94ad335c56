"""What can be read from frozen frames by a small head: one file per task.

After SUPERB (Yang et al. 2021, arXiv:2105.01051): the encoder stays as it is, a learnt weighted sum of its layers goes
into a head, and the head's score says what the layers hold. A file holds a frozen dataclass ``Config`` (what the
command line offers), the settings ``SUPERB`` of the published protocol, and a class ``Task``.
"""

from __future__ import annotations

from ...core.lazy import submodule


def __getattr__(name: str):
    return submodule(__name__, name)
