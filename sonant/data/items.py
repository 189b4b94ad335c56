"""ABX item files written from phone alignments.

The ZeroSpeech and Libri-light format: a header and one line a token,
``file onset offset phone previous-phone next-phone speaker``, times in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from ..core import require, unknown
from ..core.files import write_text

HEADER = "#file onset offset #phone prev-phone next-phone speaker"
SILENCE = "SIL"
SILENCES = frozenset({"", "sil", "sp", "<eps>", "<sil>", "silence", "pau", "h#"})  # lower case
GAP = 1e-3  # seconds between phones from which on they are not neighbours

Segment = tuple[str, float, float]  # label, onset, offset in seconds


def write_items(path: str | Path, utterances: Iterable, kind: Literal["phone", "triphone"] = "triphone") -> int:
    """Write the tokens of phone-aligned utterances as an ABX item file, atomically.

    Args:
        path: the item file.
        utterances: objects with ``id`` (the name of the feature file), ``speaker`` and ``phones``
            ((label, onset, offset) in seconds); utterances without phones are passed over.
        kind: ``phone``: the interval is the phone itself, silent neighbours are called ``SIL``.
            ``triphone``: the interval is that of the phone with both neighbours (the classic within-context
            ABX); phones next to silence are left out.

    Returns:
        The number of tokens.

    Raises:
        SonantError: no utterance has phones, or a name holds a space.
    """
    if kind not in ("phone", "triphone"):
        raise unknown("kind of items", kind, ("phone", "triphone"))
    lines = [HEADER]
    for utterance in utterances:
        if not utterance.phones:
            continue
        name, speaker = str(utterance.id), str(utterance.speaker)
        require(utterance.speaker is not None, f"{name} has no speaker, which an item file needs")
        require(len((name + " " + speaker).split()) == 2, f"item files cannot hold the spaces of '{name}', '{speaker}'")
        for onset, offset, *labels in _tokens(utterance.phones, triphones=kind == "triphone"):
            lines.append(f"{name} {onset:.4f} {offset:.4f} {' '.join(labels)} {speaker}")
    require(len(lines) > 1, f"no tokens for {path}: none of the utterances has a phone alignment")
    write_text(path, "\n".join(lines) + "\n")
    return len(lines) - 1


def _tokens(phones: Sequence[Segment], *, triphones: bool) -> Iterator[tuple[float, float, str, str, str]]:
    """(onset, offset, phone, previous, next) of every phone that is not silence."""
    row = _with_silence(phones)
    for previous, phone, following in zip(row, row[1:], row[2:], strict=False):
        if phone[0] == SILENCE:
            continue
        labels = (phone[0], previous[0], following[0])
        if not triphones:
            yield phone[1], phone[2], *labels
        elif SILENCE not in labels:
            yield previous[1], following[2], *labels


def _with_silence(phones: Sequence[Segment]) -> list[Segment]:
    """The phones with one ``SIL`` wherever nothing is said: at both ends, in gaps, for silence labels."""
    row: list[Segment] = [(SILENCE, 0.0, 0.0)]
    for label, onset, offset in phones:
        silent = label.lower() in SILENCES
        if row[-1][0] != SILENCE and (silent or onset - row[-1][2] > GAP):
            row.append((SILENCE, row[-1][2], onset))
        if not silent:
            row.append((label, onset, offset))
    return [*row, (SILENCE, row[-1][2], row[-1][2])]
