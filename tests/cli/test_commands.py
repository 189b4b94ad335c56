"""Every command once, as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import sonant
from sonant.cli.main import commands, main

from .conftest import SMALL


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in commands())
    assert main(["--version"]) == 0
    assert sonant.__version__ in capsys.readouterr().out


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as done:
        main([command, "--help"])
    assert done.value.code == 0
    assert f"sonant {command}" in capsys.readouterr().out


def test_help_and_import_load_nothing_heavy():
    check = "import sys, sonant.cli.main as m; m.main(['--help']); sys.exit('numpy' in sys.modules)"  # torch loads it
    assert subprocess.run([sys.executable, "-c", check], capture_output=True).returncode == 0


def test_train_leaves_a_run_folder(trained):
    assert (trained / "config.yaml").is_file()
    assert (trained / "model" / "model.safetensors").is_file()
    kinds = {json.loads(line)["kind"] for line in (trained / "metrics.jsonl").read_text().splitlines()}
    assert {"train", "valid"} <= kinds


def test_a_second_run_in_the_same_folder_is_refused(trained, corpus, capsys):
    assert main(["train", "cpc-laptop", "--data.train", str(corpus), "--run", str(trained), *SMALL]) == 2
    assert "--resume" in capsys.readouterr().err


def test_info(trained, capsys):
    assert main(["info", str(trained), "--json", "-"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["frame_rate_hz"] == 50
    assert facts["layers"] == {"z": 16, "c": 48}
    assert facts["look_ahead_ms"] is None
    assert facts["parameters"] > 0


def test_extract_resumes_and_its_arrays_are_the_models(trained, audio, tmp_path, capsys):
    out = tmp_path / "frames"
    assert main(["extract", str(trained), str(audio), str(out), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["written"] == 12
    assert main(["extract", str(trained), str(audio), str(out), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["already_there"] == 12
    model = sonant.load(trained)
    wave = sonant.data.audio.read_audio(audio / "a" / "a0.flac", sample_rate=16000, channel=0)[0]
    import torch

    with torch.inference_mode():
        alone = model.encode(torch.from_numpy(wave)).x_BTD[0].numpy()
    np.testing.assert_allclose(np.load(next(out.rglob("a0.npy"))), alone, atol=2e-5)


@pytest.mark.parametrize("format", ["npy", "pt", "npz", "ark"])
def test_extract_formats(format, audio, tmp_path):
    out = tmp_path / "frames"
    assert main(["extract", "mfcc", str(audio), str(out), "--format", format]) == 0
    with sonant.data.arrays.ArrayReader(out) as arrays:
        assert len(arrays) == 12
        assert arrays["a0"].shape[1] == 39


def test_eval_abx_of_model_and_of_features_agree(audio, tmp_path, capsys):
    rows = ["#file onset offset #phone prev-phone next-phone speaker"]
    for speaker in "abc":
        for number in range(4):
            for start in range(3):
                phone = "xy"[(number + start) % 2]
                rows.append(f"{speaker}{number} {0.1 + 0.2 * start:.2f} {0.25 + 0.2 * start:.2f} {phone} p n {speaker}")
    items = tmp_path / "test.item"
    items.write_text("\n".join(rows) + "\n")
    assert main(["extract", "logmel", str(audio), str(tmp_path / "f")]) == 0
    settings = ["--items", str(items), "--speaker", "across", "--context", "within", "--distance", "angular"]
    settings += ["--max-group-size", "none", "--slicing", "fastabx", "--json", "-"]
    capsys.readouterr()
    assert main(["eval", "abx", "--features", str(tmp_path / "f"), *settings]) == 0
    of_features = json.loads(capsys.readouterr().out)
    results = tmp_path / "results.jsonl"
    pairs = tmp_path / "pairs.tsv"
    more = ["--results", str(results), "--pairs", str(pairs)]
    assert main(["eval", "abx", "--model", "logmel", "--audio", str(audio), *settings, *more]) == 0
    of_model = json.loads(capsys.readouterr().out)
    assert of_model["figure"]["error"] == pytest.approx(of_features["figure"]["error"], abs=1e-9)
    assert json.loads(results.read_text())["task"] == "abx"
    assert len(pairs.read_text().splitlines()) == 3


def test_report(trained, tmp_path):
    page = tmp_path / "report.html"
    assert main(["report", str(trained), str(page)]) == 0
    assert "<svg" in page.read_text()


def test_configs_can_all_be_built(capsys):
    from sonant.build import method_of, resolve
    from sonant.core.config import read_config, shipped_configs

    assert main(["configs"]) == 0
    assert "cpc-laptop" in capsys.readouterr().out
    for name in shipped_configs():
        on_arrays = (read_config(name).get("features") or {}).get("name") == "arrays"  # whose size the data tell
        size = [("features.dim", "8"), ("features.rate", "50")] if on_arrays else []
        assert sum(p.numel() for p in method_of(resolve(name, size)).parameters()) > 0
    assert main(["configs", "cpc-laptop"]) == 0
    assert "encoder" in capsys.readouterr().out


def test_prepare_and_import_list(capsys):
    assert main(["prepare", "--list"]) == 0
    assert {"folder", "librispeech", "kaldi", "synth"} <= set(capsys.readouterr().out.split())
    assert main(["import", "--list"]) == 0
    assert "cpc_audio" in capsys.readouterr().out
