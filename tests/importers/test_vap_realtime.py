from __future__ import annotations

import pytest
import torch
from vap_files import close, oracle, weights_of

from sonant import build
from sonant.core import Frames, SonantError
from sonant.importers.vap_realtime import convert
from sonant.objectives.projection_readout import aggregate

RATES = (50, 20, 10)


@pytest.mark.parametrize("rate", RATES)
@torch.no_grad()
def test_equals_the_original(oracle_dir, rate):
    """As streaming hears it: 20 ms of silence before, the first frame of CPC left out, a window for every step."""
    path, known = oracle(oracle_dir, f"stream_{rate}hz")
    representation = build.convert("vap_realtime", path)
    dialogue, width = representation.dialogue, int(known["audio_context_len"])
    assert dialogue.geometry.rate == rate
    waves = torch.nn.functional.pad(known["waveform"][0], (320, 0))
    local = representation.encode(waves, layer="z").without_first(1)
    heard = dialogue.down(representation.context(local))
    steps = len(known["p_now"])
    close(heard.x_BTD[0, :steps], known["enc_x1"], 1e-5)
    channel = {}
    dialogue.channel[-1].register_forward_hook(lambda _, given, out: channel.update(x=out[:, -1]))
    for step in (0, 1, width - 1, width, steps - 1):
        window = heard.x_BTD[:, max(step + 1 - width, 0) : step + 1]
        out = dialogue.from_entered(Frames(window, torch.tensor([window.shape[1]] * 2), heard.geometry))
        said = aggregate(out.logits)
        close(said.p_now[0, -1], known["p_now"][step], 1e-5)
        close(said.p_future[0, -1], known["p_future"][step], 1e-5)
        close(dialogue.activity_head(channel["x"])[:, 0].sigmoid(), known["vad"][step], 1e-5)


@torch.no_grad()
def test_offline_it_is_the_model_of_the_training(oracle_dir, tmp_path):
    """Frame k stands on frames 5 k .. 5 k + 4 of CPC, without padding."""
    path, known = oracle(oracle_dir, "stream_20hz")
    representation = build.convert("vap_realtime", path)
    assert representation.converse(known["waveform"][..., :8000]).logits.shape == (1, 10, 256)
    down = representation.dialogue.down.conv
    assert (down.left, down.right, down.stride) == (0, 0, (5,))
    build.save(representation, tmp_path)
    found = build.load(tmp_path).converse(known["waveform"]).logits
    assert torch.equal(found, representation.converse(known["waveform"]).logits)


def test_cpc_in_a_file_of_its_own(oracle_dir, tmp_path):
    state = weights_of(oracle_dir, "stream_10hz")
    start = "encoder.encoder."
    cpc = {key.removeprefix(start): value for key, value in state.items() if key.startswith(start)}
    rest = {key: value for key, value in state.items() if not key.startswith(start)}
    torch.save(
        {"config": {}, "weights": {**cpc, "wPrediction.predictors.0.weight": torch.zeros(2)}}, tmp_path / "cpc.pt"
    )
    torch.save(rest, tmp_path / "vap.pt")
    sections, wanted = convert(state)
    other, tensors = convert(tmp_path / "vap.pt", {"cpc": tmp_path / "cpc.pt"})
    assert other == sections and tensors.keys() == wanted.keys()
    assert all(torch.equal(tensors[key], wanted[key]) for key in wanted)
    with pytest.raises(SonantError, match="no weights of CPC in it; give the file"):
        convert(tmp_path / "vap.pt")
    with pytest.raises(SonantError, match="no weights of CPC in it"):
        convert(tmp_path / "vap.pt", {"cpc": {"weights": {"other": torch.zeros(1)}}})


def test_missing_weights_are_told(oracle_dir):
    state = weights_of(oracle_dir, "stream_10hz")
    del state["va_classifier.bias"]
    with pytest.raises(SonantError, match="lacks dialogue.activity_head.bias"):
        build.convert("vap_realtime", state)
