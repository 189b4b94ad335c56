from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from vap_files import close, oracle, weights_of

from sonant import build
from sonant.core import SonantError
from sonant.data.run_length import condense, expand
from sonant.importers.ulm_projection import convert
from sonant.objectives.projection import bins_of_class, first_speaker_of_class
from sonant.objectives.projection_loss import discrete_loss, independent_loss

MODELS = ["ulm_two_tier", "ulm_two_tier_regression", "ulm_tier1_only", "ulm_tier2_only"]


def read(representation, known):
    history = known.get("va_history")
    return representation.read(
        known["input_ids"].long(), known["va"], None, None if history is None else history.flatten(-2)
    )


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_equals_the_original(oracle_dir, name, tmp_path):
    path, known = oracle(oracle_dir, name)
    if "va_history" not in known:  # the original was not given one: its map adds nothing
        path = weights_of(oracle_dir, name)
        path |= {key: torch.zeros_like(value) for key, value in path.items() if key.startswith("vad_history")}
    build.save(build.convert("ulm_projection", path, {"heads": 4}), tmp_path)
    representation, seen = build.load(tmp_path), {}
    representation.dialogue.head.register_forward_hook(lambda _, given, out: seen.update(z=given[0]))
    out = read(representation, known)
    close(seen["z"], known["z"], 2e-4)
    close(out.logits, known["logits_vp"], 2e-4)
    label_BT = known["labels"].long()
    if name == "ulm_two_tier_regression":
        vp = independent_loss(out.logits, bins_of_class(label_BT, 4)).mean()
    else:
        vp = discrete_loss(out.logits, label_BT).mean()
    torch.testing.assert_close(vp, known["loss_vp"], rtol=1e-5, atol=0)
    total = vp
    if name == "ulm_tier2_only":
        assert out.unit_logits is None
    else:
        close(out.unit_logits, known["logits_ar"], 2e-4)
        ar = F.cross_entropy(out.unit_logits[:, :-1].flatten(0, 1), known["input_ids"][:, 1:].flatten().long())
        torch.testing.assert_close(ar, known["loss_ar"], rtol=1e-5, atol=0)
        total = 0.6 * vp + 0.4 * ar
    torch.testing.assert_close(total, known["loss_total"], rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", MODELS)
def test_runs_and_next_speakers_equal_the_original(oracle_dir, name):
    _, known = oracle(oracle_dir, name)
    for row, unit_T in enumerate(known["input_ids"].numpy()):
        unit_R, frames_R = condense(unit_T)
        n = int(known["condensed_lengths"][row])
        assert unit_R.tolist() == known["condensed"][row, :n].tolist()
        assert frames_R.tolist() == known["condensed_durations"][row, :n].tolist()
        assert expand(unit_R, frames_R).tolist() == unit_T.tolist()
    assert first_speaker_of_class(4).tolist() == known["next_speaker_of_class"].tolist()


def test_sizes_and_settings(oracle_dir):
    state = {f"ulm_projection.{key}": value for key, value in weights_of(oracle_dir, "ulm_two_tier").items()}
    state["encoder.quantizer.emb.weight"] = torch.zeros(100, 8)
    state["ulm_projection.tier1.ar.model.1.multihead.Att.mask"] = torch.zeros(1, 9, 9)
    settings = {"conf": {"tier1": {"num_heads": 4, "dropout": 0.2}}}
    sections, _ = convert({"state_dict": state, "hyper_parameters": settings}, {"frame_hz": 100})
    assert sections["features"] == {"name": "arrays", "dim": 100, "rate": 100.0}
    assert (sections["context"]["layers"], sections["context"]["dropout"]) == (2, 0.2)
    dialogue = sections["dialogue"]
    assert (dialogue["channel_layers"], dialogue["heads"], dialogue["next_unit"]) == (1, 4, "context")
    assert (dialogue["history_oldest"], dialogue["ff"]) == ("never", 96)
    alone, _ = convert(weights_of(oracle_dir, "ulm_tier1_only"), {"heads": 4})
    assert (alone["context"]["name"], alone["dialogue"]["next_unit"]) == ("identity", "last")
    assert convert(weights_of(oracle_dir, "ulm_tier2_only"), {"heads": 4})[0]["dialogue"]["next_unit"] == "none"


def test_what_is_no_such_model_is_told(oracle_dir):
    with pytest.raises(SonantError, match="heads=4"):
        convert(weights_of(oracle_dir, "ulm_two_tier"))
    with pytest.raises(SonantError, match="read by conv_ssl"):
        convert(weights_of(oracle_dir, "mono_small"))
    state = weights_of(oracle_dir, "ulm_two_tier")
    del state["ar_head.bias"]
    with pytest.raises(SonantError, match="lacks dialogue.unit_head.bias"):
        build.convert("ulm_projection", state, {"heads": 4})
    model = build.convert("ulm_projection", weights_of(oracle_dir, "ulm_two_tier"), {"heads": 4})
    with pytest.raises(SonantError, match="units 0 to 99"):
        model.read(torch.tensor([[5, 100]]), torch.zeros(1, 2, 2))
    with pytest.raises(SonantError, match="numbers of units"):
        model.read(torch.zeros(1, 30), torch.zeros(1, 30, 2))


@torch.no_grad()
def test_alone_is_as_in_a_batch_and_nothing_ahead_is_seen(oracle_dir):
    path, known = oracle(oracle_dir, "ulm_two_tier")
    model = build.convert("ulm_projection", path, {"heads": 4})
    units_BT, activity_BTC = known["input_ids"].long(), known["va"]
    together = model.read(units_BT, activity_BTC, torch.tensor([120, 70]))
    alone = model.read(units_BT[1, :70], activity_BTC[1, :70])
    close(together.logits[1, :70], alone.logits[0], 1e-4)
    close(together.unit_logits[1, :70], alone.unit_logits[0], 1e-4)
    assert not together.unit_logits[1, 70:].any()
    assert not together.logits[1, 70:].any()
