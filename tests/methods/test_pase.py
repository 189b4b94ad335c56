"""PASE: what the workers are shown, how their losses are balanced, and what the configuration refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from view_parts import views, without_speakers

from sonant import build
from sonant.core import Batch, Method, SonantError
from sonant.methods import pase
from sonant.objectives import balancing

BODY = {"encoder": {"name": "cpc_conv", "dim": 12}, "context": "identity"}
WORKERS = {
    "waveform": {"dims": [6, 6, 6], "hidden": 8, "weight": 2.0},
    "fbank": {"n_mels": 6, "hidden": 8, "stack": 3},
    "lim": {"hidden": 8, "weight": 0.5},
    "spc": {"hidden": 8, "frames": 2, "gap": 3},
}
RULES = ["weights", "sum", "mean", "softmax", "adaptive", "hyper_volume", "dropout", "mgd"]


def made(
    balance: str = "weights", *, workers=None, seed: int = 0, distort: str = "chunk", **balance_settings
) -> Method:
    torch.manual_seed(seed)
    method = {"name": "pase", "distort": distort, "balance": {"name": balance, **balance_settings}}
    return build.method_of(build.resolve({**BODY, "method": method, "workers": workers or WORKERS}))


def gradient(method: Method, batch: Batch) -> torch.Tensor:
    method.zero_grad()
    method(batch).total.backward()
    return torch.cat([p.grad.flatten() for p in method.encoder.parameters()])


def apart(method: Method, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """(W,) losses and (W, N) gradients of the encoder's weights, one worker after the other."""
    weights = list(method.encoder.parameters())
    losses, gradients = [], []
    for name in method.workers:
        one = made("sum")
        one.load_state_dict(method.state_dict())
        seen, _ = one._encode(batch)
        draw = pase.shared_generator(batch, f"worker {name}")
        loss = one.workers[name].loss(replace(seen, draw=draw)).total
        found = torch.autograd.grad(loss, list(one.encoder.parameters()))
        losses.append(loss.detach())
        gradients.append(torch.cat([g.flatten() for g in found]))
    assert len(weights) == len(found)
    return torch.stack(losses), torch.stack(gradients)


def expected_weights(rule: str, method: Method, batch: Batch, losses: torch.Tensor) -> torch.Tensor:
    fixed = torch.tensor([worker.cfg.weight for worker in method.workers.values()])
    scaled = fixed * losses
    if rule == "sum":
        return torch.ones(4)
    if rule == "mean":
        return torch.full((4,), 0.25)
    if rule == "softmax":
        return fixed * torch.softmax(scaled, 0)
    if rule == "hyper_volume":
        return fixed / (1.1 * scaled.max() - scaled)
    if rule == "dropout":
        draw = pase.shared_generator(batch, "dropout of workers")
        return fixed * balancing.kept_tasks(4, rate=0.5, draw=draw)
    return fixed


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in ("adaptive", "mgd")])
def test_the_encoder_follows_the_weighted_sum(rule):
    method, batch = made(rule), views(4)
    losses, gradients = apart(method, batch)
    weights = expected_weights(rule, method, batch, losses)
    torch.testing.assert_close(gradient(method, batch), weights @ gradients, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(method(batch).total.detach(), weights @ losses, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "sum"])
def test_every_rule_turns_the_encoders_gradient(rule):
    """Not only its length: the cosine with the plain sum's is below 1; of mean it is the length."""
    batch, plain = views(4), made("sum")
    other = made(rule)
    for _ in range(2 if rule == "adaptive" else 1):  # the first batch has no batch before it
        turned = gradient(other, batch)
        batch = views(4, seed=1) if rule == "adaptive" else batch
    straight = gradient(plain, views(4, seed=0))
    cosine = torch.nn.functional.cosine_similarity(turned, straight, dim=0)
    if rule == "mean":
        torch.testing.assert_close(turned, straight / 4)
    else:
        assert cosine < 0.9999, float(cosine)


