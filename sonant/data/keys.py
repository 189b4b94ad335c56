"""Names of segments in feature archives: ``<label>_<utterance>_<start>-<end>``, frames at 100 Hz.

Two generations of the word-embedding recipes for Buckeye and Xitsonga name them:

    old  abandoned_s0602a_044207-044257    s0101a_003222-003255    nchlt-tso-001m-0007_000077-000284
    new  abandoned_s06_02a_044207-044257   s01_01a_003222-003255   001m_nchlt-tso-0007_000077-000284

With a label the key is of a word (or of a discovered term, labelled by its cluster); without, of an utterance. The
speaker is a part of the name, and which part depends on the corpus.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..core import require, samples_of, unknown
from ..core.files import read_lines

FRAME_RATE = 100  # Hz, of the frames that keys count in
Corpus = Literal["english", "english_full", "xitsonga", "none"]
CORPORA = {  # corpus -> an example of its keys
    "english": "abandoned_s0602a_044207-044257",  # words and terms of Buckeye
    "english_full": "s0101a_003222-003255",  # utterances of Buckeye
    "xitsonga": "nchlt-tso-001m-0007_000077-000284",  # words, terms and utterances
}
KEY = re.compile(r"(?:(?P<front>.+)_)?(?P<utterance>[^_]+)_(?P<start>\d+)-(?P<end>\d+)(?P<suffix>\.\w+)?")
NEW = {"english": r"\d\d[a-z]", "english_full": r"\d\d[a-z]", "xitsonga": r"[a-z]+-[a-z]+-\d+"}  # without speaker


@dataclass(frozen=True)
class Key:
    """What the name of a segment says.

    Attributes:
        label: the word or the cluster; None in keys of utterances.
        utterance: the recording, in the spelling of the old recipe (``s0602a``, ``nchlt-tso-001m-0007``).
        speaker: ``s06``, ``001m``.
        start, end: frames at 100 Hz in the recording.
        suffix: ``.z``, ``.c``, ``.X``, ``.Y`` or an empty string.
    """

    label: str | None
    utterance: str
    speaker: str
    start: int
    end: int
    suffix: str = ""


def parse_key(key: str, corpus: Corpus, *, recipe: Literal["old", "new"] | None = None) -> Key:
    """Take the name of a segment apart.

    Args:
        key: such as ``abandoned_s0602a_044207-044257``, with or without a suffix such as ``.c``.
        corpus: whose rule: ``english`` (word keys), ``english_full`` (utterance keys), ``xitsonga`` (both).
        recipe: generation of the names; None: told by the key itself.

    Raises:
        SonantError: an unknown corpus, or a key that does not follow its rule.
    """
    if corpus not in CORPORA:
        raise unknown("rule for keys", corpus, CORPORA)
    found = KEY.fullmatch(key)
    require(found, f"'{key}' is no key of the rule {corpus}, which are like {CORPORA[corpus]}")
    front, utterance = found["front"], found["utterance"]
    if recipe == "new" or (recipe is None and re.fullmatch(NEW[corpus], utterance)):
        require(front, f"'{key}' lacks the speaker that keys of the new recipe have before '{utterance}'")
        label, _, speaker = front.rpartition("_")
        utterance = archive_name(f"{speaker}_{utterance}", corpus)
    else:
        label = front
    label = label or None
    wanted = {"english": True, "english_full": False}.get(corpus, label is not None)
    require(
        (label is not None) == wanted,
        f"'{key}' has {'a' if label else 'no'} label; keys of words have the rule english, of utterances english_full",
    )
    return Key(
        label=label, utterance=utterance, speaker=speaker_of(utterance, corpus), start=int(found["start"]),
        end=int(found["end"]), suffix=found["suffix"] or "",
    )  # fmt: skip


def check_one_layer(keys: Iterable[Key]) -> None:
    """Raise SonantError when keys are of several layers, which would count every word several times."""
    layers = sorted({key.suffix for key in keys})
    told = ", ".join(layer or "none" for layer in layers)
    require(len(layers) < 2, f"these arrays are of several layers ({told}); choose one (--layer c, or --suffix .c)")


def speaker_of(utterance: str, corpus: Corpus) -> str | None:
    """The speaker in the name of a recording: its first three characters (Buckeye), its third part (Xitsonga)."""
    if corpus == "none":
        return None
    if corpus in ("english", "english_full"):
        return utterance[:3]
    parts = archive_name(utterance, corpus).split("-")
    require(len(parts) > 2, f"'{utterance}' is no name of the Xitsonga corpus, which are like nchlt-tso-001m-0007")
    return parts[2]


def archive_name(utterance: str, corpus: Corpus) -> str:
    """The name of a recording as archives spell it.

    ``s10_04a`` becomes ``s1004a``; ``nchlt_tso_001m_0007`` and ``001m_nchlt-tso-0007`` become ``nchlt-tso-001m-0007``.
    """
    if corpus in ("english", "english_full"):
        return utterance.replace("_", "")
    if corpus == "xitsonga":
        name = utterance.replace("_", "-")
        moved = re.fullmatch(r"(\d+[mf])-([a-z]+-[a-z]+)-(\d+)", name)
        return f"{moved[2]}-{moved[1]}-{moved[3]}" if moved else name
    return utterance


def make_key(label: str | None, utterance: str, onset: float, offset: float) -> str:
    """The key of a stretch of a recording (seconds); spaces and slashes of the label become hyphens."""
    front = "" if label is None else re.sub(r"[\s/\\]+", "-", label) + "_"
    return f"{front}{utterance}_{frame_of(onset):06d}-{frame_of(offset):06d}"


def frame_of(seconds: float) -> int:
    """A time in seconds as a frame at 100 Hz: ``round(100 t)``."""
    return samples_of(seconds, FRAME_RATE)


def read_names(path: str | Path) -> list[str]:
    """A list with a name a line, such as the speakers of a set."""
    names = [line.strip() for line in read_lines(path, "the list") if line.strip()]
    require(names, f"the list '{path}' is empty; it needs a name a line")
    return names
