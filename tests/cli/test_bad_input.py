"""Twelve kinds of bad input: one clear line each, no traceback, nothing lost."""

from __future__ import annotations

import os
import pickle
import shutil

import numpy as np
import pytest
import soundfile
import torch

from sonant.cli.main import main

from .conftest import SMALL, voice


def told(capsys) -> str:
    """The one line of the error."""
    err = capsys.readouterr().err
    assert "Traceback" not in err
    lines = [line for line in err.splitlines() if line.startswith("sonant: ")]
    assert len(lines) == 1, err
    return lines[0]


def truncated(path):
    soundfile.write(path, voice(2.0, seed=1), 16000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def nan_samples(path):
    wave = voice(0.5, seed=1)
    wave[100] = np.nan
    soundfile.write(path, wave, 16000, subtype="FLOAT")


BAD_FILES = {
    "truncated.flac": truncated,
    "empty.wav": lambda path: path.write_bytes(b""),
    "text.wav": lambda path: path.write_text("this is no audio\n" * 50),
    "nan.wav": nan_samples,
    "nothing.wav": lambda path: soundfile.write(path, np.zeros(0, np.float32), 16000),
    "slow.wav": lambda path: soundfile.write(path, voice(0.5, seed=1), 3),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_named_counted_and_skipped(name, tmp_path, capsys):
    soundfile.write(tmp_path / "good.wav", voice(0.5, seed=2), 16000)
    BAD_FILES[name](tmp_path / name)
    out = tmp_path / "out"
    assert main(["extract", "mfcc", str(tmp_path), str(out)]) == 0
    assert name.split(".")[0] in told(capsys)
    assert (out / "good.npy").is_file()
    assert not list(out.glob(f"{name.split('.')[0]}*"))
    assert main(["extract", "mfcc", str(tmp_path), str(tmp_path / "strict"), "--strict"]) == 2
    assert name in told(capsys)


@pytest.mark.parametrize("name", BAD_FILES)
def test_prepare_leaves_a_bad_file_out(name, tmp_path, capsys):
    source = tmp_path / "audio"
    source.mkdir()
    soundfile.write(source / "good.wav", voice(0.5, seed=2), 16000)
    BAD_FILES[name](source / name)
    assert main(["prepare", "folder", str(source), str(tmp_path / "corpus"), "--check"]) == 0
    captured = capsys.readouterr()
    assert name in captured.err
    assert "1 utterances" in captured.out
    assert "Traceback" not in captured.err


def test_a_missing_file_in_a_manifest(audio, tmp_path, capsys):
    copy = tmp_path / "audio"
    shutil.copytree(audio, copy)
    corpus = tmp_path / "corpus"
    assert main(["prepare", "folder", str(copy), str(corpus)]) == 0
    (copy / "a" / "a1.flac").unlink()
    capsys.readouterr()
    run = ["train", "cpc-laptop", "--data.train", str(corpus), *SMALL, "--train.steps", "12"]
    assert main([*run, "--run", str(tmp_path / "run")]) == 0
    err = capsys.readouterr().err
    assert "a1.flac" in err
    assert "Traceback" not in err
    assert main([*run, "--run", str(tmp_path / "strict"), "--data.strict", "true"]) == 2
    assert "a1.flac" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("setting", "answer"),
    [
        (["--method.horizon", "3"], "Did you mean 'horizons'?"),
        (["--optim.lr", "fast"], "'lr' must be a number, got 'fast'"),
        (["--method.name", "cpcc"], "unknown method 'cpcc'. Did you mean 'cpc'?"),
        (["--encodr.dim", "3"], "Did you mean 'encoder'?"),
        (["--layer", "q"], "unknown layer 'q'"),
    ],
)
def test_a_wrong_setting(setting, answer, corpus, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["train", "cpc-laptop", "--data.train", str(corpus), "--run", str(run), *SMALL, *setting]) == 2
    assert answer in told(capsys)
    assert not run.exists()


def test_a_checkpoint_of_another_model(trained, corpus, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    before = sorted(path.name for path in (run / "checkpoints").iterdir())
    command = ["train", "cpc-laptop", "--data.train", str(corpus), "--run", str(run), "--resume", *SMALL]
    assert main([*command, "--context.dim", "24"]) == 2
    assert "another" in told(capsys)
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == before


def test_weights_that_do_not_fit_their_description(trained, tmp_path, capsys):
    folder = tmp_path / "model"
    shutil.copytree(trained / "model", folder)
    text = (folder / "config.json").read_text()
    (folder / "config.json").write_text(text.replace('"blocks": 1', '"blocks": 2'))
    assert main(["info", str(folder)]) == 2
    assert "do not fit config.json" in told(capsys)


class Evil:
    def __reduce__(self):
        return os.mkdir, (os.environ["SONANT_EVIL"],)


def test_a_pickle_with_code_in_it_is_refused(tmp_path, capsys, monkeypatch):
    trap = tmp_path / "trap"
    monkeypatch.setenv("SONANT_EVIL", str(trap))
    torch.save({"weights": Evil()}, tmp_path / "zip.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps({"weights": Evil()}))
    for name in ("zip.pt", "plain.pt"):
        assert main(["import", "cpc_audio", str(tmp_path / name), str(tmp_path / "out")]) == 2
        assert name in told(capsys)
    assert not trap.exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (["trian"], "Did you mean 'train'?"),
        (["eval", "abxx"], "Did you mean 'abx'?"),
        (["info", "mfc"], "Did you mean 'mfcc'?"),
        (["prepare", "librispeach", "a", "b"], "Did you mean 'librispeech'?"),
        (["import", "cpc_audi", "a", "b"], "Did you mean 'cpc_audio'?"),
        (["train", "cpc-lapto"], "Did you mean 'cpc-laptop'?"),
        (["train", "cpc-laptop"], "--data.train"),
        (["extract", "mfcc", "nowhere", "out"], "nowhere"),
        (["report", "nowhere", "out.html"], "nowhere"),
    ],
)
def test_a_wrong_word_names_the_nearest(command, answer, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    assert answer in told(capsys)
