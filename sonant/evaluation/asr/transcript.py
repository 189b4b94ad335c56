"""What is said, as it is learnt and scored."""

from __future__ import annotations

import re
import unicodedata

from ...data.manifest import Utterance

NOT_OF_WORDS = re.compile(r"[^\w']|_")
APOSTROPHES = str.maketrans("\u2018\u2019\u02bc`", "''''")


def normalised(text: str) -> str:
    """Upper case, letters, digits and apostrophes, words parted by single spaces; everything else parts words.

    Texts of LibriSpeech stay as they are.

    >>> normalised("Don\u2019t stop - he said.")
    "DON'T STOP HE SAID"
    """
    plain = unicodedata.normalize("NFC", text).translate(APOSTROPHES).upper()
    return " ".join(word for word in NOT_OF_WORDS.sub(" ", plain).split() if word.strip("'"))


def transcript(utterance: Utterance) -> str | None:
    """The normalised text of an utterance, or else its aligned words; None when it has neither."""
    text = utterance.text
    if text is None and utterance.words is not None:
        text = " ".join(label for label, _, _ in utterance.words)
    return normalised(text or "") or None
