"""Activity from a detector: of recordings of dialogues, and of any prepared corpus."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from sonant.core import SonantError
from sonant.data.dialogue_pool import DialoguePool
from sonant.data.manifest import Manifest, ManifestWriter, Utterance
from sonant.data.recipes import dialogues, vad

RATE = 8000


def talk(*sides):
    """(L, C) of 8 s with loud noise where a side speaks."""
    rng, at_L = np.random.default_rng(0), np.arange(8 * RATE) / RATE
    wave_LC = 0.0005 * rng.standard_normal((len(at_L), len(sides)))
    for channel, stretches in enumerate(sides):
        for on, off in stretches:
            wave_LC[:, channel] += ((at_L >= on) & (at_L < off)) * 0.1 * rng.standard_normal(len(at_L))
    return wave_LC


def sphere(path, wave_LC):
    """Telephone speech as the LDC distributes it: SPHERE, mu-law, a channel for each side."""
    head = (
        "NIST_1A\n   1024\n"
        f"sample_count -i {len(wave_LC)}\nsample_n_bytes -i 1\nchannel_count -i {wave_LC.shape[1]}\n"
        f"sample_rate -i {RATE}\nsample_coding -s4 ulaw\nsample_byte_format -s1 1\nend_head\n"
    )
    size = np.abs(wave_LC).clip(0, 1) * 32635 + 132
    exponent = np.floor(np.log2(size)).clip(7, 14).astype(int) - 7
    mantissa = (size.astype(int) >> (exponent + 3)) & 15
    code = 255 - (np.where(wave_LC < 0, 128, 0) | (exponent << 4) | mantissa)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head.encode().ljust(1024) + code.astype(np.uint8).tobytes())


SIDES = ([(1.0, 3.0)], [(3.5, 4.5), (6.0, 7.5)])


def test_dialogues_without_timings_are_heard(tmp_path):
    wave_LC = talk(*SIDES)
    sphere(tmp_path / "audio" / "sw02005.sph", wave_LC)
    made = dialogues.prepare(tmp_path / "audio", tmp_path / "out", vad="energy")
    u = made.utterance(0)
    assert u.channel is None and u.sample_rate == RATE and u.duration == 8
    for found, told in zip(u.activity, SIDES, strict=True):
        assert np.abs(np.array(found) - np.array(told)).max() < 0.06
    wave_CL = DialoguePool(made, sample_rate=RATE).read(0)
    assert np.abs(wave_CL - wave_LC.T).max() < 0.02 and np.abs(wave_CL - wave_LC.T).mean() < 2e-3
    with pytest.raises(SonantError, match="--timings, or --vad"):
        dialogues.prepare(tmp_path / "audio", tmp_path / "out2")


def test_a_file_of_audio_paths_names_the_recordings(tmp_path, capsys):
    sphere(tmp_path / "audio" / "swb1_d1" / "data" / "sw02005.sph", talk(*SIDES))
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "2005.json").write_text(json.dumps([list(side) for side in SIDES]))
    paths = {"2005": "swb1_d1/data/sw02005", "2006": "swb1_d1/data/sw02006"}
    (tmp_path / "relative_audio_path.json").write_text(json.dumps(paths))
    options = {"timings": tmp_path / "t", "audio_paths": tmp_path / "relative_audio_path.json"}
    made = dialogues.prepare(tmp_path / "audio", tmp_path / "out", **options)
    assert [(u.id, u.activity) for u in made] == [("2005", [list(side) for side in SIDES])]
    assert "sw02006" in capsys.readouterr().err
    (tmp_path / "relative_audio_path.json").write_text('{"2005": "elsewhere"}')
    with pytest.raises(SonantError, match="none of the 1 recordings"):
        dialogues.prepare(tmp_path / "audio", tmp_path / "out2", **options)


def test_any_corpus_gets_activity(tmp_path):
    soundfile.write(tmp_path / "one.wav", talk(SIDES[0]), RATE)
    with ManifestWriter(tmp_path / "corpus") as writer:
        writer.add(Utterance(id="a", path=str(tmp_path / "one.wav"), speaker="s", text="hello"))
        writer.add(Utterance(id="b", path=str(tmp_path / "one.wav"), start=2.0, duration=3.0))
        writer.finish()
    made = vad.prepare(tmp_path / "corpus", tmp_path / "out")
    first, second = made
    assert first.speaker == "s" and first.text == "hello"
    assert np.allclose(first.activity, [[(1.0, 3.0)]], atol=0.06)
    assert np.allclose(second.activity, [[(0.0, 1.0)]], atol=0.06)
    assert DialoguePool(Manifest.open(tmp_path / "out"), sample_rate=RATE).activity_of(0)[1] == []
    with pytest.raises(SonantError, match="prepared corpus"):
        vad.prepare(None, tmp_path / "out2")
