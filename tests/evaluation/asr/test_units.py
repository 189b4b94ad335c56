"""Characters and subwords."""

from __future__ import annotations

import builtins

import pytest

from sonant.core import MissingExtra, SonantError
from sonant.evaluation.asr.units import SPACE, Units, learn_units

TEXTS = ["THE CAT SAT", "THE DOG SAT ON THE CAT", "A DOG AND A CAT", "SO THE CAT IS ON THE DOG", "IT'S THE DOG"] * 4


def test_characters_there_and_back(tmp_path):
    units = learn_units(TEXTS, "char")
    assert units.pieces == tuple(sorted(set("".join(TEXTS).replace(" ", SPACE))))
    assert units.decode(units.encode("THE DOG IS IT")) == "THE DOG IS IT"
    assert min(units.encode("THE DOG")) >= 1
    assert units.decode(units.encode("CATQ")) == "CAT"  # never shown
    units.save(tmp_path)
    assert Units.load(tmp_path).pieces == units.pieces


def test_subwords_there_and_back_and_again(tmp_path):
    pytest.importorskip("sentencepiece", reason="the extra 'asr' is not installed")
    units = learn_units(TEXTS, "subword", vocabulary=18)
    assert len(units) == 18
    assert any(len(piece) > 2 for piece in units.pieces)
    found = units.encode("THE DOG SAT")
    assert units.decode(found) == "THE DOG SAT"
    assert len(found) < len("THE DOG SAT")
    assert units.pieces[found[0] - 1].startswith(SPACE)
    again = learn_units(TEXTS, "subword", vocabulary=18)
    assert (again.pieces, again.model) == (units.pieces, units.model)
    units.save(tmp_path)
    assert Units.load(tmp_path).encode("THE DOG SAT") == found


def test_a_small_corpus_allows_fewer_subwords(capsys):
    pytest.importorskip("sentencepiece", reason="the extra 'asr' is not installed")
    units = learn_units(TEXTS, "subword", vocabulary=2000)
    assert 16 < len(units) < 100
    assert capsys.readouterr().err == f"sonant: the transcripts allow {len(units)} subwords, not 2000\n"
    with pytest.raises(SonantError, match="cannot hold the 13 characters"):
        learn_units(TEXTS, "subword", vocabulary=5)


def test_without_sentencepiece_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest, **more):
        if name == "sentencepiece":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtra, match=r"sonant\[asr\]"):
        learn_units(TEXTS, "subword", vocabulary=20)
