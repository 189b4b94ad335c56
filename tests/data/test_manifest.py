from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sonant.core import SonantError
from sonant.data.audio import AudioInfo
from sonant.data.manifest import Manifest, ManifestWriter, Utterance

INFO = AudioInfo(sample_rate=16_000, channels=2, samples=160_000)


def full(path="x.wav") -> Utterance:
    return Utterance(
        id="u1",
        path=path,
        channel=1,
        start=2.5,
        duration=3.0,
        sample_rate=16_000,
        speaker="anna",
        language="de",
        text="größer als",
        words=[("größer", 0.1, 0.75), ("als", 0.75, 1.2)],
        phones=[("g", 0.1, 0.2)],
        activity=[[(0.1, 1.2)], []],
        gender="f",
        recording="rec",
    )


def test_everything_comes_back(tmp_path):
    with ManifestWriter(tmp_path / "m", name="mine") as writer:
        writer.add(Utterance(id="u0", path=str(tmp_path / "m/audio/x.wav"), channel=None, recording="rec"), info=INFO)
        writer.add(full(str(tmp_path / "m/audio/x.wav")))
        writer.add(Utterance(id="u2", path="/elsewhere/y.wav"), info=INFO)
        assert not (tmp_path / "m/recordings.jsonl").exists()
        writer.finish()
    manifest = Manifest.open(tmp_path / "m")
    assert len(manifest) == 3
    assert manifest.utterance(1) == full(str(tmp_path / "m/audio/x.wav"))
    assert list(manifest) == [manifest.utterance(index) for index in range(3)]
    assert manifest.utterance(0).channel is None
    assert manifest.utterance(-1).path == "/elsewhere/y.wav"
    assert manifest.unlabelled(1).text is None
    assert manifest.speakers == ["anna"]
    assert manifest.table.speaker.tolist() == [-1, 0, -1]
    assert manifest.table.num_samples.tolist() == [160_000, 48_000, 160_000]
    recordings = [json.loads(line) for line in (tmp_path / "m/recordings.jsonl").read_text().splitlines()]
    assert [recording["sources"][0]["source"] for recording in recordings] == ["audio/x.wav", "/elsewhere/y.wav"]
    assert manifest.summary["hours"] == pytest.approx(23 / 3600, abs=1e-4)
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [
        "manifest.json", "recordings.jsonl", "supervisions.jsonl", "table",
    ]  # fmt: skip


def test_the_folder_moves_with_its_audio(own_manifest, tmp_path):
    with ManifestWriter(tmp_path / "tree") as writer:
        writer.add(Utterance(id="a", path=str(tmp_path / "tree/a/a-0.wav")))
        writer.finish()
    (tmp_path / "tree").rename(tmp_path / "moved")
    assert Manifest.open(tmp_path / "moved").utterance(0).path == str(tmp_path / "moved/a/a-0.wav")


def test_lhotse_reads_what_we_write(own_manifest, tmp_path):
    lhotse = pytest.importorskip("lhotse", reason="lhotse is not installed")
    two = np.zeros((16_000, 2))
    soundfile.write(tmp_path / "x.wav", np.tile(two, (10, 1)), 16_000)
    with ManifestWriter(tmp_path / "m") as writer:
        writer.add(full(str(tmp_path / "x.wav")))
        writer.finish()
    recordings = lhotse.RecordingSet.from_file(tmp_path / "m/recordings.jsonl")
    supervisions = lhotse.SupervisionSet.from_file(tmp_path / "m/supervisions.jsonl")
    lhotse.validate(recordings, read_data=False)
    lhotse.validate(supervisions)
    cuts = lhotse.CutSet.from_manifests(recordings=recordings, supervisions=supervisions).trim_to_supervisions()
    cut = next(iter(cuts))
    assert (cut.start, cut.duration, cut.channel) == (2.5, 3.0, 1)
    word = cut.supervisions[0].alignment["word"][0]
    assert (word.symbol, word.start, word.end) == ("größer", 2.6, 3.25)  # lhotse counts from the recording's start
    assert cut.supervisions[0].speaker == "anna"


def test_we_read_what_lhotse_writes(tree, tmp_path):
    lhotse = pytest.importorskip("lhotse", reason="lhotse is not installed")
    recordings = lhotse.RecordingSet.from_recordings(
        lhotse.Recording.from_file(path) for path in sorted((tree / "a").glob("*.wav"))
    )
    supervision = lhotse.SupervisionSegment(
        id="s", recording_id="a-3", start=0.1, duration=0.3, text="hi", speaker="a", language="en"
    ).with_alignment("phone", [lhotse.supervision.AlignmentItem("h", 0.15, 0.1)])
    recordings.to_file(tmp_path / "recordings.jsonl")
    only_recordings = Manifest.open(tmp_path)
    assert [only_recordings.utterance(index).id for index in range(2)] == ["a-0", "a-1"]
    lhotse.SupervisionSet.from_segments([supervision]).to_file(tmp_path / "supervisions.jsonl")
    manifest = Manifest.open(tmp_path)
    (u,) = manifest
    assert (u.id, u.start, u.duration, u.text, u.speaker) == ("s", 0.1, 0.3, "hi", "a")
    assert u.phones == [("h", 0.05, 0.15)]
    assert u.path == str(tree / "a/a-3.wav")


