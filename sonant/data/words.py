"""Word tokens: where in which utterance a word is said, and by whom.

The file ``words.tsv`` has a header and a token a line, with tabs between: ``key label speaker file onset offset``.
Keys are unique and name the token's array; ``file`` is an utterance, times are in seconds from its start.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core import SonantError, require, samples_of
from ..core.files import read_lines, write_text
from .alignments import Segment, is_speech
from .keys import CORPORA, Corpus, archive_name, check_one_layer, frame_of, make_key, parse_key, speaker_of
from .manifest import Manifest, Utterance

COLUMNS = ("key", "label", "speaker", "file", "onset", "offset")
UNKNOWN = "?"  # of a label or a speaker, in the file
NOT_WORDS = frozenset({"<unk>", "[noise]", "[laughter]", "[silence]"})  # beside silence, lower case


@dataclass(frozen=True)
class Word:
    """One token. ``file``, ``onset`` and ``offset`` (s) are None where the arrays are one per word already."""

    key: str
    label: str
    speaker: str | None = None
    file: str | None = None
    onset: float | None = None
    offset: float | None = None

    @property
    def span(self) -> tuple[str, float, float]:
        """(utterance, onset, offset), as views of segments take it."""
        require(self.file is not None, f"the word '{self.key}' has no place: its list lacks file, onset and offset")
        return self.file, self.onset, self.offset


def words_of_manifest(manifest: Manifest | Iterable[Utterance]) -> Iterator[Word]:
    """Every word of the alignments in a manifest.

    A word that is all of its recording is called like it (a folder of isolated words, an archive of word segments);
    the others ``<label>_<recording>_<start>-<end>`` in frames at 100 Hz.
    """
    seen: set[str] = set()
    for u in manifest:
        for label, onset, offset in u.words or ():
            if _is_word(label):
                key = _key(u, label, onset, offset)
                key = key if key not in seen else make_key(label, u.id, onset, offset)  # two channels of a recording
                seen.add(key)
                yield Word(key, label, u.speaker, u.id, onset, offset)


def words_of_alignment(alignment: Mapping[str, Sequence[Segment]], corpus: Corpus = "none") -> Iterator[Word]:
    """Every word of a forced alignment (``read_alignment``); ``corpus`` tells speakers from names of utterances."""
    for name, segments in alignment.items():
        utterance, speaker = archive_name(name, corpus), speaker_of(name, corpus)
        for label, onset, offset in segments:
            if _is_word(label):
                yield Word(make_key(label, utterance, onset, offset), label, speaker, utterance, onset, offset)


def words_of_archive(frames: Mapping[str, int], corpus: Corpus, *, rate: float = 100.0) -> Iterator[Word]:
    """The segments of an archive as tokens, from key -> frames at ``rate`` Hz. Keys without label are no words."""
    require(corpus != "none", f"the rule for the keys of an archive must be told (--keys): {', '.join(CORPORA)}")
    parsed_keys = {key: parse_key(key, corpus) for key in frames}
    check_one_layer(parsed_keys.values())
    for key, count in frames.items():
        parsed = parsed_keys[key]
        if parsed.label is not None:
            yield Word(key, parsed.label, parsed.speaker, key, 0.0, count / rate)


def whole_utterances(manifest: Manifest | Iterable[Utterance]) -> Iterator[Word]:
    """Every utterance as one segment whose word is not known: recordings of isolated words, segments of a detector."""
    for u in manifest:
        yield Word(u.id, UNKNOWN, u.speaker, u.id, 0.0, u.duration)


def select_words(
    words: Iterable[Word], *, min_seconds: float = 0.5, min_characters: int = 5, max_seconds: float | None = None
) -> tuple[list[Word], dict[str, int]]:
    """The words of a same-different test, and how many were left out for which reason.

    Lengths are differences of frames at 100 Hz, ``round(100 offset) - round(100 onset)``. The defaults are those of
    Carlin et al. 2011 as in the Buckeye and Xitsonga recipes (>= 0.5 s, >= 5 characters); their larger training sets
    have 0.39 s and 4 characters. Words without times are judged by their characters alone.
    """
    kept, counts = [], {"read": 0, "too short": 0, "too long": 0, "too few characters": 0}
    least = frame_of(min_seconds)
    most = None if max_seconds is None else frame_of(max_seconds)
    for word in words:
        counts["read"] += 1
        length = None if word.onset is None else frame_of(word.offset) - frame_of(word.onset)
        if length is not None and length < least:
            counts["too short"] += 1
        elif length is not None and most is not None and length > most:
            counts["too long"] += 1
        elif len(word.label) < min_characters:
            counts["too few characters"] += 1
        else:
            kept.append(word)
    return kept, {**counts, **digest_of_words(kept)}


def digest_of_words(words: Sequence[Word]) -> dict[str, int]:
    """Tokens, types, speakers and same-word pairs of a list; what has no label is of no type."""
    number, speakers = {}, {}
    for word in words:
        if word.label == UNKNOWN:
            continue
        number[word.label] = number.get(word.label, 0) + 1
        speaker = (word.label, word.speaker)
        speakers[speaker] = speakers.get(speaker, 0) + 1
    alike = sum(n * (n - 1) // 2 for n in number.values())
    of_one = sum(n * (n - 1) // 2 for (_, speaker), n in speakers.items() if speaker is not None)
    return {
        "tokens": len(words),
        "types": len(number),
        "speakers": len({word.speaker for word in words} - {None}),
        "same-word pairs": alike,
        "same-word pairs of one speaker": of_one,
    }


def write_words(path: str | Path, words: Sequence[Word]) -> None:
    """Write ``words.tsv``, atomically. Raises SonantError when there is none or a key comes twice."""
    require(words, f"no word is left to write to '{path}'; lower the least length or number of characters")
    placed = words[0].file is not None
    require(all((word.file is not None) == placed for word in words), f"only some words for '{path}' have a place")
    columns = COLUMNS if placed else COLUMNS[:3]
    lines, seen = ["\t".join(columns)], set()
    for word in words:
        require(word.key not in seen, f"the word key '{word.key}' comes twice; keys name one token each")
        seen.add(word.key)
        fields = [word.key, word.label, word.speaker or UNKNOWN]
        fields += [word.file, in_seconds(word.onset), in_seconds(word.offset)] if placed else []
        require(not any("\t" in field or "\n" in field for field in fields), f"the word '{word.key}' holds a tab")
        lines.append("\t".join(fields))
    write_text(path, "\n".join(lines) + "\n")


def read_words(path: str | Path) -> list[Word]:
    """Read a list of word tokens by the names in its header line.

    ``label`` (or ``word``) is needed; without ``key`` the keys are made from label, file and times; without ``file``,
    ``onset`` and ``offset`` the words have no place.

    Raises:
        SonantError: no such file, columns missing, a key that comes twice, a time that is none.
    """
    words, seen = [], set()
    for where, row in read_table(path, needs=(("label", "word"), ("key", "file"))):
        label = row.get("label") or row.get("word") or ""
        place = _place(row, where)
        key = row["key"] if "key" in row or place is None else make_key(label, *place)
        require(key and label, f"{where} has no key or no label")
        require(key not in seen, f"{where}: the key '{key}' comes twice; keys name one token each")
        seen.add(key)
        speaker = row.get("speaker", UNKNOWN)
        words.append(Word(key, label, None if speaker in (UNKNOWN, "") else speaker, *(place or ())))
    require(words, f"'{path}' holds no word")
    return words


def read_table(path: str | Path, *, needs: Sequence[Sequence[str]]) -> Iterator[tuple[str, dict[str, str]]]:
    """(place for messages, values by column) of every line of a tab-separated table with a header.

    ``needs``: for each quantity the names that its column may have.
    """
    lines = read_lines(path)
    header = lines[0].lstrip("#").split("\t") if lines else []
    for names in needs:
        require(
            any(name in header for name in names),
            f"'{path}' has no column '{names[0]}'; its first line must name the columns, with tabs between",
        )
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            fields = line.split("\t")
            where = f"{path}, line {number}"
            require(len(fields) == len(header), f"{where} has {len(fields)} fields, the header {len(header)}")
            yield where, dict(zip(header, fields, strict=True))


def in_seconds(value: float) -> str:
    """A time as text, to the microsecond, without idle zeros."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _place(row: dict[str, str], where: str) -> tuple[str, float, float] | None:
    if not all(name in row for name in COLUMNS[3:]):
        require("key" in row, f"{where}: a list without keys needs the columns file, onset and offset")
        return None
    try:
        onset, offset = float(row["onset"]), float(row["offset"])
    except ValueError:
        raise SonantError(f"{where}: '{row['onset']}' and '{row['offset']}' are no times in seconds") from None
    require(0 <= onset < offset < math.inf, f"{where}: a word from {onset:g} s to {offset:g} s")
    return row["file"], onset, offset


def _key(u: Utterance, label: str, onset: float, offset: float) -> str:
    recording = u.recording or u.id
    whole = samples_of(offset - onset, u.sample_rate) >= samples_of(u.duration, u.sample_rate)
    if whole and len(u.words) == 1 and recording == u.id:
        return u.id
    return make_key(label, recording, u.start + onset, u.start + offset)


def _is_word(label: str) -> bool:
    return is_speech(label) and label.strip().lower() not in NOT_WORDS
