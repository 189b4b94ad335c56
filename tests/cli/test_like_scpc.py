"""The conventions of scpc on the command line: a2r, info, SpectDataSet folders, PCA, feature descriptions."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pytest
import soundfile
import torch

from sonant.actions.info import describe
from sonant.cli.main import main

SHORT = "--train.steps 2 --train.device cpu --data.workers 0 --data.batch_size 2 --data.view utterances"
FBANK = {
    "name": "stft",
    "bank": {"name": "fbank", "num_filts": 12, "sampling_rate": 16000},
    "frame_length_ms": 25,
    "include_energy": True,
}


@pytest.fixture
def fbank(tmp_path):
    (tmp_path / "fbank.json").write_text(json.dumps(FBANK))
    return str(tmp_path / "fbank.json")


def test_a2r_repeats_the_folders(fbank, audio, tmp_path):
    assert main(["extract", fbank, str(audio), str(tmp_path / "pt"), "--like", "a2r"]) == 0
    assert main(["extract", fbank, str(audio), str(tmp_path / "npy"), "--like", "a2r", "--format", "npy"]) == 0
    single, double = torch.load(tmp_path / "pt" / "a" / "a0.pt"), np.load(tmp_path / "npy" / "a" / "a0.npy")
    assert (single.dtype, double.dtype, double.shape[1]) == (torch.float32, np.float64, 13)
    np.testing.assert_array_equal(single.numpy(), double)
    assert main(["extract", fbank, str(audio), str(tmp_path / "npz"), "--like", "a2r", "--format", "npz"]) == 2


def test_a_map_names_the_audio(fbank, audio, tmp_path):
    (tmp_path / "in.map").write_text(f"one {audio}/a/a0.flac\ntwo {audio}/b/b1.flac\n")
    assert main(["extract", fbank, str(tmp_path / "in.map"), str(tmp_path / "out"), "--like", "a2r"]) == 0
    assert {path.stem for path in (tmp_path / "out").glob("*.pt")} == {"one", "two"}


def test_info_prints_the_four_lines(fbank, trained, capsys):
    assert main(["info", fbank, "--like", "scpc"]) == 0
    told = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert told == {"feat_size": "13", "output_size": "13", "downsampling_factor": "160", "num_params": "0"}
    assert main(["info", str(trained), "--like", "scpc"]) == 0
    told = dict(line.split() for line in capsys.readouterr().out.splitlines())
    facts = describe(trained)
    assert told["feat_size"] == str(facts["input_dim"]) == "40"
    assert told["output_size"] == str(facts["layers"][facts["default_layer"]])
    assert (told["downsampling_factor"], told["num_params"]) == ("320", str(facts["parameters"]))


def test_a_spect_folder_goes_out_and_comes_back(fbank, tmp_path, capsys):
    (tmp_path / "audio").mkdir()
    for name in ("u0", "u1", "u2"):
        soundfile.write(tmp_path / "audio" / f"{name}.wav", 0.1 * np.random.default_rng(1).standard_normal(9600), 16000)
        (tmp_path / "audio" / f"{name}.TextGrid").write_text(GRID)
    spect, out = str(tmp_path / "spect"), str(tmp_path / "out")
    assert main(["prepare", "folder", str(tmp_path / "audio"), str(tmp_path / "corpus")]) == 0
    assert main(["extract", fbank, str(tmp_path / "corpus"), spect, "--like", "spect"]) == 0
    assert torch.load(tmp_path / "spect" / "ali" / "u0.pt").shape == (60,)
    assert torch.load(tmp_path / "spect" / "ref" / "u0.pt").tolist() == [[1, 10, 30], [2, 30, 50]]
    assert main(["prepare", "spect", spect, out]) == 0
    short = shlex.split(SHORT)
    config = tmp_path / "apc.yaml"
    config.write_text("{features: arrays, encoder: identity, context: {name: gru, dim: 8}, method: apc}")
    arrays = ["--data.train", out, "--data.arrays", f"{out}/arrays", "--run", str(tmp_path / "run")]
    assert main(["train", str(config), *arrays, *short]) == 0


GRID = """File type = "ooTextFile"
Object class = "TextGrid"
xmin = 0
xmax = 0.6
tiers? <exists>
size = 1
item []:
    item [1]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 0.6
        intervals: size = 4
        intervals [1]:
            xmin = 0
            xmax = 0.1
            text = ""
        intervals [2]:
            xmin = 0.1
            xmax = 0.3
            text = "a"
        intervals [3]:
            xmin = 0.3
            xmax = 0.5
            text = "b"
        intervals [4]:
            xmin = 0.5
            xmax = 0.6
            text = ""
"""


def test_pca_makes_a_model_that_other_commands_take(trained, audio, tmp_path, capsys):
    assert main(["pca", str(trained), str(audio), str(tmp_path / "small"), "--dim", "4", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["dim"] == 4
    assert main(["extract", str(tmp_path / "small"), str(audio), str(tmp_path / "frames")]) == 0
    assert np.load(tmp_path / "frames" / "a0.npy").shape[1] == 4
    assert main(["pca", str(trained), str(tmp_path / "out"), "--dim", "4"]) == 2
    assert "AUDIO" in capsys.readouterr().err


def test_zerospeech_from_the_command_line(audio, tmp_path, capsys):
    command = ["eval", "zerospeech", str(tmp_path / "s"), "--model", "mfcc", "--audio", f"test-clean={audio}"]
    assert main([*command, "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["files"]["test-clean"], told["absent"][0], told["scores"]) == (12, "dev-clean", [])
