from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from apc_parts import fill_stack, released, stored_batch, train
from pair_parts import made as on_arrays
from pair_parts import noise
from torch import nn

from sonant.contexts import gru, identity
from sonant.core import Batch, FrameGeometry, Frames, SonantError
from sonant.encoders import identity as plain
from sonant.encoders import mlp
from sonant.methods import apc

D = 4


def made(shift=2, context=None) -> apc.Method:
    torch.manual_seed(0)
    encoder = plain.Encoder(plain.Config(), source=FrameGeometry(16000), in_dim=1)
    context = context or gru.Context(gru.Config(dim=D), source=encoder.geometry, in_dim=1)
    return apc.Method(apc.Config(shift=shift), encoder=encoder, context=context)


def batch(lengths=(9, 6, 2)) -> Batch:
    wave = torch.randn(len(lengths), max(lengths), generator=torch.Generator().manual_seed(0))
    return Batch(wave, torch.tensor(lengths), 16000)


def test_loss_is_the_mean_absolute_error_over_real_frames():
    method, examples = made(), batch()
    x = examples.frames()
    y_BTD = method.predict(method.context(x).x_BTD)
    errors = [(x.x_BTD[b, t + 2] - y_BTD[b, t]).abs() for b, n in enumerate(x.lengths_B.tolist()) for t in range(n - 2)]
    out = method(examples)
    torch.testing.assert_close(out.total, torch.cat(errors).mean())
    assert int(out.count) == 7 + 4


def test_start_is_near_the_mean_absolute_feature():
    """A prediction of zero scores mean |x|, which for standard normal features is 0.8."""
    method, examples = made(shift=1), batch((4000,))
    nn.init.zeros_(method.predict.weight)
    nn.init.zeros_(method.predict.bias)
    assert method(examples).total.item() == pytest.approx(examples.wave_BL[:, 1:].abs().mean().item(), rel=1e-5)
    assert method(examples).total.item() == pytest.approx(0.8, abs=0.03)
    assert method.chance() is None


def test_halves_weighted_by_count_are_the_whole():
    method, whole = made(), batch()
    first = Batch(whole.wave_BL[:1], whole.lengths_B[:1], 16000)
    rest = Batch(whole.wave_BL[1:], whole.lengths_B[1:], 16000)
    parts = [method(first), method(rest)]
    mean = sum(out.total * out.count for out in parts) / sum(out.count for out in parts)
    torch.testing.assert_close(mean, method(whole).total)


def test_what_cannot_be_learnt_is_refused():
    source = FrameGeometry(16000)
    encoder = mlp.Encoder(mlp.Config(dim=D), source=source, in_dim=1)
    context = identity.Context(identity.Config(), source=source, in_dim=D)
    with pytest.raises(SonantError, match="encoder: identity"):
        apc.Method(apc.Config(), encoder=encoder, context=context)
    apc.Method(apc.Config(), encoder=encoder.requires_grad_(False), context=context)
    context.future = None
    with pytest.raises(SonantError, match="looks ahead"):
        made(context=context)
    with pytest.raises(SonantError, match="shift"):
        apc.Config(shift=0)
    with pytest.raises(SonantError, match="the longest example has 2"):
        made()(batch((2, 1)))


def test_paper_architecture_has_its_layers():
    """Three residual GRU layers of 512 on 80 features (Chung et al. 2019)."""
    source = FrameGeometry(16000, hop=160, window=400)
    context = gru.Context(gru.Config(dim=512, layers=3, residual=True), source=source, in_dim=80)
    x = Frames(torch.randn(1, 4, 80), torch.tensor([4]), source)
    last, inner = context.forward_layers(x)
    assert tuple(inner) == ("layer_1", "layer_2")
    torch.testing.assert_close(last.x_BTD, context.rnns[2](inner["layer_2"].x_BTD)[0] + inner["layer_2"].x_BTD)


both_stored = pytest.mark.parametrize("name", ["apc_plain", "apc_residual_aux"])
both_axes = pytest.mark.parametrize("over", ["time", "asis"])


@both_stored
@both_axes
def test_equals_the_released_code(oracle_dir, name, over):
    """Along time as its papers say; over the batch as that code computes (``context.over: batch``)."""
    method, arrays, _ = released(oracle_dir, name, over)
    example = stored_batch(arrays["x"])
    with torch.no_grad():
        h = method.context(method.encoder(example.frames())).x_BTD
        torch.testing.assert_close(h, arrays[f"h_{over}"], rtol=0, atol=1e-5)
        torch.testing.assert_close(method(example).total, arrays[f"loss_{over}"], rtol=1e-5, atol=0)
        if over == "time":
            torch.testing.assert_close(method.predict(h), arrays["pred_time"], rtol=0, atol=1e-5)


@both_stored
def test_one_utterance_at_a_time_has_no_memory_in_the_released_code(oracle_dir, name):
    method, arrays, _ = released(oracle_dir, name, "asis")
    x_BTD = arrays["x"][:1]
    alone = on_arrays({"name": "apc"}, dim=13, context={"name": "gru", **vars(method.context.cfg), "over": "none"})
    alone.context.load_state_dict(method.context.state_dict())
    with torch.no_grad():
        for context in (alone.context, method.context):
            h_BTC = context(stored_batch(x_BTD).frames()).x_BTD
            torch.testing.assert_close(h_BTC, arrays["h_asis_single"], rtol=0, atol=1e-5)


