"""Phones in the order of how they are made: ARPAbet (also TIMIT's) and IPA."""

from __future__ import annotations

from collections.abc import Sequence

ARPABET = {
    name: tuple(members.split())
    for name, members in (
        ("vowels", "IY IH IX EY EH AE AA AO AH AX AXR UH UW UX OW ER AY AW OY"),
        ("stops", "P B T D K G Q DX"),
        ("fricatives", "F V TH DH S Z SH ZH HH HV H CH JH"),
        ("nasals", "M EM N EN NG ENG NX"),
        ("approximants", "W WH R L EL Y"),
    )
}
IPA = {
    "vowels": "iyɨʉɯuɪʏʊeøɘɵɤoəɚɛœɜɝɞʌɔæɐaɶɑɒᵻᵿ",
    "stops": "pbtdʈɖcɟkɡgqɢʔ",
    "fricatives": "fvθðszʃʒɸβʂʐɕʑçʝxɣχʁħʕhɦɬɮ",
    "nasals": "mɱnɳɲŋɴ",
    "approximants": "wʍɹɻjɰɥlɫɭʎʟrʀɾɽʋ",
}
CLASSES = (*ARPABET, "others")
MARKS = "0123456789ˈˌːˑ̩̯̃ʰʲʷ̪̥'"


def class_of(phone: str, *, ipa: bool) -> tuple[int, int]:
    """(class, place in the class) of a phone: numbers that sort; unknown phones come last.

    ``ipa`` says how to read letters that both alphabets know (``y`` is a vowel in IPA only).
    An affricate counts as a fricative.
    """
    plain = phone.strip(MARKS)
    if not ipa:
        for number, members in enumerate(ARPABET.values()):
            if plain.upper() in members:
                return number, members.index(plain.upper())
    first, second = plain[:1], plain[1:2]
    if first and first in IPA["stops"] and second and second in IPA["fricatives"]:
        return CLASSES.index("fricatives"), len(IPA["fricatives"]) + IPA["fricatives"].index(second)
    for number, letters in enumerate(IPA.values()):
        if first and first in letters:
            return number, letters.index(first)
    return CLASSES.index("others"), 0


def ordered(phones: Sequence[str]) -> list[tuple[str, list[int]]]:
    """[(class, indices into ``phones``)] in the order vowels, stops, fricatives, nasals, approximants, others."""
    ipa = any(not phone.isascii() for phone in phones)
    places = {index: class_of(phone, ipa=ipa) for index, phone in enumerate(phones)}
    groups = []
    for number, name in enumerate(CLASSES):
        members = [index for index, place in places.items() if place[0] == number]
        if members:
            groups.append((name, sorted(members, key=lambda index: (places[index][1], phones[index]))))
    return groups


def is_silence(label: str) -> bool:
    """Whether a label stands for no phone."""
    return label.strip().lower() in ("", "sil", "sp", "spn", "pau", "h#", "#", "_", "<eps>")
