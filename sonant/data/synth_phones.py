"""Words and phones of a synthesised text: labels folded to a phone set, boundaries, closures of stops.

Boundaries are in samples of the synthesiser (float: fused units are cut in equal shares).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ._espeak import Speech

Segment = tuple[str, float, float]  # label, onset, offset

MARKS = str.maketrans("", "", "\u02c8\u02cc-")  # primary and secondary stress, and eSpeak's mark of an elided vowel
PALATAL = "\u02b2"  # comes as an event of its own after its consonant in some languages
PUNCTUATION = ' \t\n.,;:!?\u2026"\u201c\u201d\u201e\u00ab\u00bb()\u00bf\u00a1\u2013\u2014'

# IPA of the English voices -> the 39 phones of the CMU dictionary
CMU = {
    "ə": "AH", "ɐ": "AH", "ʌ": "AH", "ᵻ": "IH", "ɪ": "IH", "i": "IY", "iː": "IY", "ɚ": "ER", "ɜː": "ER", "ɜ": "ER",
    "æ": "AE", "a": "AE", "aː": "AE", "ɛ": "EH", "e": "EH", "ɑː": "AA", "ɑ": "AA", "ɒ": "AA", "ɔ": "AO", "ɔː": "AO",
    "oː": "AO", "o": "AO", "ʊ": "UH", "uː": "UW", "u": "UW", "eɪ": "EY", "aɪ": "AY", "oʊ": "OW", "əʊ": "OW",
    "aʊ": "AW", "ɔɪ": "OY", "p": "P", "b": "B", "t": "T", "d": "D", "k": "K", "ɡ": "G", "ɾ": "T", "ʔ": "T",
    "tʃ": "CH", "dʒ": "JH", "f": "F", "v": "V", "θ": "TH", "ð": "DH", "s": "S", "z": "Z", "ʃ": "SH", "ʒ": "ZH",
    "h": "HH", "x": "K", "m": "M", "n": "N", "n̩": "AH N", "ŋ": "NG", "l": "L", "ɫ": "L", "l̩": "AH L", "ɹ": "R",
    "r": "R", "j": "Y", "w": "W", "ʍ": "W",
}  # fmt: skip
LONGEST = max(map(len, CMU))

STOPS = frozenset({"p", "b", "t", "d", "k", "ɡ", "c", "ɟ", "q", "ʈ", "ɖ", "pʰ", "tʰ", "kʰ"})
AFFRICATES = frozenset({"tʃ", "dʒ", "ts", "dz", "tɕ", "dʑ", "pf"})
FRAME = 0.004  # seconds of one energy frame of the search for closures
LONGEST_CLOSURE = 0.12  # seconds before the burst that are searched
CLOSURE_DROP = 0.1  # amplitude under which a frame is closed, as a share of the loudest before it (-20 dB)


def fold_english(label: str) -> list[str]:
    """An IPA label of an English voice, without stress, as phones of the CMU dictionary.

    Fused units give several phones (``ɑːɹ`` -> AA R, ``aɪɚ`` -> AY ER). A label with a letter that is not of
    English stays as it is.
    """
    phones, rest = [], label
    while rest:
        size = next((n for n in range(min(LONGEST, len(rest)), 0, -1) if rest[:n] in CMU), 0)
        if not size:
            return [label]
        phones += CMU[rest[:size]].split()
        rest = rest[size:]
    return phones


def annotate(
    speech: Speech, text: str, *, english: bool, closures: bool, count_phones: Callable[[str], int]
) -> tuple[list[Segment], list[Segment]]:
    """Words and phones of a synthesised text, in samples; pauses belong to neither.

    Args:
        english: fold labels to the CMU phones; else they stay IPA without stress marks.
        closures: count the silent closure of a stop to the stop, as hand labels and forced alignments do;
            the synthesiser counts it to the phone before.
        count_phones: phones of a word by itself, to cut words that the synthesiser gives as one.
    """
    onsets = [float(onset) for onset, _ in speech.phones]
    labels = [label.translate(MARKS) for _, label in speech.phones]
    if closures:
        onsets = _with_closures(onsets, labels, speech)
    offsets = [*onsets[1:], float(len(speech.samples))]
    words = []
    for token, first, last in _word_spans(speech, text, labels, count_phones):
        words.append((token, onsets[first], offsets[last]))
    phones: list[Segment] = []
    for label, onset, offset in zip(labels, onsets, offsets, strict=True):
        if not label or offset <= onset:
            continue
        if label == PALATAL and phones:
            phones[-1] = (phones[-1][0] + PALATAL, phones[-1][1], offset)
            continue
        parts = fold_english(label) if english else [label]
        cuts = np.linspace(onset, offset, len(parts) + 1)
        phones += [(part, float(a), float(b)) for part, a, b in zip(parts, cuts, cuts[1:], strict=False)]
    return words, phones


def _with_closures(onsets: list[float], labels: list[str], speech: Speech) -> list[float]:
    """Onsets with those of stops moved back to the start of the quiet run before the burst."""
    moved, frame = list(onsets), max(int(FRAME * speech.sample_rate), 1)
    for i in range(1, len(labels)):
        if labels[i] not in STOPS | AFFRICATES or not labels[i - 1]:
            continue
        begin = max(moved[i - 1], onsets[i] - LONGEST_CLOSURE * speech.sample_rate)
        count = int(onsets[i] - begin) // frame
        if count < 3:
            continue
        stop = int(onsets[i])
        before = speech.samples[stop - count * frame : stop].astype(np.float64).reshape(count, frame)
        level = np.sqrt((before**2).mean(1))
        open_frames = np.flatnonzero(level > CLOSURE_DROP * level.max())
        closed = count - 1 - open_frames[-1] if len(open_frames) else 0
        moved[i] = onsets[i] - min(closed, count - 2) * frame  # the phone before keeps at least two frames
    return moved


def _word_spans(
    speech: Speech, text: str, labels: list[str], count_phones: Callable[[str], int]
) -> list[tuple[str, int, int]]:
    """(word, first phone, last phone); pauses at the edges of a word are left out."""
    # an event in the middle of a token (the second part of a number) begins no word
    events = [event for event in speech.words if event[1] == 0 or not text[event[1] - 1].isalnum()]
    groups: list[tuple[list[str], list[int]]] = []
    for (first, character), (end, stop) in zip(events, [*events[1:], (len(labels), len(text))], strict=True):
        tokens = _tokens(text[character:stop])
        phones = [p for p in range(first, end) if labels[p]]
        if groups and tokens and not phones:  # swallowed by the word before
            groups[-1][0].extend(tokens)
        elif groups and phones and not tokens:
            groups[-1][1].extend(phones)
        elif phones:
            groups.append((tokens, phones))
    return [span for tokens, phones in groups for span in _cut(tokens, phones, count_phones)]


def _tokens(text: str) -> list[str]:
    return [token for raw in text.split() if (token := raw.strip(PUNCTUATION))]


def _cut(tokens: list[str], phones: list[int], count_phones: Callable[[str], int]) -> list[tuple[str, int, int]]:
    """Give the phones of a group to its words, in proportion to what each has by itself."""
    if not tokens:  # a symbol that is read out
        return []
    if len(tokens) == 1 or len(phones) < len(tokens):  # in the second case nothing is left to cut
        return [(" ".join(tokens), phones[0], phones[-1])]
    shares = np.cumsum([max(count_phones(token), 1) for token in tokens])
    cuts = [0, *np.rint(shares * len(phones) / shares[-1]).astype(int).tolist()]
    for i in range(1, len(tokens)):  # at least one phone each
        cuts[i] = min(max(cuts[i], cuts[i - 1] + 1), len(phones) - (len(tokens) - i))
    return [(t, phones[a], phones[b - 1]) for t, a, b in zip(tokens, cuts, cuts[1:], strict=False)]
