"""Tables of windows: written from a manifest and read back, and merged where they overlap."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import soundfile

from sonant.cli.main import main
from sonant.core import SonantError
from sonant.data.activity import activity_frames
from sonant.data.config import DataConfig, build_loaders
from sonant.data.dialogue_timings.segments import read_segments, write_segments
from sonant.data.dialogue_timings.sources import read_dialogues
from sonant.data.manifest import Manifest, ManifestWriter, Utterance
from sonant.data.recipes import dialogue_segments

RATE = 2000
ACTIVITY = [[(0.5, 3.0), (18.0, 25.5), (41.2, 44.0)], [(3.1, 3.4), (26.0, 40.0)]]


@pytest.fixture
def calls(tmp_path):
    soundfile.write(tmp_path / "call.wav", 0.1 * np.random.default_rng(0).standard_normal((45 * RATE, 2)), RATE)
    with ManifestWriter(tmp_path / "calls", name="calls") as writer:
        writer.add(Utterance(id="call", path=str(tmp_path / "call.wav"), channel=None, activity=ACTIVITY))
        return writer.finish()


def test_written_windows_are_those_of_the_originals(calls, tmp_path):
    assert write_segments(calls, tmp_path / "train.csv") == 2
    head, *rows = csv.reader((tmp_path / "train.csv").open())
    assert head == ["audio_path", "start", "end", "vad_list", "session", "dataset"]
    assert [(float(row[1]), float(row[2]), row[4], row[5]) for row in rows] == [
        (0, 20, "call", "calls"), (19, 39, "call", "calls")
    ]  # fmt: skip
    assert json.loads(rows[0][3]) == [[[0.5, 3.0], [18.0, 22.0]], [[3.1, 3.4]]]
    assert json.loads(rows[1][3]) == [[[0.0, 6.5]], [[7.0, 21.0]]]
    with pytest.raises(SonantError, match="no dialogue of 60 s"):
        write_segments(calls, tmp_path / "b.csv", seconds=60)


def test_windows_that_overlap_are_one_stretch_again(calls, tmp_path):
    write_segments(calls, tmp_path / "train.csv")
    made = dialogue_segments.prepare(tmp_path / "train.csv", tmp_path / "out", language="en")
    (u,) = made
    assert (u.id, u.start, u.duration, u.channel, u.language) == ("call", 0.0, 41.0, None, "en")
    expected = [[(0.5, 3.0), (18.0, 25.5)], [(3.1, 3.4), (26.0, 40.0)]]
    assert [[tuple(one) for one in side] for side in u.activity] == expected
    (told,) = read_dialogues(tmp_path / "train.csv")
    assert told.session == "call" and told.duration == 41.0 and told.activity == expected
    cfg = DataConfig(
        train=str(tmp_path / "out"), view="dialogue", sample_rate=RATE, chunk_seconds=20, valid_fraction=0, workers=0,
        batch_size=2, flip=0.0, shuffle=False, activity_rate=50,
    )  # fmt: skip
    batch = next(build_loaders(cfg)[0].batches(0, 1))
    whole_TC = activity_frames(expected, rate=50, duration=41.0)
    assert np.array_equal(batch.extras["activity_BTC"][0].numpy(), whole_TC[:1100])


def test_windows_apart_stay_apart_and_lengths_are_rounded(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((60 * RATE, 2)), RATE)
    (tmp_path / "v.csv").write_text(
        "audio_path,start,end,vad_list,session,dataset\n"
        'a.wav,40.0,59.99999,"[[[0.0, 1.0]], [[18.0, 22.0]]]",a,x\n'
        'a.wav,0.0,19.99999,"[[], [[1.0, 2.0]]]",a,x\n'
        'b.wav,0.0,20.0,"[[], []]",b,x\n'
    )
    first, second, third = read_segments(tmp_path / "v.csv")
    assert (first.start, first.end, second.start, second.end, third.session) == (0.0, 22.0, 40.0, 62.0, "b")
    made = dialogue_segments.prepare(tmp_path / "v.csv", tmp_path / "out")
    assert [(u.id, u.start, u.duration) for u in made] == [("a_000000-002200", 0, 22), ("a_004000-006200", 40, 20)]
    assert made.utterance(1).activity[1] == [(18.0, 20.0)] and made.summary["skipped"] == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('a.wav,0,20,"[[]]",a,x', "1 channels"),
        ("a.wav,0,20,nothing,a,x", "no segment"),
        ('a.wav,20,10,"[[],[]]",a,x', "from 20 to 10"),
        ("", "no segments"),
    ],
)
def test_damaged_rows_are_named(tmp_path, row, said):
    (tmp_path / "a.csv").write_text(f"audio_path,start,end,vad_list,session,dataset\n{row}\n")
    with pytest.raises(SonantError, match=said):
        read_segments(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("audio_path,start\nx,1\n")
    with pytest.raises(SonantError, match="no column"):
        read_segments(tmp_path / "b.csv")


def test_the_command_writes_them(calls, tmp_path, capsys):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "call.json").write_text(json.dumps(ACTIVITY))
    command = f"prepare dialogues {tmp_path} {tmp_path}/made --timings {tmp_path}/t --segments-csv {tmp_path}/made.csv"
    assert main(command.split()) == 0
    assert "2 windows" in capsys.readouterr().out
    assert Manifest.open(tmp_path / "made").utterance(0).duration == read_segments(tmp_path / "made.csv")[0].end + 4
