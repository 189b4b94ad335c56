"""What a recogniser writes: characters, or subwords that SentencePiece learns from the transcripts.

Kudo and Richardson 2018 (arXiv:1808.06226). Either way a unit that begins with the mark of a space begins a word.
Units are numbered from 1; 0 is the blank of CTC.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ...core import MissingExtra, require
from ...core.files import write_atomically, write_json

SPACE = "\u2581"  # SentencePiece's mark of a space
TOO_MANY = re.compile(r"Please set it to a value <= (\d+)")
OTHERS = 1  # SentencePiece numbers from 0, and its first is the unknown piece


class Units:
    """Text to numbers and back.

    Attributes:
        pieces: text of each unit, that of number n at n - 1.
        model: of SentencePiece, as bytes; None: characters.
    """

    def __init__(self, pieces: Sequence[str], model: bytes | None = None):
        self.pieces, self.model = tuple(pieces), model
        self.number = {piece: n for n, piece in enumerate(self.pieces, start=1)}
        self.processor = None if model is None else _sentencepiece().SentencePieceProcessor(model_proto=model)

    def __len__(self) -> int:
        return len(self.pieces)

    def encode(self, text: str) -> list[int]:
        """Numbers of the units of a normalised text; characters that training never showed are left out."""
        if self.processor is None:
            return [self.number[c] for c in text.replace(" ", SPACE) if c in self.number]
        found = self.processor.encode(text)
        return [number + 1 - OTHERS for number in found if number >= OTHERS]

    def decode(self, numbers: Sequence[int]) -> str:
        """The text of some units."""
        return " ".join("".join(self.pieces[n - 1] for n in numbers).replace(SPACE, " ").split())

    def save(self, folder: Path) -> None:
        """Write ``units.json`` and, for subwords, ``units.model``."""
        if self.model is not None:
            write_atomically(folder / "units.model", lambda stream: stream.write(self.model))
        write_json(folder / "units.json", {"units": "subword" if self.model else "char", "pieces": self.pieces})

    @classmethod
    def load(cls, folder: Path) -> Units:
        """What ``save`` wrote."""
        import json

        said = json.loads((folder / "units.json").read_text(encoding="utf-8"))
        model = (folder / "units.model").read_bytes() if said["units"] == "subword" else None
        return cls(said["pieces"], model)


def learn_units(texts: Sequence[str], kind: Literal["subword", "char"], *, vocabulary: int = 2000) -> Units:
    """Units of the normalised ``texts``, the same for the same texts.

    Args:
        vocabulary: subwords; fewer where the texts do not allow so many, which is said on standard error.
    """
    require(texts, "there is no text to learn units from")
    if kind == "char":
        return Units(sorted({c for text in texts for c in text.replace(" ", SPACE)} | {SPACE}))
    model = _trained(texts, vocabulary)
    processor = _sentencepiece().SentencePieceProcessor(model_proto=model)
    return Units([processor.id_to_piece(n) for n in range(OTHERS, processor.get_piece_size())], model)


def _trained(texts: Sequence[str], vocabulary: int) -> bytes:
    characters = len({c for text in texts for c in text.replace(" ", SPACE)} | {SPACE})
    require(
        vocabulary >= characters,
        f"{vocabulary} subwords cannot hold the {characters} characters of the transcripts; give more, or take "
        "characters (--units char)",
    )
    try:
        return _train(texts, vocabulary)
    except RuntimeError as error:
        most = TOO_MANY.search(str(error))
        require(most is not None, f"SentencePiece cannot learn {vocabulary} subwords: {error}")
    allowed = int(most[1])
    print(f"sonant: the transcripts allow {allowed - OTHERS} subwords, not {vocabulary}", file=sys.stderr)
    return _train(texts, allowed - OTHERS)


def _train(texts: Sequence[str], vocabulary: int) -> bytes:
    model = io.BytesIO()
    _sentencepiece().SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        vocab_size=vocabulary + OTHERS,
        character_coverage=1.0,
        normalization_rule_name="identity",
        max_sentence_length=1 << 20,
        num_threads=1,
        bos_id=-1,
        eos_id=-1,
        unk_id=0,
        minloglevel=2,
    )
    return model.getvalue()


def _sentencepiece():
    try:
        import sentencepiece
    except ImportError:
        raise MissingExtra("sentencepiece", "asr", "learning and using subwords") from None
    return sentencepiece
