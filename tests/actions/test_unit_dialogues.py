"""Units of dialogues with who is active when: of a corpus, in pieces, gone on with, and as training data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from sonant import build
from sonant.actions.units_encode import encode_units
from sonant.actions.units_fit import fit_units
from sonant.build import baseline
from sonant.cli.main import main
from sonant.core import SonantError
from sonant.data.activity import activity_frames
from sonant.data.arrays import ArrayReader
from sonant.data.manifest import ManifestWriter, Utterance
from sonant.data.units import read_units
from sonant.objectives.projection import Window, class_of_bins, projection_bins

SMALL = (
    "--encoder.dim 8 --context.dim 8 --context.layers 1 --data.chunk_seconds 3 --data.batch_size 2 "
    "--train.log_every 1 --train.valid_every 2 --train.checkpoint_every 2 --data.workers 0 --train.device cpu "
    "--optim.schedule constant --optim.warmup_steps 0"
)
PLAIN = {"features": {"cmvn": "none"}}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Three dialogues of 8 s and a monologue of 5 s, and units of log-mel spectra of them."""
    root, rng = tmp_path_factory.mktemp("talk"), np.random.default_rng(1)
    with ManifestWriter(root / "m") as writer:
        for number in range(3):
            activity = [[(0.5, 2.0), (4.0, 5.01 + number)], [(2.2, 3.9), (6.0, 7.5)]]
            wave_LC = 0.001 * rng.standard_normal((8 * 16000, 2))
            for side, stretches in enumerate(activity):
                for onset, offset in stretches:
                    wave_LC[int(onset * 16000) : int(offset * 16000), side] *= 100 * (side + 1)
            soundfile.write(root / f"d{number}.flac", wave_LC, 16000)
            writer.add(Utterance(id=f"d{number}", path=str(root / f"d{number}.flac"), channel=None, activity=activity))
        soundfile.write(root / "alone.flac", 0.1 * rng.standard_normal(5 * 16000), 16000)
        words = [("so", 0.5, 2.0), ("well", 2.5, 4.0)]
        writer.add(Utterance(id="alone", path=str(root / "alone.flac"), channel=0, words=words))
        writer.finish()
    fit_units(baseline("logmel", **PLAIN), root / "m", root / "units", k=6, memory_gb=0.01, epochs=3)
    return root


def encoded(corpus, out, **options) -> ArrayReader:
    facts = encode_units(
        corpus / "units", corpus / "m", out, form="dialogue", model=baseline("logmel", **PLAIN), **options
    )
    assert facts["out"].endswith("k_6_dialogue")
    return ArrayReader(facts["out"])


def units_of(corpus, wave_L) -> list[int]:
    frames = baseline("logmel", **PLAIN).encode(torch.from_numpy(wave_L))
    return read_units(corpus / "units").of(frames.x_BTD[0].numpy()).tolist()


def test_units_activity_and_classes_of_the_same_frames(corpus, tmp_path):
    mix, each = encoded(corpus, tmp_path / "mix"), encoded(corpus, tmp_path / "each", channels="each")
    wave_CL = soundfile.read(corpus / "d1.flac", dtype="float32")[0].T
    activity_TC = activity_frames([[(0.5, 2.0), (4.0, 6.01)], [(2.2, 3.9), (6.0, 7.5)]], rate=100, duration=8.0)
    x_TD = mix["d1"].astype(int)
    assert x_TD.shape == (800, 4)
    assert x_TD[:, 0].tolist() == units_of(corpus, wave_CL.mean(0))
    assert (x_TD[:, 1:3] == activity_TC).all()
    class_T = class_of_bins(projection_bins(torch.from_numpy(activity_TC), Window(rate=100)))
    assert x_TD[:600, 3].tolist() == class_T.tolist()
    assert (x_TD[600:, 3] == -1).all()
    for channel in (0, 1):
        assert each["d1"][:, channel].astype(int).tolist() == units_of(corpus, wave_CL[channel].copy())
    assert (each["d1"][:, 2:] == mix["d1"][:, 1:]).all()
    alone = soundfile.read(corpus / "alone.flac", dtype="float32")[0]
    assert mix["alone"][:, 0].astype(int).tolist() == units_of(corpus, alone)
    assert (each["alone"][:, 1] == -1).all() and not each["alone"][:, 3].any()
    assert each["alone"][:, 2].sum() == 300
    assert mix.facts["units"]["channels"] == "mix"


