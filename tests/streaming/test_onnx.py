from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from streamed_models import VARIANTS, heard, inputs, joined, model

from sonant import build
from sonant.actions.export import export_onnx
from sonant.cli.main import main
from sonant.core import SonantError
from sonant.streaming.dialogue import DialogueStream
from sonant.streaming.onnx import OnnxDialogueStream

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
WIDE = {"encoder": {"name": "cpc_conv", "dim": 32}, "context": {"name": "lstm", "dim": 32}}
MEL = {
    "features": {"name": "logmel", "n_mels": 20},
    "encoder": {"name": "conv_blocks", "dim": 32, "blocks": 1, "kernel": 1, "stride": 2, "first_kernel": 4},
    "context": {"name": "gru", "dim": 32},
}
KINDS = {
    "stereo": ({**VARIANTS["stereo"], "channel_layers": 0, "cross_layers": 1}, WIDE, 1),
    "mono": ({**VARIANTS["mono, history"], "channel_layers": 1, "stride": 1}, MEL, 2),  # begins a frame early
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Name -> model, file and what was told of it."""
    for package in PACKAGES:
        pytest.importorskip(package, reason="the extra 'export' is not installed")
    folder, found = tmp_path_factory.mktemp("exported"), {}
    for name, (variant, body, chunk) in KINDS.items():
        representation = model(variant, **body)
        out = folder / f"{name}.onnx"
        found[name] = representation, out, export_onnx(representation, out, context=0.4, chunk=chunk)
    return found


@pytest.mark.parametrize("sizes", [[1600], [7, 0, 1601, 333, 4000, 1], [10**6]], ids=["100 ms", "odd", "whole"])
@pytest.mark.parametrize("name", ["stereo", "mono"])
def test_equals_the_stream_from_the_first_frame_on(exported, name, sizes):
    representation, path, _ = exported[name]
    waves, activity = (None if x is None else x.float() for x in inputs(representation, 4))
    wanted = heard(DialogueStream(representation, context_s=0.4), waves, [1600], activity)
    stream = OnnxDialogueStream(path)
    given = (waves.numpy(), sizes, None if activity is None else activity.numpy())
    for _ in range(2):
        said = heard(stream, *given)
        for part in ("logits", "p_now_TC", "p_future_TC", *(("activity_TC",) if name == "stereo" else ())):
            found = np.concatenate([getattr(one, part) for one in said])
            n = len(found)
            assert len(joined(wanted, part)) - n in range(stream.frames + stream.early + 1)
            np.testing.assert_allclose(found, joined(wanted, part)[:n], atol=1e-5, rtol=2e-6)
        assert stream.count == n > 3 * 0.4 * stream.rate
        stream.reset()


def test_what_the_file_tells(exported):
    import onnx

    representation, path, told = exported["mono"]
    stream = OnnxDialogueStream(path)
    assert (stream.sample_rate, stream.rate, stream.channels, stream.frames) == (16000, 50.0, 1, 2)
    assert stream.samples == 640 and stream.early == 1 and stream.told and stream.delay_s == pytest.approx(0.06)
    graph = onnx.load(path)
    onnx.checker.check_model(graph)
    [written] = [json.loads(one.value) for one in graph.metadata_props if one.key == "sonant"]
    given = [one.name for one in graph.graph.input]
    assert given == ["wave", "steps", "activity", *written["states"], *written["memory"]]
    assert {f"next_{name}" for name in written["states"]} <= {one.name for one in graph.graph.output}
    assert written["memory"]["keys_0"] == {"shape": [1, 4, 20, 8], "dtype": "float32"}
    assert written["width"] == told["width"] == 20 and told["largest_difference"] < 1e-5
    assert representation.dialogue is not None and next(representation.parameters()).dtype == torch.float32


def test_what_it_is_given_is_checked(exported, tmp_path):
    stereo, mono = (OnnxDialogueStream(exported[name][1]) for name in ("stereo", "mono"))
    with pytest.raises(SonantError, match=r"\(2, any number\), got \(1, 100\)"):
        stereo.step(np.zeros(100, np.float32))
    with pytest.raises(SonantError, match="floats"):
        stereo.step(np.zeros((2, 100), np.int16))
    with pytest.raises(SonantError, match="leave the activity out"):
        stereo.step(np.zeros((2, 100)), np.zeros((1, 2)))
    with pytest.raises(SonantError, match=r"\(frames, 2\)"):
        mono.step(np.zeros(100), np.zeros(4))
    with pytest.raises(SonantError, match="there is no model"):
        OnnxDialogueStream(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("text")
    with pytest.raises(SonantError, match="no ONNX model that onnxruntime can run"):
        OnnxDialogueStream(tmp_path / "text.onnx")


def test_a_graph_of_somebody_else(exported, tmp_path):
    import onnx

    graph = onnx.load(exported["stereo"][1])
    del graph.metadata_props[:]
    onnx.save(graph, tmp_path / "other.onnx")
    with pytest.raises(SonantError, match="not written by sonant export"):
        OnnxDialogueStream(tmp_path / "other.onnx")


def test_a_difference_is_not_written(exported, tmp_path, monkeypatch):
    from sonant.actions import export

    monkeypatch.setattr(export, "graph", lambda even: exported["stereo"][1].read_bytes())
    other = model(KINDS["stereo"][0], seed=1, **WIDE)
    with pytest.raises(RuntimeError, match="differs from PyTorch"):
        export_onnx(other, tmp_path / "x.onnx", context=0.4)
    assert not (tmp_path / "x.onnx").exists()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_that_is_missing(package, tmp_path, monkeypatch):
    for name in PACKAGES:
        pytest.importorskip(name, reason="the extra 'export' is not installed")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SonantError, match=rf"'{package}'.*sonant\[export\]"):
        export_onnx(model(), tmp_path / "x.onnx")
    if package == "onnxruntime":
        with pytest.raises(SonantError, match=r"'onnxruntime'.*sonant\[export\]"):
            OnnxDialogueStream(tmp_path / "x.onnx")


def test_the_command(exported, tmp_path, monkeypatch, capsys):
    from sonant.actions import export

    monkeypatch.setattr(export, "graph", lambda even: exported["stereo"][1].read_bytes())
    build.save(exported["stereo"][0], tmp_path / "model")
    out = tmp_path / "x.onnx"
    assert main(["export", str(tmp_path / "model"), str(out), "--context", "0.4", "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["out"] == str(out) and told["samples"] == 320 and told["largest_difference"] < 1e-5
    assert main(["export", str(tmp_path / "model"), str(tmp_path / "x.pt")]) == 2
    assert "x.pt" in capsys.readouterr().err


def test_the_command_that_streams(exported, tmp_path, capsys):
    import soundfile

    representation, path, _ = exported["stereo"]
    waves = inputs(representation, 1)[0].float()
    soundfile.write(tmp_path / "call.wav", waves.numpy().T, 16000, subtype="FLOAT")
    assert main(["stream", str(path), str(tmp_path / "call.wav"), "--json", "-"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    wanted = DialogueStream(representation, context_s=0.4).step(waves)
    assert [line["frame"] for line in lines] == list(range(50))
    np.testing.assert_allclose([line["p_now"] for line in lines], wanted.p_now_TC.numpy(), atol=1e-5)
    assert main(["stream", str(tmp_path / "none.onnx"), str(tmp_path / "call.wav")]) == 2
    assert "there is no model" in capsys.readouterr().err
