from __future__ import annotations

import pytest
import torch
from vap_files import close, oracle, weights_of

from sonant import build
from sonant.core import SonantError
from sonant.importers.vap_mono import convert
from sonant.objectives.projection_readout import aggregate


@pytest.mark.parametrize("name", ["mono_small", "mono_small_history"])
@torch.no_grad()
def test_equals_the_original(oracle_dir, name):
    path, known = oracle(oracle_dir, name)
    representation, added = build.convert("vap_mono", path), {}
    representation.dialogue.condition.register_forward_hook(lambda _, given, out: added.update(cond=out))
    frames = representation.encode(known["waveform"][:, 0])
    out = representation.converse(known["waveform"][:, 0], None, known["va"], known.get("va_history"))
    close(representation.dialogue.down(frames).x_BTD, known["enc"], 1e-5)
    close(added["cond"], known["cond"], 1e-5)
    close(out.logits, known["logits"], 2e-4)
    assert out.activity_logits is None
    close(aggregate(out.logits).p_now, known["p_now"], 1e-5)
    close(aggregate(out.logits).p_future, known["p_future"], 1e-5)


@torch.no_grad()
def test_model_folder_and_the_history_that_it_was_trained_with(oracle_dir, tmp_path):
    path, known = oracle(oracle_dir, "mono_small_history")
    build.save(build.convert("vap_mono", path), tmp_path)
    loaded = build.load(tmp_path)
    close(
        loaded.converse(known["waveform"][:, 0], None, known["va"], known["va_history"]).logits, known["logits"], 2e-4
    )
    assert loaded.dialogue.cfg.history_oldest == "never"


def test_sizes_are_read_from_the_file(oracle_dir):
    sections, tensors = convert(weights_of(oracle_dir, "mono_small"))
    dialogue = sections["dialogue"]
    assert (dialogue["channel_layers"], dialogue["cross_layers"], dialogue["history"]) == (4, 0, False)
    one, _ = convert(
        {"state_dict": weights_of(oracle_dir, "mono_small"), "hyper_parameters": {"conf": {"dropout": 0.3}}}
    )
    assert one["dialogue"]["dropout"] == 0.3


def test_other_models_are_told(oracle_dir):
    with pytest.raises(SonantError, match="read by vap_stereo"):
        convert(weights_of(oracle_dir, "stereo_small"))
    state = weights_of(oracle_dir, "mono_small_history")
    del state["va_cond_history.bias"]
    with pytest.raises(SonantError, match="lacks dialogue.condition.history.bias"):
        build.convert("vap_mono", state)
