import pytest

from sonant.reports.phones import CLASSES, class_of, is_silence, ordered


@pytest.mark.parametrize(
    ("phone", "ipa", "kind"),
    [
        ("AA1", False, "vowels"),
        ("sh", False, "fricatives"),
        ("JH", False, "fricatives"),
        ("Y", False, "approximants"),
        ("y", True, "vowels"),
        ("tʃ", True, "fricatives"),
        ("t", True, "stops"),
        ("tʰ", True, "stops"),
        ("ŋ", True, "nasals"),
        ("ɹ", True, "approximants"),
        ("aɪ", True, "vowels"),
        ("ˈuː", True, "vowels"),
        ("??", True, "others"),
        ("", False, "others"),
    ],
)
def test_class_of_a_phone(phone, ipa, kind):
    assert CLASSES[class_of(phone, ipa=ipa)[0]] == kind


def test_order_is_a_permutation_by_class():
    phones = ["W", "N", "S", "T", "IY", "QQ", "AA"]
    groups = ordered(phones)
    assert [name for name, _ in groups] == ["vowels", "stops", "fricatives", "nasals", "approximants", "others"]
    assert sorted(index for _, members in groups for index in members) == list(range(len(phones)))
    assert [phones[index] for index in groups[0][1]] == ["IY", "AA"]


def test_silence():
    assert is_silence("") and is_silence("SIL") and not is_silence("S")