def test_adaptive_weighs_what_improves():
    method, first, second = made("adaptive", alpha=0.25, temperature=0.1), views(4), views(4, seed=1)
    fixed = method.fixed_W
    one = method(first).parts
    assert all(
        float(one[f"{name}.weight"]) == pytest.approx(0.25 * float(w)) for name, w in zip(WORKERS, fixed, strict=True)
    )
    before, after = (fixed * apart(method, batch)[0] for batch in (first, second))
    quality = balancing.next_quality(torch.zeros(4), after, before, alpha=0.25)
    found = method(second)
    weights = torch.stack([found.parts[f"{name}.weight"] for name in WORKERS])
    torch.testing.assert_close(weights, fixed * torch.softmax(quality / 0.1, 0), rtol=1e-4, atol=1e-6)
    state = method.state_dict()
    torch.testing.assert_close(state["quality_W"], quality, rtol=1e-4, atol=1e-6)
    method.eval()(first)
    assert torch.equal(method.state_dict()["quality_W"], state["quality_W"])


def test_mgd_is_the_shortest_combination_at_the_encoders_output():
    method, batch = made("mgd"), views(4)
    out = method(batch)
    weights = torch.stack([out.parts[f"{name}.weight"] for name in WORKERS])
    seen, encoded = method._encode(batch)
    fixed, gradients = method.fixed_W, []
    for name, worker in method.workers.items():
        loss = worker.loss(replace(seen, draw=pase.shared_generator(batch, f"worker {name}"))).total
        gradients.append(torch.autograd.grad(loss, encoded, retain_graph=True)[0].flatten())
    scaled = fixed[:, None] * torch.stack(gradients)
    torch.testing.assert_close(weights, fixed * balancing.min_norm_weights(scaled @ scaled.T), rtol=1e-3, atol=1e-4)
    combined = (weights / fixed) @ scaled
    assert (scaled @ combined >= combined @ combined * 0.999).all()
    _, at_weights = apart(method, batch)
    torch.testing.assert_close(gradient(method, batch), weights @ at_weights, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_validation_weighs_as_the_workers_say(rule):
    """However training balances, so that validation losses can be compared."""
    batch, method = views(4), made(rule).eval()
    losses, _ = apart(method, batch)
    expected = expected_weights(rule if rule in ("sum", "mean") else "weights", method, batch, losses) @ losses
    out = method(batch)
    torch.testing.assert_close(out.total.detach(), expected)
    assert set(out.parts) == {"waveform", "fbank", "lim", "spc", "lim.acc", "spc.acc"}


def test_targets_come_from_the_clean_first_view():
    """And the encoder hears the distorted one, of the other chunk by ``distort``."""
    clean = views(4).extras["views"]
    noisy = clean + 0.3 * torch.randn(clean.shape)
    batch = replace(views(4), extras={"views": noisy, "clean_views": clean})
    for distort, second in (("chunk", clean[:, 1]), ("all", noisy[:, 1])):
        method = made(distort=distort)
        seen, _ = method._encode(batch)
        assert torch.equal(seen.clean.frames.x_BTD[..., 0], clean[:, 0])
        for frames, heard in ((seen.anchor, noisy[:, 0]), (seen.context, second)):
            torch.testing.assert_close(frames.x_BTD, method.representation().encode(heard).x_BTD, rtol=1e-4, atol=1e-5)


def test_others_are_of_other_speakers_where_there_are():
    speakers = torch.tensor([0, 0, 1, -1])
    assert pase.strangers(4, speakers).tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 0]]
    assert pase.strangers(2, torch.tensor([5, 5])).tolist() == [[0, 1], [1, 0]]
    method = made()
    for seed in range(10):
        batch = replace(views(4), seeds=(seed, 1, 2, 3))
        seen, _ = method._encode(batch)
        near = (seen.other.x_BTD[:, None] - seen.context.x_BTD).abs().amax((2, 3)) == 0
        assert not near[:2, :2].any() and not near[2:, 2:].any() and near.any(1).all()
        alone, _ = method._encode(without_speakers(batch))
        assert not ((alone.other.x_BTD - alone.context.x_BTD).abs().amax((1, 2)) == 0).any()


def test_without_workers_that_compare_one_chunk_is_encoded():
    method = made(workers={"fbank": {"n_mels": 4}})
    out = method(views(1, count=1))
    assert set(out.parts) == {"fbank"} and float(out.count) == 1
    assert method._encode(views(3))[1].shape[0] == 3