@both_stored
@both_axes
def test_four_steps_of_training_equal_the_released_code(oracle_dir, name, over):
    """Losses, lengths of the gradients and weights; there all layers after the first are one."""
    method, arrays, weights = released(oracle_dir, name, over)
    for layer in range(2, len(method.context.rnns)):
        method.context.rnns[layer] = method.context.rnns[1]
    trace = train(method, stored_batch(arrays["x"]))
    for mine, theirs in (
        ("loss", f"train_loss_{over}"),
        ("encoder", f"grad_norm_encoder_{over}"),
        ("predictor", f"grad_norm_predictor_{over}"),
    ):
        torch.testing.assert_close(torch.tensor(trace[mine]), arrays[theirs].float(), rtol=1e-5, atol=0)
    if over == "time":
        after, predictor = weights["encoder_after4"], weights["predictor_after4"]
    else:
        stored = torch.load(oracle_dir / "frame" / name / "ckpt_9.pt", weights_only=True)
        after, predictor = stored["enc_model_state_dict"], stored["pred_model_state_dict"]
    have, want = method.context.state_dict(), {k.replace("rnn_layers", "rnns"): v for k, v in after.items()}
    torch.testing.assert_close(dict(have), want, rtol=0, atol=1e-5)
    have = {f"W.{key}": value for key, value in method.predict.state_dict().items()}
    torch.testing.assert_close(have, dict(predictor), rtol=0, atol=1e-5)


@both_axes
def test_loss_of_the_past_equals_the_released_code(oracle_dir, over, monkeypatch):
    """Whose second encoder is never residual."""
    settings = {"aux": "apart", "aux_shift": 5, "aux_anchors": 6, "aux_back": 14, "aux_length": 7}
    method, arrays, _ = released(oracle_dir, "apc_residual_aux", over, **settings)
    method.aux.cfg = replace(method.aux.cfg, residual=False)
    monkeypatch.setattr(method, "anchors", lambda x, batch: arrays["aux_anchors"].expand(len(batch), -1))
    with torch.no_grad():
        out = method(stored_batch(arrays["x"]))
    torch.testing.assert_close(out.total, arrays[f"aux_total_loss_{over}"], rtol=1e-5, atol=0)
    torch.testing.assert_close(6 * out.parts["past"], arrays[f"aux_cum_loss_{over}"], rtol=1e-5, atol=0)


def on_noise(lengths=(40, 33, 17), **settings) -> tuple[apc.Method, Batch]:
    """Multi-target APC on standard normal features, three of each frame."""
    settings = {"shift": 2, "aux": "state", "aux_anchors": 4, "aux_back": 9, "aux_length": 5, **settings}
    method = on_arrays({"name": "apc", **settings}, dim=3, context={"name": "gru", "dim": 6, "layers": 2})
    x_BTD = nn.utils.rnn.pad_sequence(noise(*lengths, dim=3), batch_first=True, padding_value=7.0)
    return method, stored_batch(x_BTD, torch.tensor(lengths))


def slow_past(method: apc.Method, batch: Batch, b: int) -> torch.Tensor:
    """All errors of the past of one utterance, anchor by anchor and frame by frame, as the paper has it."""
    cfg, x = method.cfg, method.encoder(batch.frames())
    h_TC, length, errors = method.context(x).x_BTD[b], int(x.lengths_B[b]), []
    for a in method.anchors(x, batch)[b].tolist():
        if a < 0:
            continue
        state_11C = h_TC[a][None, None]
        for j in range(cfg.aux_length):
            t = a - cfg.aux_back + j
            g_11C, state_11C = method.aux(x.x_BTD[b, t][None, None], state_11C)
            if t + cfg.shift < length:
                errors.append((x.x_BTD[b, t + cfg.shift] - method.aux_predict(g_11C)[0, 0]).abs())
    return torch.stack(errors)


def test_loss_of_the_past_equals_a_slow_twin():
    method, batch = on_noise()
    out = method(batch)
    count_B = batch.lengths_B - 2
    means_B = torch.stack([slow_past(method, batch, b).mean() for b in range(3)])
    torch.testing.assert_close(out.parts["past"], (count_B * means_B).sum() / count_B.sum())
    torch.testing.assert_close(out.total, out.parts["ahead"] + 0.1 * out.parts["past"])
    method, batch = on_noise(reduction="sum", shift=7)  # the last targets lie past the end of the utterance
    sums = [slow_past(method, batch, b).sum() / min(4, int(batch.lengths_B[b]) - 9) for b in range(3)]
    torch.testing.assert_close(method(batch).parts["past"], sum(sums))


