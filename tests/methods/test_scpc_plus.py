"""SCPC+: its losses by hand, what a monologue teaches, and what makes no difference."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from sonant import build
from sonant.core import Batch, Frames, Method, SonantError
from sonant.methods import scpc_plus
from sonant.objectives.infonce import infonce
from sonant.objectives.projection import class_of_bins, projection_bins

RATE, HOP, T, HORIZON = 16_000, 160, 60, 28
DIALOGUE = {"stride": 1, "channel_layers": 0, "cross_layers": 0, "dropout": 0.0, "bins_s": [0.04, 0.06, 0.08, 0.1]}


def method(*, context: str = "gru", dialogue: dict | None = None, **settings) -> Method:
    torch.manual_seed(0)
    sections = {"encoder": {"name": "cpc_conv", "dim": 16}, "context": {"name": context, "dim": 16}}
    settings = {"horizons": 3, "negatives": 5, **settings}
    return build.method_of(
        build.resolve(
            {**sections, "method": {"name": "scpc_plus", **settings}, "dialogue": {**DIALOGUE, **(dialogue or {})}}
        )
    ).eval()


def talk(*, dialogues: int = 2, monologues: int = 0, seed: int = 0) -> Batch:
    """Harmonic voices where a channel is active, a little noise elsewhere; the partner of a monologue is zero."""
    B = dialogues + monologues
    generator = torch.Generator().manual_seed(seed)
    noise_BCL = 0.003 * torch.randn(B, 2, T * HOP, generator=generator)
    active_BTC = (torch.rand(B, (T + HORIZON) // 8 + 1, 2, generator=generator) < 0.6).repeat_interleave(8, 1)
    time_L = torch.arange(T * HOP) / RATE
    hz_BC = 100 + 100 * torch.rand(B, 2, generator=generator)
    phase_BCL = 2 * torch.pi * hz_BC[..., None] * (time_L + 0.05 * torch.sin(6 * time_L))
    voice_BCL = sum(torch.sin(k * phase_BCL) / k for k in range(1, 6)) / 8
    loud_BCL = active_BTC[:, :T].transpose(1, 2).repeat_interleave(HOP, dim=2)
    wave_BCL = voice_BCL * loud_BCL + noise_BCL
    heard_BC = torch.ones(B, 2, dtype=torch.bool)
    for b in range(dialogues, B):
        heard_BC[b, b % 2] = False
    activity_BTC = (active_BTC[:, : T + HORIZON] * heard_BC[:, None]).to(torch.uint8)
    extras = {"activity_BTC": activity_BTC, "known_B": torch.full((B,), T + HORIZON), "heard_BC": heard_BC}
    return Batch(
        wave_BCL * heard_BC[..., None],
        torch.full((B,), T * HOP),
        RATE,
        seeds=tuple(range(10, 10 + B)),
        extras=extras,
    )


def gradients(plus: Method, batch: Batch) -> dict[str, torch.Tensor]:
    plus.zero_grad(set_to_none=True)
    plus(batch).total.backward()
    return {name: p.grad.clone() for name, p in plus.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(("score", "temperature"), [("mean", 1.0), ("dot", 3.0)])
def test_the_losses_are_those_of_the_definition(score, temperature):
    weights = {"cpc_weight": 0.5, "f0_weight": 2.0, "voicing_weight": 0.25, "projection_weight": 3.0}
    plus, batch = method(**weights, activity_weight=1.5, score=score, temperature=temperature), talk()
    batch.extras["known_B"] = torch.tensor([T + HORIZON, T])
    out = plus(batch)
    said = plus.representation().converse(batch.wave_BL)
    class_BT = class_of_bins(projection_bins(batch.extras["activity_BTC"], plus.window))
    target_BT = torch.arange(T) + HORIZON < batch.extras["known_B"][:, None]
    wanted = {"loss_projection": F.cross_entropy(said.logits[target_BT], class_BT[target_BT])}
    active_BTC = batch.extras["activity_BTC"][:, :T].float()
    wanted["loss_activity"] = F.binary_cross_entropy_with_logits(said.activity_logits[target_BT], active_BTC[target_BT])
    c = plus.representation().encode(batch.wave_BL.flatten(0, 1))
    pitch_NT, voiced_NT = (x[:, : c.x_BTD.shape[1]] for x in plus.prosody.target(_wave(batch)))
    assert 0.2 < voiced_NT.float().mean() < 0.95
    pitch_said_NT, logit_NT = plus.prosody.linear(c.x_BTD).unbind(-1)
    wanted["loss_f0"] = (pitch_said_NT - pitch_NT)[voiced_NT].abs().mean()
    wanted["loss_voicing"] = F.binary_cross_entropy_with_logits(logit_NT, voiced_NT.float())
    wanted["loss_cpc"] = _cpc_by_hand(plus, batch, over={"mean": 16.0, "dot": 3.0}[score])
    for name, value in wanted.items():
        torch.testing.assert_close(out.parts[name], value, rtol=1e-5, atol=1e-6)
    total = sum(plus.cfg.weights[name] * value for name, value in wanted.items())
    torch.testing.assert_close(out.total, total, rtol=1e-5, atol=1e-6)
    assert set(out.parts) == {*wanted, "acc"}


def _wave(batch: Batch) -> Frames:
    return Frames.of_wave(batch.wave_BL.flatten(0, 1), None, RATE)


def _cpc_by_hand(plus: Method, batch: Batch, *, over: float) -> torch.Tensor:
    out = plus.representation().encode_all(batch.wave_BL.flatten(0, 1))
    z_NTD, c_NTD, K = out["z"].x_BTD, out["c"].x_BTD, plus.cfg.horizons
    losses = []
    for n in range(len(z_NTD)):
        generator = batch.generator(n // 2, f"negatives of channel {n % 2}")
        anchors = z_NTD.shape[1] - K
        drawn_SM = torch.randint(z_NTD.shape[1], (anchors, plus.cfg.negatives), generator=generator)
        for t in range(anchors):
            for k, pred_D in enumerate(plus.predict(c_NTD[n, t : t + 1])[0], start=1):
                rest = [int(m) for m in drawn_SM[t] if int(m) != t + k]
                scores = torch.stack([pred_D @ z_NTD[n, j] / over for j in (t + k, *rest)])
                losses.append(infonce(scores[0], scores)[0])
    return torch.stack(losses).mean()


def test_monologues_change_nothing_in_what_is_foretold_and_something_in_what_is_heard():
    """The gradient of the projection is that of the dialogues alone, however much monologue there is beside them."""
    plus = method()
    with_them = talk(monologues=3)
    alone = _first(with_them, 2)
    gradient, gradient_with = gradients(plus, alone), gradients(plus, with_them)
    head = [name for name in gradient if name.startswith("dialogue.")]
    assert len(head) >= 8
    for name in head:
        torch.testing.assert_close(gradient[name], gradient_with[name], rtol=1e-5, atol=1e-7)
    for name in ("predict.map.weight", "prosody.linear.weight", "encoder.convs.0.weight"):
        assert (gradient[name] - gradient_with[name]).abs().max() > 0.01 * gradient[name].abs().max(), name
    other = talk(monologues=3, seed=1)
    swapped = replace(
        with_them,
        wave_BL=torch.cat([alone.wave_BL, other.wave_BL[2:]]),
        extras={key: torch.cat([alone.extras[key], value[2:]]) for key, value in other.extras.items()},
    )
    gradient_other = gradients(plus, swapped)
    assert all(torch.equal(gradient_with[name], gradient_other[name]) for name in head)
    assert not torch.equal(gradient_with["predict.map.weight"], gradient_other["predict.map.weight"])


def test_monologues_are_foretold_where_that_is_wanted():
    plus, batch = method(monologue_projection=True), talk(monologues=3)
    gradient, gradient_with = gradients(plus, _first(batch, 2)), gradients(plus, batch)
    for name in ("dialogue.head.weight", "dialogue.combine.first.weight", "dialogue.activity_head.weight"):
        assert (gradient[name] - gradient_with[name]).abs().max() > 0.01 * gradient[name].abs().max(), name
    everything = replace(batch, extras={k: v for k, v in batch.extras.items() if k != "heard_BC"})
    torch.testing.assert_close(plus(batch).parts["loss_projection"], plus(everything).parts["loss_projection"])
    assert plus(batch).parts["loss_cpc"] < plus(everything).parts["loss_cpc"]  # silence is told from itself by nobody


def test_monologues_alone_train_what_is_heard():
    plus, batch = method(), talk(dialogues=0, monologues=2)
    gradient = gradients(plus, batch)
    assert not any(value.any() for name, value in gradient.items() if name.startswith("dialogue."))
    assert all(value.any() for name, value in gradient.items() if not name.startswith("dialogue."))
    wave_BCL = batch.wave_BL.clone()
    wave_BCL[~batch.extras["heard_BC"]] = torch.randn(2, T * HOP)  # noise that augmentation adds to nobody
    assert torch.equal(plus(batch).total, plus(replace(batch, wave_BL=wave_BCL)).total)


def _first(batch: Batch, count: int) -> Batch:
    extras = {name: value[:count] for name, value in batch.extras.items()}
    wave_BCL, lengths_B = batch.wave_BL[:count], batch.lengths_B[:count]
    return replace(batch, wave_BL=wave_BCL, lengths_B=lengths_B, seeds=batch.seeds[:count], extras=extras)


def _last(batch: Batch, count: int) -> Batch:
    extras = {name: value[-count:] for name, value in batch.extras.items()}
    wave_BCL, lengths_B = batch.wave_BL[-count:], batch.lengths_B[-count:]
    return replace(batch, wave_BL=wave_BCL, lengths_B=lengths_B, seeds=batch.seeds[-count:], extras=extras)


def test_processes_with_other_shares_of_monologues_add_up_to_one(monkeypatch):
    """Each weighted by its count, as training combines them."""
    plus, whole = method(), talk(dialogues=2, monologues=2)
    parts = [_first(whole, 1), _last(whole, 3)]
    told: list[list[torch.Tensor]] = [[], []]
    for batch, seen in zip(parts, told, strict=True):
        monkeypatch.setattr(scpc_plus, "all_sum", lambda x, seen=seen: seen.append(x.detach()) or x)
        plus(batch)
    totals = [a + b for a, b in zip(*told, strict=True)]
    outs = []
    for batch in parts:
        given = iter(totals)
        monkeypatch.setattr(scpc_plus, "all_sum", lambda _, given=given: next(given))
        outs.append(plus(batch))
    monkeypatch.undo()
    wanted, count = plus(whole), sum(float(out.count) for out in outs)
    for name, value in wanted.parts.items():
        mean = sum(float(out.count) * out.parts[name] for out in outs) / count
        torch.testing.assert_close(mean, value, rtol=1e-5, atol=1e-6)


def test_it_learns_each_of_its_tasks():
    plus, batch = method().train(), talk(monologues=1)
    optimiser = torch.optim.Adam(plus.parameters(), 3e-3)
    outs = []
    for _ in range(16):
        outs.append(plus(batch))
        optimiser.zero_grad()
        outs[-1].total.backward()
        optimiser.step()
    first, last = outs[0].parts, outs[-1].parts
    assert first["loss_projection"].item() == pytest.approx(math.log(256), rel=0.05)
    assert all(last[name] < first[name] for name in plus.cfg.weights)


def test_what_does_not_fit_is_told():
    with pytest.raises(SonantError, match="looks ahead"):
        method(context="both_ways")
    with pytest.raises(SonantError, match="both speakers"):
        method(dialogue={"channels": 1, "activity": True})
    with pytest.raises(SonantError, match="both speakers"):
        method(dialogue={"projection": "independent"})
    with pytest.raises(SonantError, match="weights"):
        method(f0_weight=-1.0)
    with pytest.raises(SonantError, match="2 channels"):
        method()(replace(talk(), wave_BL=talk().wave_BL[:, 0]))
    with pytest.raises(SonantError, match="view: dialogue"):
        method()(replace(talk(), extras={}))
    with pytest.raises(SonantError, match=r"data\.activity_rate"):
        method(dialogue={"stride": 2, "kernel": 2})(talk())
