from __future__ import annotations

import pytest

from sonant.actions._stages import command_changes


@pytest.mark.parametrize(
    ("before", "now", "lines"),
    [
        ("train a --x 1 --y 2", "train a --x 1 --y 2", []),
        ("train a --x 1", "train b --x 3", ["a -> b", "--x 1 -> 3"]),
        ("train a", "train a --layer 2 --strict", ["--layer not given -> 2", "--strict not given -> given"]),
        ("train a --x=1", "train a", ["--x 1 -> not given"]),
        ("eval --f a b c", "eval --f a d c", ["--f b -> d"]),
        ("report a b", "report a", ["report a b -> report a"]),
        ("x --a 1 --b 2", "x --b 2 --a 1", ["the order of the words of the command"]),
    ],
)
def test_how_commands_differ(before, now, lines):
    assert command_changes(before.split(), now.split()) == lines
