from __future__ import annotations

import pytest
import torch
from fine_tuning import fine_tuned
from safetensors.torch import load_file

from sonant import build
from sonant.core import SonantError

MELS = {"name": "stft_mel", "n_fft": 512, "window": "hamming", "level_db": None, "log_offset": 1e-6, "cmvn": "instance"}


def stored(oracle_dir, name) -> dict:
    """An encoder of sslsv, which is SpeechBrain's on other features, without the buffers of these."""
    weights = load_file(oracle_dir / "speaker" / f"sslsv_{name}.safetensors")
    return {key: value for key, value in weights.items() if not key.startswith("features_extractor")}


def wrapped(weights: dict) -> dict:
    """The same with every norm in a module of its own, as SpeechBrain has them."""
    return {
        key.replace(".norm.", ".norm.norm.").replace("asp_bn.", "asp_bn.norm."): value for key, value in weights.items()
    }


@pytest.mark.parametrize(("name", "mels"), [("ecapa_small", 40), ("ecapa_small_mel80_nopool", 80)])
def test_equals_the_original(oracle_dir, name, mels):
    """From waveforms, with 1e-5 in evaluation; with the statistics of the batch 1e-4, as float32 has them."""
    weights = stored(oracle_dir, name)
    io = load_file(oracle_dir / "speaker" / "encoders_io.safetensors")
    representation = build.convert("speechbrain_ecapa", wrapped(weights), {"features": {**MELS, "n_mels": mels}})

    def out(wave_BL):
        if representation.embedding is None:
            return representation.encode(wave_BL).x_BTD.transpose(1, 2)
        return representation.embed(wave_BL)

    with torch.no_grad():
        for half in "ab":
            torch.testing.assert_close(out(io[f"wave_{half}"]), io[f"sslsv_{name}.out_{half}"], rtol=0, atol=1e-5)
        representation.train()
        torch.testing.assert_close(out(io["wave_a"]), io[f"sslsv_{name}.train_mode_out_a"], rtol=0, atol=1e-4)


def test_alone_equals_inside_a_batch(oracle_dir):
    """The original mirrors the end of a padded batch, and so depends on it."""
    io = load_file(oracle_dir / "speaker" / "encoders_io.safetensors")
    weights = stored(oracle_dir, "ecapa_small_mel80_nopool")
    representation = build.convert("speechbrain_ecapa", weights)
    assert representation.config["features"] == {"name": "speechbrain_fbank", "n_mels": 80}
    wave_BL, lengths_B = io["wave_a"], torch.tensor([24000, 17000, 9100])
    with torch.no_grad():
        together = representation.encode(wave_BL, lengths_B).unpad()
        for b, n in enumerate(lengths_B.tolist()):
            alone = representation.encode(wave_BL[b, :n]).x_BTD[0]
            torch.testing.assert_close(together[b], alone, rtol=0, atol=1e-5)


def test_files_and_folders(oracle_dir, tmp_path):
    weights = stored(oracle_dir, "ecapa_small")
    counts = {f"blocks.{b}.norm.num_batches_tracked": torch.tensor(3.6) for b in range(1)}
    torch.save(wrapped(weights | counts), tmp_path / "embedding_model.ckpt")
    for source in (tmp_path, tmp_path / "embedding_model.ckpt"):
        representation = build.convert("speechbrain_ecapa", source)
    assert representation.state_dict()["encoder.local.first.norm.num_batches_tracked"] == 4
    build.save(representation, tmp_path / "model")
    again = build.load(tmp_path / "model")
    wave = torch.randn(1, 8000)
    assert torch.equal(again.embed(wave), representation.embed(wave))
    encoder = representation.config["encoder"]
    assert (encoder["channels"], encoder["scale"], encoder["squeeze"], encoder["dim"]) == (64, 8, 32, 192)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("mfa.conv.conv.weight"), "lacks mfa.conv.conv.weight"),
        (lambda w: w.pop("fc.conv.weight"), "lacks fc.conv.weight"),
        (lambda w: w.update({"blocks.1.shortcut.conv.weight": torch.zeros(1)}), "unexpected blocks.1.shortcut"),
        (lambda w: [w.pop(key) for key in list(w) if key.startswith("blocks.2.")], "numbered without a gap"),
        (lambda w: [w.pop(key) for key in list(w) if key.startswith("blocks.")], "not the classifier"),
    ],
)
def test_what_does_not_fit_is_told(oracle_dir, change, message):
    weights = stored(oracle_dir, "ecapa_small")
    change(weights)
    with pytest.raises(SonantError, match=message) as caught:
        build.convert("speechbrain_ecapa", weights)
    assert "\n" not in str(caught.value)


def test_a_model_of_ours_goes_on_training(oracle_dir, tmp_path):
    """Every weight has a gradient after one step from the imported model."""
    representation = build.convert("speechbrain_ecapa", stored(oracle_dir, "ecapa_small_mel80_nopool"))
    loss, without = fine_tuned(representation, tmp_path)
    assert loss > 0
    assert without == []
