"""``sonant stream`` as typed: files, raw samples, a microphone, and what cannot be heard."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from sonant import build
from sonant.actions._live_audio import RawAudio
from sonant.actions.stream import HEADER, stream
from sonant.cli.live import line_of, live_line
from sonant.cli.main import main
from sonant.objectives.projection_readout import aggregate

from .conftest import voice

CONTEXT = 25  # frames


def call(seconds: float, rate: int = 16000) -> np.ndarray:
    """(L, 2): one voice, then the other."""
    wave_LC = np.stack([voice(seconds, seed=s, rate=rate) for s in (1, 2)], axis=1)
    half = len(wave_LC) // 2
    wave_LC[half:, 0] *= 0.01
    wave_LC[:half, 1] *= 0.01
    return wave_LC


@pytest.fixture(scope="module")
def place(tmp_path_factory, small_dialogue):
    root = tmp_path_factory.mktemp("stream")
    build.save(small_dialogue, root / "model")
    soundfile.write(root / "call.wav", call(2.0), 16000, subtype="FLOAT")
    soundfile.write(root / "one.wav", call(1.0, 8000)[:, 0], 8000)
    return root


def spoken(capsys, *words) -> list[dict]:
    """Frames that a command writes as JSON lines."""
    assert main(["stream", *map(str, words), "--json", "-"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def whole(model, wave_CL, width, *told):
    """p_now and p_future (T, 4) of a recording heard at once."""
    cfg = model.dialogue.cfg
    model.dialogue.cfg = dataclasses.replace(cfg, width=width)
    try:
        with torch.no_grad():
            p = aggregate(model.converse(torch.from_numpy(np.ascontiguousarray(wave_CL)), None, *told).logits)
    finally:
        model.dialogue.cfg = cfg
    return torch.cat([p.p_now[0], p.p_future[0]], dim=-1).numpy()


@pytest.mark.parametrize("chunk", ["20", "130.7"])
def test_a_file_is_heard_as_a_whole_one(place, small_dialogue, capsys, chunk):
    words = [place / "model", place / "call.wav", "--chunk", chunk, "--context", CONTEXT / 50]
    assert main(["stream", *map(str, words), "--csv", str(place / "o.csv"), "--json", str(place / "o.jsonl")]) == 0
    out = capsys.readouterr().out
    assert "2 s, 100 frames" in out and "99th percentile" in out
    assert out.splitlines()[1].startswith("   1.00 s"), "no terminal: a line a second"
    rows = (place / "o.csv").read_text().splitlines()
    assert rows[0] == HEADER
    found = np.array([[float(value) for value in row.split(",")] for row in rows[1:]])
    np.testing.assert_allclose(found[:, 0], np.arange(100) / 50)
    np.testing.assert_allclose(found[:, 1:], whole(small_dialogue, call(2.0).T, CONTEXT), atol=1e-5)
    lines = [json.loads(line) for line in (place / "o.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(100))
    np.testing.assert_allclose([line["p_now"] for line in lines], found[:, 1:3], atol=1e-5)
    power = (call(2.0)[:320].astype(float) ** 2).mean(0)
    assert lines[0]["level"] == pytest.approx(10 * np.log10(power), abs=0.2)


def test_one_channel_at_another_rate_has_a_silent_partner(place, small_dialogue, capsys):
    assert main(["stream", str(place / "model"), str(place / "one.wav"), "--json", "-"]) == 0
    told = capsys.readouterr()
    assert "the second speaker is silence" in told.err and "heard 1 s, 50 frames" in told.err
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert len(lines) == 50 and {line["level"][1] for line in lines} == {-100.0}


@pytest.mark.parametrize("kind", ["s16", "f32"])
def test_raw_samples_say_the_same_as_the_file(place, capsys, monkeypatch, kind):
    wave_LC = call(2.0)
    data = (wave_LC * 32768).round().astype("<i2") if kind == "s16" else wave_LC.astype("<f4")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data.tobytes() + b"\0")))
    found = spoken(capsys, place / "model", "-", "--raw-format", kind)
    wanted = spoken(capsys, place / "model", place / "call.wav")
    assert len(found) == len(wanted) == 100
    atol = 5e-3 if kind == "s16" else 2e-6
    np.testing.assert_allclose([f["p_now"] for f in found], [f["p_now"] for f in wanted], atol=atol)


def test_raw_samples_of_another_rate_are_resampled_as_they_come(place, small_dialogue):
    pipe = io.BytesIO((call(1.0, 44100)[:, 0] * 32767).astype("<i2").tobytes())
    said, told = [], []
    raw = RawAudio(rate=44100, channels=1)
    facts = stream(small_dialogue, "-", raw=raw, pipe=pipe, chunk_ms=33, show=said.append, tell=told.append)
    assert facts["seconds"] == 1.0 and facts["frames"] == 50 and not facts["interrupted"]
    assert "second speaker is silence" in told[0]
    level = np.concatenate([moments.level_TC for moments in said])[:, 0]
    power = (call(1.0, 44100)[:, 0].reshape(50, 882).astype(float) ** 2).mean(1)
    loud = slice(2, 23)  # the first half, where the voice is
    np.testing.assert_allclose(level[loud], 10 * np.log10(power[loud]), atol=0.5)


class FakeMicrophone:
    """Stands in for the module sounddevice: a stereo device that hears three chunks at once."""

    class PortAudioError(Exception):
        pass

    rate = 48000

    def query_devices(self, kind):
        return {"max_input_channels": 4, "default_samplerate": float(self.rate)}

    def InputStream(self, *, samplerate, channels, dtype, blocksize, callback):
        assert (samplerate, channels, dtype) == (self.rate, 2, "float32")
        for number in range(6):
            callback(0.1 * np.full((blocksize, channels), number, np.float32), blocksize, None, None)
        return io.BytesIO()  # an object that can be entered and left


def test_a_microphone_until_the_user_ends_it(small_dialogue, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", FakeMicrophone())
    said = []

    def show(moments):
        said.append(moments)
        if len(said) == 4:
            raise KeyboardInterrupt

    facts = stream(small_dialogue, "mic", show=show)
    assert facts["interrupted"] and facts["seconds"] == pytest.approx(0.4, abs=0.05)
    assert facts["frames"] == sum(map(len, said)) and facts["latency_ms_median"] > 0


def test_a_model_slower_than_the_microphone_is_told_once(small_dialogue, monkeypatch):
    from sonant.actions import _live_audio

    monkeypatch.setitem(sys.modules, "sounddevice", FakeMicrophone())
    monkeypatch.setattr(_live_audio, "WAITING", 2)
    told = []
    wanted = {"rate": 16000, "channels": 2, "chunk_s": 0.1}
    with _live_audio.microphone(**wanted, tell=told.append) as pieces:
        next(pieces), next(pieces)
    assert len(told) == 1 and "some sound is lost" in told[0]


@pytest.mark.parametrize(
    ("how", "message"),
    [("no package", "sonant[mic]"), ("no library", "PortAudio"), ("no device", "is one connected")],
)
def test_no_microphone(place, capsys, monkeypatch, how, message):
    class NoDevice(FakeMicrophone):
        def query_devices(self, kind):
            raise self.PortAudioError("Error querying device -1")

    class Finder:
        def find_spec(self, name, path, target=None):
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    if how == "no library":
        monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
        monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    else:
        monkeypatch.setitem(sys.modules, "sounddevice", None if how == "no package" else NoDevice())
    assert main(["stream", str(place / "model"), "mic"]) == 2
    assert message in capsys.readouterr().err


def test_pace_is_real_time(place, capsys):
    began = time.monotonic()
    assert len(spoken(capsys, place / "model", place / "one.wav", "--pace")) == 50
    assert time.monotonic() - began >= 1.0


def test_a_model_that_is_told_who_is_active(tmp_path, capsys):
    config = {
        "sample_rate": 16000,
        "encoder": {"name": "cpc_conv", "dim": 8},
        "context": {"name": "lstm", "dim": 8},
        "dialogue": {"channels": 1, "activity": True, "history": True, "heads": 2, "cross_layers": 0},
    }
    model = build.representation_of(config).eval()
    build.save(model, tmp_path / "mono")
    soundfile.write(tmp_path / "call.wav", call(2.0), 16000, subtype="FLOAT")
    (tmp_path / "call.json").write_text("[[[0.0, 0.9]], [[1.0, 1.5]]]")
    words = [tmp_path / "mono", tmp_path / "call.wav", "--context", 1.0]
    lines = spoken(capsys, *words, "--activity", tmp_path / "call.json")
    told_BTC = torch.zeros(1, 100, 2)
    told_BTC[0, :45, 0] = told_BTC[0, 50:75, 1] = 1
    wanted = whole(model, call(2.0).mean(1), 50, told_BTC)
    assert len(lines) == 100 and lines[0]["activity"] is None
    np.testing.assert_allclose([line["p_now"] for line in lines], wanted[:, :2], atol=1e-5)
    assert main(["stream", *map(str, words)]) == 2
    assert "give the timings of the dialogue with --activity" in capsys.readouterr().err


def test_frames_of_any_model_that_does_not_look_ahead(place, small_dialogue, capsys):
    words = ["stream", str(place / "model"), str(place / "one.wav"), "--out", str(place / "f.npy"), "--layer", "z"]
    assert main(words) == 0
    assert np.load(place / "f.npy").shape == (99, 16)  # one channel; the hundredth stands on padding behind the end
    wave, _ = soundfile.read(place / "call.wav", dtype="float32")
    assert main([*words[:2], str(place / "call.wav"), *words[3:]]) == 0
    found = np.load(place / "f.npy")
    with torch.no_grad():
        wanted = small_dialogue.encode(torch.from_numpy(wave.mean(1)), layer="z").x_BTD[0].numpy()
    assert found.dtype == np.float32 and len(wanted) - 2 <= len(found) <= len(wanted)
    np.testing.assert_allclose(found, wanted[: len(found)], atol=1e-5)


BAD = {
    "no dialogue": (["logmel", "CALL"], "listens to no dialogues"),
    "no file": (["MODEL", "gone.wav"], "no audio file 'gone.wav'"),
    "no audio": (["MODEL", "MODEL/config.json"], "cannot be read as audio"),
    "chunk": (["MODEL", "CALL", "--chunk", "0"], "more than 0 ms"),
    "context": (["MODEL", "CALL", "--context", "-1"], "positive number of seconds"),
    "both to standard output": (["MODEL", "CALL", "--json", "-", "--csv", "-"], "cannot both go"),
    "a folder": (["MODEL", "CALL", "--csv", "MODEL"], "is a folder"),
    "raw rate": (["MODEL", "-", "--raw-rate", "7"], "whole number of 1000 to 768000 Hz"),
    "raw channels": (["MODEL", "-", "--raw-channels", "6"], "1 or 2 channels"),
    "told and needs it not": (["MODEL", "CALL", "--activity", "CALL"], "leave --activity out"),
    "layer of nothing": (["MODEL", "CALL", "--layer", "z"], "give both"),
    "frames and lines": (["MODEL", "CALL", "--out", "f.npy", "--json", "-"], "leave --json"),
    "not an array": (["MODEL", "CALL", "--out", "f.csv"], "written as .npy"),
    "looks ahead": (["mfcc", "CALL", "--out", "f.npy"], "looks ahead without bound"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_streamed_is_one_line(place, capsys, case):
    words, message = BAD[case]
    words = [word.replace("MODEL", str(place / "model")).replace("CALL", str(place / "call.wav")) for word in words]
    assert main(["stream", *words]) == 2
    err = capsys.readouterr().err
    assert message in err and "Traceback" not in err and len(err.splitlines()) == 1


def test_six_channels_are_no_dialogue(place, capsys):
    soundfile.write(place / "six.wav", np.zeros((1600, 6)), 16000)
    assert main(["stream", str(place / "model"), str(place / "six.wav")]) == 2
    assert "this audio has 6" in capsys.readouterr().err


def test_samples_that_are_no_numbers_end_it(small_dialogue):
    data = np.array([[0.0, np.nan]] * 100, "<f4").tobytes()
    with pytest.raises(ValueError, match="NaN or infinite"):
        stream(small_dialogue, "-", raw=RawAudio(format="f32"), pipe=io.BytesIO(data))


def test_the_live_line_changes_in_place_on_a_terminal(small_dialogue, monkeypatch, capsys, place):
    said = []
    stream(small_dialogue, place / "one.wav", show=said.append)
    line = line_of(said[-1])
    assert (
        line.startswith(f"{(said[-1].first + len(said[-1]) - 1) / 50:7.2f} s")
        and len(line) <= 80
        and "active" in line
        and "later" in line
    )
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with live_line() as show:
        show(said[-1])
    assert "active" in capsys.readouterr().out
    with live_line(quiet=True) as show:
        show(said[-1])
    assert not capsys.readouterr().out
