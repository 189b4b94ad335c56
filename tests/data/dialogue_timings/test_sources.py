from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from sonant.core import SonantError
from sonant.data.dialogue_timings.rttm import read_rttm
from sonant.data.dialogue_timings.sources import read_dialogues
from sonant.data.dialogue_timings.textgrids import read_textgrid_dialogue
from sonant.data.manifest import ManifestWriter, Utterance
from sonant.data.textgrid import write_textgrid


def test_rttm(tmp_path):
    path = tmp_path / "a.rttm"
    path.write_text(
        ";; a comment\nSPEAKER x 1 2.0 1.0 <NA> <NA> late <NA> <NA>\nSPEAKER x 1 0.5 1.0 <NA> <NA> early <NA> <NA>\n"
        "SPEAKER y 1 0 1 <NA> <NA> alone <NA> <NA>\nSPEAKER x 1 2.5 1.0 <NA> <NA> late <NA> <NA>\n"
    )
    x, y = read_rttm(path)
    assert (x.session, x.duration, x.activity) == ("x", 3.5, [[(0.5, 1.5)], [(2.0, 3.5)]])
    assert (y.session, y.activity) == ("y", [[(0.0, 1.0)], []])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SPEAKER x 1 a b\n", "line 1 does not read"),
        ("nothing\n", "has no line"),
        ("".join(f"SPEAKER x 1 0 1 <NA> <NA> {name}\n" for name in "abc"), "3 speakers"),
    ],
)
def test_damaged_rttm(tmp_path, text, said):
    (tmp_path / "a.rttm").write_text(text)
    with pytest.raises(SonantError, match=said):
        list(read_rttm(tmp_path / "a.rttm"))


def test_textgrids(tmp_path):
    words = [("hi", 0.5, 1.0), ("you", 1.0, 1.5), ("sil", 2.0, 2.5)]
    write_textgrid(tmp_path / "a.TextGrid", {"words": words, "phones": [("HH", 0.5, 0.6)]}, 3.0)
    found = read_textgrid_dialogue(tmp_path / "a.TextGrid")
    assert (found.session, found.duration, found.activity) == ("a", 3.0, [[(0.5, 1.0), (1.0, 1.5)], []])
    write_textgrid(tmp_path / "b.TextGrid", {"left": words[:1], "right": words[1:2]}, 3.0)
    assert read_textgrid_dialogue(tmp_path / "b.TextGrid").activity == [[(0.5, 1.0)], [(1.0, 1.5)]]
    flipped = read_textgrid_dialogue(tmp_path / "b.TextGrid", tiers=("right", "left"))
    assert flipped.activity == [[(1.0, 1.5)], [(0.5, 1.0)]]
    with pytest.raises(SonantError, match="no tier"):
        read_textgrid_dialogue(tmp_path / "b.TextGrid", tiers=("middle",))
    write_textgrid(tmp_path / "c.TextGrid", {"a": words[:1], "b": words[:1], "c": words[:1]}, 3.0)
    with pytest.raises(SonantError, match="which tiers"):
        read_textgrid_dialogue(tmp_path / "c.TextGrid")


def test_json_of_all_kinds(tmp_path):
    activity = [[[0.0, 1.0]], [[1.5, 2.0]]]
    (tmp_path / "plain.json").write_text(json.dumps(activity))
    lines = [
        {"session": "named", "duration": 9, "activity": activity},
        {"id": "words", "channels": [[["a", 0, 0.5], ["b", 0.52, 1], ["[noise]", 1, 4]], []]},
    ]
    (tmp_path / "some.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "notes.txt").write_text("not read")
    found = {d.session: (d.duration, d.activity) for d in read_dialogues(tmp_path)}
    stretches = [[(0.0, 1.0)], [(1.5, 2.0)]]
    assert found == {"plain": (2.0, stretches), "named": (9.0, stretches), "words": (4.0, [[(0.0, 1.0)], []])}


def test_a_manifest(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((16000, 2), dtype=np.float32), 8000)
    with ManifestWriter(tmp_path / "corpus") as writer:
        activity = [[(0.1, 0.9)], [(1.0, 1.5)]]
        writer.add(Utterance(id="call", path=str(tmp_path / "a.wav"), channel=None, duration=2.0, activity=activity))
        writer.finish()
    (found,) = read_dialogues(tmp_path / "corpus")
    assert (found.session, found.duration, found.activity) == ("call", 2.0, activity)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.wav", "", "no known kind"),
        ("a.jsonl", "{", "line 1 of .* is no JSON"),
        ("a.json", '{"duration": -1, "activity": [[], []]}', "no length of time"),
        ("a.jsonl", '{"channels": [[]]}', "1 channels"),
        ("a.jsonl.gz", "no gzip", "cannot read"),
    ],
)
def test_damaged_files(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(SonantError, match=said):
        list(read_dialogues(tmp_path / name))


def test_nothing_to_read(tmp_path):
    with pytest.raises(SonantError, match="there is no"):
        list(read_dialogues(tmp_path / "nowhere"))
    with pytest.raises(SonantError, match="holds no timings"):
        list(read_dialogues(tmp_path))
