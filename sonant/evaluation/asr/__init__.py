"""Speech recognition on frozen frames: subwords, a stacked-frame BLSTM with CTC, beam search with a word n-gram.

The ASR benchmark of Robertson and Dunbar 2023 (arXiv:2312.01515).
"""

from __future__ import annotations

from ...core.lazy import submodule


def __getattr__(name: str):
    return submodule(__name__, name)
