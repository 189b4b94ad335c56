"""Voice activity projection: its losses by hand, its history, and what a frozen body costs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from sonant import build
from sonant.core import Batch, LossOut, Method, SonantError
from sonant.nn.activity_history import activity_history
from sonant.objectives.projection import class_of_bins, projection_bins

RATE, HOP = 16_000, 320
SMALL = {"heads": 2, "dropout": 0.0, "bins_s": [0.04, 0.06, 0.08, 0.1]}
HORIZON = 14
MONO = {**SMALL, "channels": 1, "cross_layers": 0, "activity": True}


def method(*, context: str = "lstm", settings: dict | None = None, **dialogue) -> Method:
    torch.manual_seed(0)
    sections = {"encoder": {"name": "cpc_conv", "dim": 16}, "context": {"name": context, "dim": 16}}
    return build.method_of(
        build.resolve({**sections, "method": {"name": "vap", **(settings or {})}, "dialogue": {**SMALL, **dialogue}})
    )


def talk(*, frames: int = 40, B: int = 3, channels: int = 2, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    activity_BTC = (torch.rand(B, (frames + HORIZON) // 6 + 1, 2, generator=generator) < 0.5).repeat_interleave(6, 1)
    wave = 0.1 * torch.randn(B, *([2] if channels == 2 else []), frames * HOP, generator=generator)
    extras = {
        "activity_BTC": activity_BTC[:, : frames + HORIZON].to(torch.uint8),
        "known_B": torch.full((B,), frames + HORIZON),
    }
    return Batch(wave, torch.full((B,), frames * HOP), RATE, extras=extras)


def test_the_losses_are_those_of_the_definition():
    vap, batch = method(settings={"activity_weight": 0.5}).eval(), talk()
    batch.extras["known_B"] = torch.tensor([54, 54, 30])
    out = vap(batch)
    said = vap.representation().converse(batch.wave_BL)
    activity_BTC = batch.extras["activity_BTC"]
    class_BT = class_of_bins(projection_bins(activity_BTC, vap.window))
    target_BT = torch.arange(40) + HORIZON < batch.extras["known_B"][:, None]
    assert target_BT.sum(1).tolist() == [40, 40, 16]
    wanted = F.cross_entropy(said.logits[target_BT], class_BT[target_BT])
    heard = F.binary_cross_entropy_with_logits(said.activity_logits[target_BT], activity_BTC[:, :40][target_BT].float())
    torch.testing.assert_close(out.parts["loss_vap"], wanted)
    torch.testing.assert_close(out.parts["loss_activity"], heard)
    torch.testing.assert_close(out.total, wanted + 0.5 * heard)
    assert float(out.count) == 96


def test_what_is_not_known_changes_nothing():
    vap, batch = method().eval(), talk()
    batch.extras["known_B"] = torch.tensor([54, 40, 30])
    other = batch.extras["activity_BTC"].clone()
    other[1, 40:], other[2, 30:] = 1 - other[1, 40:], 1 - other[2, 30:]
    changed = replace(batch, extras={**batch.extras, "activity_BTC": other})
    assert torch.equal(vap(batch).total, vap(changed).total)


@pytest.mark.parametrize("projection", ["independent", "comparative"])
def test_other_targets_start_at_chance_and_learn(projection):
    vap, batch = method(projection=projection), talk()
    losses = _train(vap, batch)
    assert losses[0].total.item() == pytest.approx(vap.chance(), rel=0.1)
    assert losses[-1].parts["loss_vap"] < losses[0].parts["loss_vap"]


def _train(vap: Method, batch: Batch) -> list[LossOut]:
    optimiser = torch.optim.Adam([p for p in vap.parameters() if p.requires_grad], 3e-3)
    outs = []
    for _ in range(8):
        outs.append(vap(batch))
        optimiser.zero_grad()
        outs[-1].total.backward()
        optimiser.step()
    return outs


def test_mono_is_told_the_past_of_the_whole_dialogue():
    """A window scores the same when its history comes from the batch as when all of the dialogue is counted."""
    vap, batch = method(**MONO, history=True).eval(), talk(channels=1)
    past_BPC = (torch.rand(3, 700, 2) < 0.4).to(torch.uint8)
    past_BPC[1, :650] = 0  # this window begins a second after its dialogue
    batch.extras["past_BTC"] = past_BPC
    out = vap(batch)
    assert set(out.parts) == {"loss_vap"} and torch.equal(out.total, out.parts["loss_vap"])
    told_BTC = batch.extras["activity_BTC"][:, :40]
    begun = torch.cat([past_BPC[1, 650:], told_BTC[1]])[None]
    history_BTW = torch.stack(
        [
            activity_history(torch.cat([past_BPC[0], told_BTC[0]])[None], rate=50)[0, 700:],
            activity_history(begun, rate=50)[0, 50:],
            activity_history(torch.cat([past_BPC[2], told_BTC[2]])[None], rate=50)[0, 700:],
        ]
    )
    said = vap.representation().converse(batch.wave_BL, None, told_BTC, history_BTW)
    class_BT = class_of_bins(projection_bins(batch.extras["activity_BTC"], vap.window))
    torch.testing.assert_close(out.total, F.cross_entropy(said.logits.flatten(0, 1), class_BT.flatten()))
    del batch.extras["past_BTC"]
    with pytest.raises(SonantError, match=r"data\.past"):
        vap(batch)


def test_a_frozen_body_is_run_without_gradients():
    vap, batch = method(), talk()
    modes = []
    vap.encoder.register_forward_hook(lambda *_: modes.append(torch.is_grad_enabled()))
    thawed = vap(batch).total
    for part in (vap.encoder, vap.context):
        part.requires_grad_(False)
    frozen = vap(batch).total
    assert modes == [True, False]
    assert torch.equal(thawed, frozen)
    frozen.backward()
    assert all(p.grad is None for p in vap.encoder.parameters())
    assert all(p.grad is not None for p in vap.dialogue.parameters())


def test_what_does_not_fit_is_told():
    vap = method()
    with pytest.raises(SonantError, match="listens to 2 channels"):
        vap(talk(channels=1))
    with pytest.raises(SonantError, match="listens to 1 channel: set .*mix: true"):
        method(**MONO)(talk())
    with pytest.raises(SonantError, match="view: dialogue"):
        vap(replace(talk(), extras={}))
    batch = talk()
    batch.extras["activity_BTC"] = batch.extras["activity_BTC"].repeat_interleave(2, 1)
    with pytest.raises(SonantError, match="50 frames a second"):
        vap(batch)
    batch = talk()
    batch.extras["known_B"] = torch.full((3,), HORIZON)
    with pytest.raises(SonantError, match="lengthen"):
        vap(batch)
    with pytest.raises(SonantError, match="looks ahead"):
        method(context="both_ways")
