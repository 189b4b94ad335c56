from __future__ import annotations

import json

import numpy as np

from sonant.cli.main import main


def test_from_audio_to_units(audio, tmp_path, capsys):
    out, units = str(tmp_path / "out"), str(tmp_path / "units")
    fit = ["units", "fit", "logmel", str(audio), out, "--k", "5", "--memory-gb", "0.01", "--epochs", "3"]
    assert main([*fit, "--json", str(tmp_path / "fit.json")]) == 0
    said = capsys.readouterr()
    assert "k-means, pass 1 of at most 3" in said.err
    assert "inertia" in said.out
    assert json.loads((tmp_path / "fit.json").read_text())["k"] == 5
    assert main(fit) == 0
    assert "(were there)" in capsys.readouterr().out
    assert main(["units", "encode", f"{out}/k_5", str(audio), units, "--form", "centroids"]) == 0
    assert np.load(tmp_path / "units" / "k_5_centroids" / "a0.npy").shape[1] == 80
    capsys.readouterr()
    lines = ["#file onset offset #phone prev-phone next-phone speaker"]
    for name in ("a0", "a1", "a2", "a3"):
        lines += [f"{name} {0.1 + 0.1 * i:.1f} {0.2 + 0.1 * i:.1f} {'xy'[i % 2]} p n a" for i in range(6)]
    (tmp_path / "items").write_text("\n".join(lines) + "\n")
    assert main(["units", "encode", f"{out}/k_5", str(audio), units]) == 0
    capsys.readouterr()
    abx = "--speaker within --context within --max-group-size none --slicing fastabx --json - --distance"
    errors = []
    for folder, distance in (("k_5_centroids", "euclidean"), ("k_5", "identical")):
        options = ["--items", f"{tmp_path}/items", "--features", f"{units}/{folder}", *abx.split(), distance]
        assert main(["eval", "abx", *options]) == 0
        errors.append(json.loads(capsys.readouterr().out)["figure"]["error"])
    assert 0 <= min(errors) <= max(errors) <= 1


def test_mistakes_are_told_in_a_line(audio, corpus, tmp_path, capsys):
    fit = ["units", "fit", "logmel", str(audio), str(tmp_path), "--k"]
    assert main([*fit, "0", "--memory-gb", "1"]) == 2
    assert "k must be at least 1" in capsys.readouterr().err
    assert main([*fit, "5", "--memory-gb", "0"]) == 2
    assert "budget" in capsys.readouterr().err
    assert main([*fit, "5", "--memory-gb", "1", "--layer", "nine"]) == 2
    assert "no layer 'nine'" in capsys.readouterr().err
    assert main(["units", "refit"]) == 2
    assert "invalid choice" in capsys.readouterr().err
    assert main(["units", "encode", str(tmp_path), str(audio), str(tmp_path / "out")]) == 2
    assert "no units at" in capsys.readouterr().err
    assert main(["eval", "units", "--units", str(audio), "--labels", str(corpus)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