def test_pieces_are_as_many_frames_and_nearly_the_same(corpus, tmp_path):
    whole = encoded(corpus, tmp_path / "whole")
    pieces = encoded(corpus, tmp_path / "pieces", window=1.5, channels="mix")
    for key in ("d0", "alone"):
        one, two = whole[key], pieces[key]
        assert one.shape == two.shape
        assert (one[:, 1:] == two[:, 1:]).all()
        assert np.mean(one[:, 0] != two[:, 0]) < 0.02  # at the edges of pieces
    with pytest.raises(SonantError, match="window"):
        encoded(corpus, tmp_path / "x", window=0.0)


def test_units_of_hubert_at_50_hz_take_the_second_of_every_two(corpus, tmp_path):
    foreign = Path(__file__).parents[1] / "importers" / "transformers_oracles" / "hubert"
    hubert = build.convert("transformers", str(foreign))
    fit_units(hubert, corpus / "m", tmp_path / "units", k=3, memory_gb=0.01, epochs=1, layer="layer_1")
    facts = encode_units(
        tmp_path / "units", corpus / "m", tmp_path / "out", form="dialogue", model=hubert, channels="each", window=2.0
    )
    x_TD = ArrayReader(facts["out"])["d0"].astype(int)
    activity_TC = activity_frames([[(0.5, 2.0), (4.0, 5.01)], [(2.2, 3.9), (6.0, 7.5)]], rate=100, duration=8.0)
    assert x_TD.shape == (399, 5)  # a frame fewer than the activity
    assert (x_TD[:, 2:4] == activity_TC[1::2][:399]).all()
    class_T = class_of_bins(projection_bins(torch.from_numpy(activity_TC), Window(rate=100)))
    assert x_TD[:300, 4].tolist() == class_T[1::2].tolist()


def test_an_interruption_and_a_bad_file(corpus, tmp_path, capsys):
    def stop(done, whole):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encoded(corpus, tmp_path, progress=stop, batch_seconds=5.0)
    there = len(list((tmp_path / "k_6_dialogue").glob("*.npy")))
    assert there == 2
    again = encode_units(corpus / "units", corpus / "m", tmp_path, form="dialogue", model=baseline("logmel", **PLAIN))
    assert (again["written"], again["already_there"]) == (2, 2)
    good = (corpus / "d2.flac").read_bytes()
    (corpus / "d2.flac").write_bytes(b"no audio")
    try:
        facts = encode_units(
            corpus / "units", corpus / "m", tmp_path / "b", form="dialogue", model=baseline("logmel", **PLAIN)
        )
    finally:
        (corpus / "d2.flac").write_bytes(good)
    assert (facts["written"], facts["skipped_names"]) == (3, ["d2"])
    assert capsys.readouterr().err.count("skipped d2") == 1
    with pytest.raises(SonantError, match="choice of channels 'both'"):
        encoded(corpus, tmp_path / "c", channels="both")


def test_training_ends_the_same_whether_interrupted_or_not(corpus, tmp_path):
    encoded(corpus, tmp_path, channels="each")
    words = ["train", "ulm-projection-laptop", "--data.train", str(corpus / "m"), "--data.arrays"]
    words += [str(tmp_path / "k_6_dialogue"), *SMALL.split()]
    assert main([*words, "--run", str(tmp_path / "one"), "--train.steps", "4"]) == 0
    assert main([*words, "--run", str(tmp_path / "two"), "--train.steps", "2"]) == 0
    assert main([*words, "--run", str(tmp_path / "two"), "--train.steps", "4", "--resume"]) == 0
    losses = []
    for run in ("one", "two"):
        lines = [json.loads(line) for line in (tmp_path / run / "metrics.jsonl").read_text().splitlines()]
        trained = [line for line in lines if line["kind"] == "train"]
        assert {"loss_vp", "loss_units", "top1", "top5", "top1_units"} <= set(trained[0])
        losses.append([line["loss"] for line in trained])
    assert losses[0][-1] == losses[1][-1]


def test_another_view_is_told(corpus, tmp_path, capsys):
    words = ["train", "ulm-projection-laptop", "--data.train", str(corpus / "m"), "--run", str(tmp_path / "r")]
    assert main([*words, "--data.arrays", str(corpus), "--data.view", "utterances"]) == 2
    assert "dialogue_units" in capsys.readouterr().err
