"""SpectDataSet folders as a corpus: written by extract, prepared, trained on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sonant.core import SonantError
from sonant.data.array_pool import ArrayPool
from sonant.data.config import DataConfig, build_loaders
from sonant.data.manifest import Manifest
from sonant.data.recipes.spect import prepare


@pytest.fixture
def folder(tmp_path):
    """Six utterances of 80 to 130 frames and 3 features, every value its frame."""
    place = tmp_path / "spect"
    for kind in ("feat", "ali", "ref"):
        (place / kind).mkdir(parents=True)
    for number in range(6):
        frames, name = 80 + 10 * number, f"f.lbi-{number % 2}-{number}.pt"
        torch.save(torch.arange(frames, dtype=torch.float64)[:, None].repeat(1, 3), place / "feat" / name)
        torch.save((torch.arange(frames) // 30), place / "ali" / name)
        torch.save(torch.tensor([[1, 30, 60], [7, -1, -1]]), place / "ref" / name)
    (place / "token2id.txt").write_text("SIL 0\naa 1\nbb 2\n")
    return place


def test_the_manifest_says_what_the_tensors_say(folder, tmp_path):
    manifest = prepare(folder, tmp_path / "out", file_prefix="f.")
    utterance = manifest.utterance(0)
    assert (utterance.id, utterance.speaker, utterance.duration) == ("lbi-0-0", "0", 0.8)
    assert utterance.phones == [("SIL", 0.0, 0.3), ("aa", 0.3, 0.6), ("bb", 0.6, 0.8)]
    assert utterance.words == [("aa", 0.3, 0.6)]
    assert utterance.text == "aa 7"
    assert manifest.speakers == ["0", "1"]


def test_training_reads_the_tensors_in_place(folder, tmp_path):
    out = tmp_path / "out"
    prepare(folder, out, file_prefix="f.")
    pool = ArrayPool(Manifest.open(out), arrays=out / "arrays")
    assert (pool.sample_rate, pool.dim, pool.samples.tolist()) == (100, 3, [80, 100, 120, 90, 110, 130])
    np.testing.assert_array_equal(pool.read(3, start=5, count=2), [[5, 5, 5], [6, 6, 6]])
    for view, longest in (("utterances", 130), ("aligned", 40)):
        cfg = DataConfig(
            train=str(out), arrays=str(out / "arrays"), view=view, batch_size=2, workers=0, valid_fraction=0
        )
        batch = next(iter(build_loaders(cfg)[0]))
        assert batch.geometry.rate == 100
        assert batch.frames().dim == 3
        assert int(batch.lengths_B.max()) <= longest


def test_raw_audio_is_one_feature_at_the_sample_rate(tmp_path):
    (tmp_path / "raw" / "feat").mkdir(parents=True)
    torch.save(torch.randn(4000, 1), tmp_path / "raw" / "feat" / "u.pt")
    manifest = prepare(tmp_path / "raw", tmp_path / "out", sample_rate=8000)
    assert manifest.utterance(0).duration == 0.5
    pool = ArrayPool(manifest, arrays=tmp_path / "out" / "arrays", sample_rate=8000)
    assert (pool.geometry.hop, pool.samples.tolist()) == (1, [4000])


def test_unusable_utterances_are_skipped_or_told(folder, tmp_path, capsys):
    torch.save(torch.zeros(80, 4), folder / "feat" / "f.lbi-1-1.pt")
    assert len(prepare(folder, tmp_path / "out", file_prefix="f.")) == 5
    assert "4 features a frame" in capsys.readouterr().err
    with pytest.raises(SonantError, match="4 features a frame"):
        prepare(folder, tmp_path / "strict", file_prefix="f.", strict=True)
    with pytest.raises(SonantError, match="do not divide"):
        prepare(folder, tmp_path / "rate", file_prefix="f.", rate=99.0)
