"""Unit language models with activity projection: their losses by hand, one tier or two, and who speaks first."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from sonant import build
from sonant.core import Batch, FrameGeometry, Method, SonantError
from sonant.methods._dialogues import history_of
from sonant.objectives.projection import bins_of_class, class_of_bins, projection_bins

K, T, HORIZON = 9, 40, 14
SMALL = {
    "channels": 1,
    "cross_layers": 0,
    "stride": 1,
    "kernel": 1,
    "activity": True,
    "history": True,
    "heads": 2,
    "dropout": 0.0,
    "history_of": "both",
    "told_norm": "sum",
    "style": "transformer",
    "bins_s": [0.04, 0.06, 0.08, 0.1],
}
TIER = {"name": "causal_transformer", "dim": 16, "layers": 1, "heads": 2, "dropout": 0.0}
TIERS = {
    "both": (TIER, {"next_unit": "context"}),
    "first": ("identity", {"next_unit": "last"}),
    "second": ("identity", {"next_unit": "none"}),
}


def method(tiers: str = "both", **dialogue) -> Method:
    torch.manual_seed(0)
    context, told = TIERS[tiers]
    return build.method_of(
        build.resolve(
            {
                "features": {"name": "arrays", "dim": K, "rate": 50.0},
                "encoder": {"name": "mlp", "dim": 16, "activation": "none", "bias": False},
                "context": context,
                "method": {"name": "ulm_projection", "alpha": 0.7},
                "dialogue": {**SMALL, **told, **dialogue},
            }
        )
    )


def talk(*, B: int = 3, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    unit_BT = torch.randint(K, (B, T), generator=generator)
    activity_BTC = (torch.rand(B, (T + HORIZON) // 6 + 1, 2, generator=generator) < 0.5).repeat_interleave(6, 1)
    extras = {
        "activity_BTC": activity_BTC[:, : T + HORIZON].to(torch.uint8),
        "known_B": torch.tensor([T + HORIZON, 40, T + HORIZON]),
        "past_BTC": torch.zeros(B, 0, 2, dtype=torch.uint8),
    }
    lengths_B = torch.tensor([T, T, 30])
    geometry = FrameGeometry(16000, hop=320, window=320)
    return Batch(F.one_hot(unit_BT, K).float(), lengths_B, 16000, geometry=geometry, extras=extras)


@pytest.mark.parametrize("projection", ["discrete", "independent"])
@pytest.mark.parametrize("tiers", TIERS)
def test_the_losses_are_those_of_the_definition(tiers, projection):
    ulm, batch = method(tiers, projection=projection).eval(), talk()
    out = ulm(batch)
    unit_BT, activity_BTC = batch.wave_BL.argmax(-1), batch.extras["activity_BTC"]
    said = ulm.representation().read(unit_BT, activity_BTC[:, :T], batch.lengths_B)
    bins_BTCN = projection_bins(activity_BTC, ulm.window)
    target_BT = torch.arange(T) < torch.tensor([40, 26, 30])[:, None]  # units there are, and whose future is known
    if projection == "discrete":
        class_BT = class_of_bins(bins_BTCN)
        vp = F.cross_entropy(said.logits[target_BT], class_BT[target_BT])
        right = (said.logits.argmax(-1) == class_BT)[target_BT].float().mean()
        torch.testing.assert_close(out.parts["top1"], right)
        assert out.parts["top5"] >= out.parts["top1"]
        assert torch.equal(bins_of_class(class_BT, 4), bins_BTCN)
    else:
        vp = F.binary_cross_entropy_with_logits(said.logits[target_BT], bins_BTCN[target_BT].float())
    torch.testing.assert_close(out.parts["loss_vp"], vp)
    assert float(out.count) == 96
    if tiers == "second":
        assert set(out.parts) <= {"loss_vp", "top1", "top5"} and torch.equal(out.total, out.parts["loss_vp"])
        return
    pairs = [(said.unit_logits[b, : n - 1], unit_BT[b, 1:n]) for b, n in enumerate(batch.lengths_B.tolist())]
    units = F.cross_entropy(torch.cat([x for x, _ in pairs]), torch.cat([u for _, u in pairs]))
    torch.testing.assert_close(out.parts["loss_units"], units)
    torch.testing.assert_close(out.total, 0.7 * vp + 0.3 * units)


@pytest.mark.parametrize("tiers", TIERS)
def test_every_tier_starts_at_chance_and_learns(tiers):
    ulm, batch = method(tiers), talk()
    wanted = math.log(256) if tiers == "second" else 0.7 * math.log(256) + 0.3 * math.log(K)
    assert ulm.chance() == pytest.approx(wanted)
    optimiser, losses = torch.optim.Adam(ulm.parameters(), 3e-3), []
    for _ in range(8):
        out = ulm(batch)
        losses.append(out.total.item())
        optimiser.zero_grad()
        out.total.backward()
        optimiser.step()
    assert losses[0] == pytest.approx(ulm.chance(), rel=0.05)
    assert losses[-1] < losses[0]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in ulm.parameters())


def test_units_are_foretold_with_the_activity_only_where_the_first_tier_is_told_of_it():
    for tiers, told in (("both", False), ("first", True)):
        ulm, batch = method(tiers).eval(), talk()
        unit_BT, activity_BTC = batch.wave_BL.argmax(-1), batch.extras["activity_BTC"][:, :T]
        one, two = (ulm.representation().read(unit_BT, x).unit_logits for x in (activity_BTC, 1 - activity_BTC))
        assert torch.equal(one, two) != told


def test_the_history_is_of_both_speakers_and_of_the_whole_dialogue():
    ulm, batch = method().eval(), talk()
    past_BPC = (torch.rand(3, 700, 2, generator=torch.Generator().manual_seed(1)) < 0.4).to(torch.uint8)
    batch.extras["past_BTC"] = past_BPC
    history_BTW = history_of(batch, batch.extras["activity_BTC"][:, :T], ulm.dialogue)
    assert history_BTW.shape == (3, T, 10)
    share_BTW = history_BTW[..., 0::2]
    torch.testing.assert_close(history_BTW[..., 1::2], 1 - share_BTW)
    now = torch.cat([past_BPC, batch.extras["activity_BTC"][:, :T]], dim=1)[:, -250:].sum(1).float()
    torch.testing.assert_close(share_BTW[:, -1, -1], now[:, 0] / now.sum(-1))
    del batch.extras["past_BTC"]
    with pytest.raises(SonantError, match=r"data\.past"):
        ulm(batch)
    never = method(history_oldest="never")
    assert (never.dialogue.count_history(past_BPC)[..., :2] == 0.5).all()


@torch.no_grad()
def test_in_pieces_the_future_is_the_same():
    ulm, batch = method("first", width=12).eval(), replace(talk(), lengths_B=torch.full((3,), T))
    x_BTD, activity_BTC = ulm.encoder(batch.frames()).x_BTD, batch.extras["activity_BTC"][:, :T]
    whole = ulm.representation().read(batch.wave_BL.argmax(-1), activity_BTC).logits
    state, said = ulm.dialogue.begin(3, device="cpu", dtype=torch.float32), []
    for first in range(0, T, 7):
        out, state = ulm.dialogue.step(x_BTD[:, first : first + 7], state, activity_BTC[:, first : first + 7])
        said.append(out.logits)
    torch.testing.assert_close(torch.cat(said, dim=1), whole, rtol=1e-4, atol=1e-5)


def test_what_does_not_fit_is_told():
    ulm, batch = method(), talk()
    with pytest.raises(SonantError, match="--form dialogue"):
        ulm(replace(batch, extras={}))
    short = {**batch.extras, "activity_BTC": batch.extras["activity_BTC"][:, :-1]}
    with pytest.raises(SonantError, match="horizon_seconds"):
        ulm(replace(batch, extras=short))
    with pytest.raises(SonantError, match="told who is active"):
        method(activity=False, history=False)
    with pytest.raises(SonantError, match="are 9|9 units"):
        method(units=5)
    with pytest.raises(SonantError, match="stride: 1"):
        method(stride=2, kernel=2)