def test_a_single_utterance_is_too_small_for_workers_that_compare():
    with pytest.raises(SonantError, match="raise data.batch_size"):
        made()(views(1))
    out = made().eval()(views(1))
    assert (float(out.total), float(out.count)) == (0.0, 0.0)
    assert set(out.parts) == set(made().eval()(views(2)).parts)


def test_the_survey_is_what_targets_are_normalised_by():
    method, batches = made(), [views(3, seed=s) for s in range(2)]
    method.survey(iter(batches))
    statistics = method.workers["fbank"].statistics
    assert statistics.count == 2 * 3 * 25
    assert float(method(batches[0]).parts["fbank"].detach()) == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"workers": {}}, "needs the section 'workers'.*fbank.*waveform"),
        ({"workers": {"lpss": {}}}, "unknown worker 'lpss'. Did you mean 'lps'"),
        ({"workers": {"mine": {"name": "gammaton"}}}, "Did you mean 'gammatone'"),
        ({"workers": {"lps": {"stak": 7}}}, r"worker 'lps' \(lps\). Did you mean 'stack'"),
        ({"workers": {"lps": 3}}, "must be a mapping"),
        ({"workers": ["lps"]}, "must be a mapping"),
        ({"workers": {"loss": {"name": "lps"}}}, "cannot be called 'loss'"),
        ({"workers": {"keys": {"name": "lps"}}}, "cannot be called 'keys'"),
        ({"workers": {"lps.long": {"name": "lps"}}}, "cannot be called 'lps.long'"),
        ({"workers": {"lps": {"weight": 0.0}}}, "weight of every worker is 0"),
        ({"method": {"name": "cpc"}}, "takes no section 'workers'"),
        ({"method": {"name": "pase", "balance": {"name": "softmaks"}}}, "balance"),
        ({"method": {"name": "pase", "balance": {"delta": 1.0}}}, "above 1"),
        ({"augment": {"clip_prob": 0.5}}, "augment.keep_clean: true"),
    ],
)
def test_what_a_configuration_may_not_say(changes, message):
    config = {**BODY, "method": "pase", "workers": {"lps": {}}, **changes}
    with pytest.raises(SonantError, match=message):
        build.method_of(build.resolve(config))


def test_null_takes_a_worker_away_and_the_rest_is_kept_as_resolved():
    config = {**BODY, "method": "pase", "workers": {"long": {"name": "lps", "frame_length": 32.0}, "spc": None}}
    run = build.resolve(config)
    assert list(run.workers) == ["long"]
    plain = run.plain()
    assert (plain["workers"]["long"]["name"], plain["workers"]["long"]["frame_length"]) == ("lps", 32.0)
    assert build.resolve(plain) == run


def test_the_full_set_has_the_published_size():
    """Ravanelli et al.: 7.83 million weights of the encoder; its code's ten regression workers have 21.6 million."""
    method = build.method_of(build.resolve("pase-plus"))
    sizes = {name: sum(p.numel() for p in worker.parameters()) for name, worker in method.workers.items()}
    assert len(sizes) == 12
    assert sum(p.numel() for p in method.encoder.parameters()) == 7_832_896
    assert round(sum(size for name, size in sizes.items() if name not in ("lim", "gim")) / 1e6, 1) == 21.6
    assert [round(sizes[name] / 1e6, 2) for name in ("waveform", "lps", "lps_long")] == [8.86, 5.6, 5.6]


def test_the_recipe_averages_its_workers(oracle_dir):
    """With the oracle's seven losses in the workers' place."""
    import numpy as np

    with np.load(oracle_dir / "pase" / "seed_recipe.npz") as stored:
        losses = [float(stored[f"{name}/loss"]) for name in ("decoder", "lps", "mfcc", "prosody", "lim", "gim", "spc")]
        expected = float(stored["avg_loss"])
    run = build.resolve("pase-recipe")
    assert list(run.workers) == ["waveform", "lps", "mfcc", "prosody", "lim", "gim", "spc"]
    method = build.method_of(run)
    weights = method._weights(torch.tensor(losses), torch.zeros(1), views(2))
    assert float(weights @ torch.tensor(losses)) == pytest.approx(expected, rel=1e-6)
