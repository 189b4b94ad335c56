"""Activity from the tiers of a TextGrid: one tier for each speaker, or forced-aligned words with a silent partner."""

from __future__ import annotations

from pathlib import Path

from ...core import require
from ..activity import joined
from ..textgrid import Segment, read_textgrid
from .dialogue import Dialogue, dialogue_of

QUIET = frozenset({"", "sil", "sp", "<eps>", "<sil>", "[silence]", "#"})
WORDS = "words"


def read_textgrid_dialogue(path: str | Path, *, tiers: tuple[str, ...] | None = None) -> Dialogue:
    """The dialogue of a TextGrid; every labelled interval is speech.

    Args:
        tiers: of speaker 0 and 1; one name: the partner is silent. None: ``words`` alone where there is such a tier,
            otherwise the one or two tiers that there are.

    Raises:
        SonantError: no such tier, or more than two and none is named.
    """
    grid = read_textgrid(path)
    if tiers is None:
        tiers = (WORDS,) if WORDS in grid else tuple(grid)
    known = ", ".join(grid) or "none"
    missing = [name for name in tiers if name not in grid]
    require(not missing, f"'{path}' has no tier {missing[:1]}; its tiers: {known}")
    require(1 <= len(tiers) <= 2, f"'{path}': which tiers are the two speakers? Its tiers: {known}")
    end = max((offset for segments in grid.values() for _, _, offset in segments), default=0.0)
    return dialogue_of(Path(path).stem, [_speech(grid[name]) for name in tiers], end)


def _speech(segments: list[Segment]) -> list[tuple[float, float]]:
    said = [(onset, offset) for label, onset, offset in segments if label.strip().lower() not in QUIET]
    return joined(sorted(said), 0.0)
