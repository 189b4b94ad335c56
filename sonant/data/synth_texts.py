"""Sentences to be spoken: small grammars written for phone coverage, one a language, in ``grammars/<language>.txt``.

A grammar has lines ``key: value``. ``pattern`` is a sentence with slots in braces; any other key is a slot with the
words or phrases that fit there whatever stands around them, separated by commas, over as many lines as are needed.
A slot with a hyphen in its name is a family of words that differ in one phone (bat, bet, bit, ...); ``family`` is a
pattern whose slot ``{f}`` takes words of one such family, so that the same context meets many phones.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ..core import SonantError, numpy_generator, require, unknown

GRAMMARS = Path(__file__).parent / "grammars"
SLOT = re.compile(r"\{([\w-]+)\}")
FAMILY_SHARE = 0.4  # of the sentences of a language that has families
GIVE_UP = 50  # draws a wanted sentence before a grammar counts as used up


def languages() -> list[str]:
    """Languages that have a grammar here; any language of eSpeak NG can be spoken from a text file."""
    return sorted(path.stem for path in GRAMMARS.glob("*.txt"))


def sentences(language: str, count: int, *, seed: int) -> list[str]:
    """``count`` different sentences of a language; a pure function of the arguments, longer lists begin alike.

    Raises:
        SonantError: there is no grammar of the language, or it has fewer sentences.
    """
    if language not in languages():
        raise unknown("language without a text file", language, languages())
    rng = numpy_generator(seed, "sentences", language)
    patterns, family_patterns, slots = _grammar(language)
    families = [name for name in slots if "-" in name]

    def choose(options: list[str]) -> str:
        return options[rng.integers(len(options))]

    found: dict[str, None] = {}
    for _ in range(GIVE_UP * count):
        if len(found) == count:
            break
        if families and rng.random() < FAMILY_SHARE:
            pattern = choose(family_patterns).replace("{f}", "{" + choose(families) + "}")
        else:
            pattern = choose(patterns)
        found[_fill(pattern, slots, choose)] = None
    require(len(found) == count, f"the grammar of '{language}' has no {count} different sentences; give a text file")
    return list(found)


def _grammar(language: str) -> tuple[list[str], list[str], dict[str, list[str]]]:
    """(patterns, patterns for families, words of each slot)."""
    patterns, family_patterns, slots = [], [], {}
    for line in (GRAMMARS / f"{language}.txt").read_text(encoding="utf-8").splitlines():
        key, value = line.split(": ", 1)
        if key == "pattern":
            patterns.append(value)
        elif key == "family":
            family_patterns.append(value)
        else:
            slots.setdefault(key, []).extend(value.split(", "))
    return patterns, family_patterns, slots


def _fill(pattern: str, slots: dict[str, list[str]], choose: Callable[[list[str]], str]) -> str:
    """A pattern with a word in every slot, none twice, and a capital at the start."""
    used: set[str] = set()

    def word(match: re.Match) -> str:
        chosen = choose([w for w in slots[match[1]] if w not in used])
        used.add(chosen)
        return chosen

    sentence = SLOT.sub(word, pattern)
    first = next(i for i, letter in enumerate(sentence) if letter.isalpha())
    return sentence[:first] + sentence[first].upper() + sentence[first + 1 :]


def read_sentences(path: Path, *, least: int, most: int) -> list[str]:
    """Up to ``most`` different lines of a UTF-8 text file, a sentence each; lines without letters are left out.

    Raises:
        SonantError: the file cannot be read or has fewer than ``least``.
    """
    try:
        lines = dict.fromkeys(line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise SonantError(f"cannot read the sentences of {path} (one a line, UTF-8): {error}") from None
    found = [line for line in lines if any(letter.isalpha() for letter in line)]
    require(
        len(found) >= least,
        f"{path} has {len(found)} different sentences and {least} are needed; "
        "give a longer text or fewer test sentences",
    )
    return found[:most]