def test_only_a_state_at_the_anchor_shapes_the_context():
    """With ``apart`` the loss of the past does not reach the context; with ``state`` it does."""
    for aux, reached in (("state", True), ("apart", False)):
        method, batch = on_noise(aux=aux)
        past = method(batch).parts["past"]
        gradients = torch.autograd.grad(past, list(method.context.parameters()), allow_unused=True)
        assert any(g is not None and g.abs().sum() > 0 for g in gradients) == reached
        assert all(p.grad is None or p.grad.abs().sum() > 0 for p in method.aux.parameters())


@pytest.mark.parametrize("aux", ["state", "apart"])
def test_anchors_belong_to_the_example(aux):
    """Alone, in a batch, more padded: the same draws; another seed: others; without replacement and in range."""
    method, batch = on_noise(aux=aux)
    x = method.encoder(batch.frames())
    anchor_BM = method.anchors(x, batch)
    for b, n in enumerate(batch.lengths_B.tolist()):
        drawn = [a for a in anchor_BM[b].tolist() if a >= 0]
        assert len(set(drawn)) == len(drawn) == min(4, n - 9)
        assert all(9 <= a < n for a in drawn)
    alone = replace(batch, wave_BL=batch.wave_BL[1:2], lengths_B=batch.lengths_B[1:2], seeds=batch.seeds[1:2])
    assert torch.equal(method.anchors(method.encoder(alone.frames()), alone), anchor_BM[1:2])
    other = replace(batch, seeds=(7, 8, 9))
    assert not torch.equal(method.anchors(x, other), anchor_BM)
    first = replace(batch, wave_BL=batch.wave_BL[:1], lengths_B=batch.lengths_B[:1], seeds=batch.seeds[:1])
    rest = replace(batch, wave_BL=batch.wave_BL[1:], lengths_B=batch.lengths_B[1:], seeds=batch.seeds[1:])
    parts, whole = [method(first), method(rest)], method(batch)
    for name in ("ahead", "past"):
        mean = sum(out.parts[name] * out.count for out in parts) / whole.count
        torch.testing.assert_close(mean, whole.parts[name])


@pytest.mark.parametrize("aux", ["state", "apart"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_padding_changes_neither_part(aux, reduction):
    method, batch = on_noise(aux=aux, reduction=reduction)
    longer = replace(batch, wave_BL=nn.functional.pad(batch.wave_BL, (0, 0, 0, 11), value=-3.0))
    results = []
    for example in (batch, longer):
        method.zero_grad()
        out = method(example)
        out.total.backward()
        results.append([out.total, *out.parts.values(), *(p.grad for p in method.parameters())])
    torch.testing.assert_close(results[0], results[1])


def test_utterances_without_room_for_an_anchor_have_no_past():
    method, batch = on_noise(lengths=(8, 6))
    out = method(batch)
    assert out.parts["past"] == 0
    out.total.backward()
    assert all(p.grad is not None and not p.grad.any() for p in method.aux.parameters())
    method, batch = on_noise(lengths=(40, 8))
    alone = replace(batch, wave_BL=batch.wave_BL[:1], lengths_B=batch.lengths_B[:1])
    expected = method(alone).parts["past"] * 38 / (38 + 6)
    torch.testing.assert_close(method(batch).parts["past"], expected)


def test_reductions_of_the_originals():
    """Sums are the mean times its terms; padded ones also count frames of zeros, heard (sum) or not (mean)."""
    lengths = (12, 7)
    batch = stored_batch(nn.utils.rnn.pad_sequence(noise(*lengths, dim=3), batch_first=True), torch.tensor(lengths))

    def loss(reduction, example=batch):
        method = on_arrays({"name": "apc", "shift": 2, "reduction": reduction}, dim=3, context="gru")
        return method, method(example).total

    _, mean = loss("mean")
    _, total = loss("sum")
    torch.testing.assert_close(total, mean * (10 + 5) * 3)
    method, padded = loss("padded_mean")
    silent = method.predict.bias.abs().sum() * 5  # five states of zeros predict five frames of zeros
    torch.testing.assert_close(padded, (total + silent) / (2 * 10 * 3))
    _, heard = loss("padded_sum")
    torch.testing.assert_close(heard, loss("sum", stored_batch(batch.wave_BL))[1])
    assert heard > total


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"aux_shift": 0}, "aux_shift"),
        ({"aux_weight": -1.0}, "aux_weight"),
        ({"aux_anchors": 0}, "aux_anchors"),
        ({"aux_length": 15}, "aux_length must be 1 to aux_back"),
        ({"aux": "apart", "aux_length": 3, "aux_shift": 3}, "aux_length must exceed aux_shift"),
    ],
)
def test_impossible_segments_are_refused(settings, message):
    with pytest.raises(SonantError, match=message):
        apc.Config(**settings)


def test_second_context_has_weights_of_its_own():
    method, _ = on_noise(aux="apart")
    pairs = zip(method.aux.parameters(), method.context.parameters(), strict=True)
    assert not any(torch.equal(one, other) for one, other in pairs)


def test_without_the_past_nothing_is_added_to_the_weights(oracle_dir):
    """Trained models of before load as they are."""
    assert set(dict(made().named_children())) == {"encoder", "context", "predict"}
    method, _, weights = released(oracle_dir, "apc_plain", "time")
    fill_stack(method.context, weights["encoder_after4"])