def test_an_edited_manifest_is_rebuilt(own_manifest):
    path = own_manifest.folder / "supervisions.jsonl"
    table = own_manifest.folder / "table" / "table.json"
    first = table.stat().st_mtime_ns
    path.touch()  # another time, the same content
    Manifest.open(own_manifest.folder)
    assert table.stat().st_mtime_ns == first
    path.write_text(path.read_text().replace('"speaker": "b"', '"speaker": "z"'))  # the same size
    again = Manifest.open(own_manifest.folder)
    assert again.speakers == ["a", "z", "c", "d"]
    assert again.utterance(7).speaker == "z"
    for column in ("start", "duration", "num_samples", "sample_rate", "channel", "line"):
        assert getattr(again.table, column).tolist() == getattr(own_manifest.table, column).tolist()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text + "{broken\n", "line 25 is no JSON"),
        (lambda text: text.replace('"recording_id": "a-1"', '"recording_id": "q"'), "line 2.*unknown recording 'q'"),
        (lambda text: text + text.splitlines()[0] + "\n", "line 25.*comes twice"),
        (lambda text: text.replace('"start": 0.0, ', "", 1), "line 1 lacks start"),
        (lambda text: text.replace('"start": 0.0', '"start": 99.0', 1), "line 1.*outside its recording"),
    ],
)
def test_a_wrong_edit_is_named(own_manifest, edit, message):
    path = own_manifest.folder / "supervisions.jsonl"
    path.write_text(edit(path.read_text()))
    with pytest.raises(SonantError, match=message):
        Manifest.open(own_manifest.folder)
    assert sorted(entry.name for entry in own_manifest.folder.iterdir())[-1] == "table"


def test_what_is_no_manifest(tmp_path):
    (tmp_path / "corpus").mkdir()
    with pytest.raises(SonantError, match="Did you mean 'corpus'"):
        Manifest.open(tmp_path / "corpsu")
    with pytest.raises(SonantError, match=r"holds no recordings\.jsonl"):
        Manifest.open(tmp_path / "corpus")
    (tmp_path / "corpus/recordings.jsonl.gz").touch()
    with pytest.raises(SonantError, match="gunzip"):
        Manifest.open(tmp_path / "corpus")


@pytest.mark.parametrize(
    ("utterance", "message"),
    [
        (Utterance(id="u0", path="x.wav"), "comes twice"),
        (Utterance(id="u1", path="x.wav", start=11.0), "lies outside"),
        (Utterance(id="u1", path="x.wav", start=9.0, duration=3.0), "lies outside"),
        (Utterance(id="u1", path="x.wav", channel=2), "channel 2"),
        (Utterance(id="u1", path="y.wav", recording="u0"), "names two files"),
    ],
)
def test_wrong_utterances_are_refused_and_leave_nothing(tmp_path, utterance, message):
    with ManifestWriter(tmp_path / "m") as writer:
        writer.add(Utterance(id="u0", path="x.wav"), info=INFO)
        with pytest.raises(SonantError, match=message):
            writer.add(utterance, info=INFO)
        assert len(writer.finish()) == 1
    assert len((tmp_path / "m/recordings.jsonl").read_text().splitlines()) == 1


def test_a_segment_is_cut_at_the_end_of_its_recording(tmp_path):
    with ManifestWriter(tmp_path) as writer:
        writer.add(Utterance(id="u0", path="x.wav", start=9.0, duration=1.04), info=INFO)
        manifest = writer.finish()
    assert manifest.utterance(0).duration == 1.0


def test_an_interrupted_writer_leaves_the_old_manifest(own_manifest):
    with pytest.raises(RuntimeError), ManifestWriter(own_manifest.folder) as writer:
        writer.add(Utterance(id="new", path="x.wav"), info=INFO)
        raise RuntimeError
    assert len(Manifest.open(own_manifest.folder)) == 24
    assert not [path for path in own_manifest.folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("by", ["utterance", "speaker"])
def test_split(manifest, by):
    train, held = manifest.split(0.25, seed=3, by=by)
    assert sorted([*train, *held]) == list(range(24))
    assert len(held) == 6
    assert np.array_equal(held, manifest.split(0.25, seed=3, by=by)[1])
    assert not np.array_equal(held, manifest.split(0.25, seed=4, by=by)[1])
    speakers = manifest.table.speaker
    if by == "speaker":
        assert not set(speakers[train]) & set(speakers[held])
    assert len(manifest.split(0.0)[1]) == 0


def test_workers_open_the_files_themselves(manifest):
    assert len(pickle.dumps(manifest)) < 1000
    assert pickle.loads(pickle.dumps(manifest)).utterance(5) == manifest.utterance(5)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc, which is not here")
def test_a_large_manifest_opens_at_once_in_little_memory(tmp_path):
    rows = 50_000
    with ManifestWriter(tmp_path, name="large") as writer:
        for row in range(rows):
            writer.add(Utterance(id=f"u{row}", path=f"/corpus/{row}.wav", speaker=f"s{row % 500}"), info=INFO)
        writer.finish()
    program = (
        "import re, sys, time; from sonant.data.manifest import Manifest\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1]) / 1024\n"
        "before, start = peak(), time.perf_counter()\n"
        f"m = Manifest.open(sys.argv[1]); assert m.utterance({rows - 1}).id == 'u{rows - 1}'\n"
        "print(time.perf_counter() - start, peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    seconds, megabytes = map(float, done.stdout.split())
    assert seconds < 1.0
    assert megabytes < 20
