"""JSON descriptions of features."""

from __future__ import annotations

import json

import pytest

from sonant.build import described, load, resolve
from sonant.core import SonantError
from sonant.features._computer_json import read_description, settings_of

FBANK_41 = {
    "name": "stft",
    "bank": {"name": "fbank", "num_filts": 40, "low_hz": 20, "high_hz": 8000, "sampling_rate": 16000},
    "frame_length_ms": 25,
    "frame_shift_ms": 10,
    "frame_style": "centered",
    "include_energy": True,
    "window_function": "hanning",
}


def test_a_description_is_a_section_of_ours(tmp_path):
    (tmp_path / "fbank.json").write_text(json.dumps({**FBANK_41, "postprocess": [{"name": "deltas", "num_deltas": 1}]}))
    section, rate = read_description(tmp_path / "fbank.json")
    assert (section["n_filters"], section["energy"], section["frame_length"], rate) == (40, True, 0.025, 16000)
    run = resolve({"features": section, "encoder": "identity", "context": "gru", "method": "apc"})
    assert run.features.config.postprocess == ({"name": "deltas", "num_deltas": 1},)
    assert described(tmp_path / "fbank.json").dim == 82


def test_durations_hold_the_whole_samples_that_fit():
    section, _ = settings_of({**FBANK_41, "frame_length_ms": 25.09})
    assert section["frame_length"] == 401 / 16000


def test_yaml_and_raw_audio(tmp_path):
    (tmp_path / "raw.yaml").write_text("name: raw\nsampling_rate: 8000\nscale: 32768\npostprocess: [cmvn]\n")
    model = described(tmp_path / "raw.yaml")
    assert (model.sample_rate, model.dim, model.geometry.hop) == (8000, 1, 1)
    assert model.encoder.features.cfg.scale == 32768


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "si"}, "'si' is not computed"),
        ({"bank": "gammatone"}, "gammatone"),
        ({"bank": {"name": "fbank", "num_filters": 40}}, "num_filts"),
        ({"frame_lenght_ms": 25}, "frame_length_ms"),
        ({"window_function": "gamma"}, "hamming"),
        ({"frame_length_ms": None}, "needs frame_length_ms"),
        ({"frame_style": "middle"}, "centered or causal"),
    ],
)
def test_what_is_not_computed_here_is_told(change, told):
    with pytest.raises(SonantError, match=told):
        settings_of({**FBANK_41, **change})


def test_shipped_descriptions_are_models_by_name():
    assert [load(name).dim for name in ("fbank-80", "fbank-41", "raw")] == [80, 41, 1]
    with pytest.raises(SonantError, match="Did you mean 'fbank-41'"):
        load("fbank-42")


def test_files_that_describe_nothing(tmp_path):
    (tmp_path / "a.json").write_text("[1, 2")
    (tmp_path / "b.json").write_text('{"bank": "fbank"}')
    for name, told in (("a.json", "neither JSON nor YAML"), ("b.json", "describes no features"), ("c.json", "read")):
        with pytest.raises(SonantError, match=told):
            read_description(tmp_path / name)
