"""LIM and GIM: PASE's numbers, padding, and what they refuse."""

from __future__ import annotations

import math

import pytest
import torch
from worker_parts import Oracle, frames, seen, worker

from sonant.core import SonantError

CASES = {"mi": ("lim", False), "mi_augment": ("lim", True), "cmi": ("gim", False), "cmi_augment": ("gim", True)}


@pytest.mark.parametrize("case", CASES)
def test_losses_and_gradients_are_those_of_pase(oracle_dir, case):
    oracle, (kind, augment) = Oracle(oracle_dir / "pase" / "losses.npz"), CASES[case]
    chunk, context, other = oracle.embeddings("emb_chunk", "emb_ctxt", "emb_rand")
    made = worker(kind, in_dim=12, hidden=16, augment=augment)
    made.head.load_state_dict(oracle.head(case))
    out = made.loss(seen(frames(chunk), context=frames(context), other=frames(other)))
    torch.testing.assert_close(out.total, oracle[f"{case}/loss"], atol=1e-6, rtol=1e-6)
    grads = torch.autograd.grad(out.total, [chunk, context, other])
    for i, grad in enumerate(grads):
        torch.testing.assert_close(grad.transpose(1, 2), oracle[f"{case}/grad_emb{i}"], atol=1e-8, rtol=1e-4)
    right = (oracle[f"{case}/logits"] > 0) == (oracle[f"{case}/labels"] > 0.5)
    assert float(out.parts["acc"]) == pytest.approx(float(right.double().mean()))


@pytest.mark.parametrize("kind", ["lim", "gim"])
@pytest.mark.parametrize("augment", [False, True])
def test_padding_counts_nothing(kind, augment):
    """An utterance counts as much as any other, and only what both of a pair have."""
    made, x = worker(kind, in_dim=6, hidden=8, augment=augment), torch.randn(3, 2, 20, 6)
    lengths = [[20, 13], [20, 13], [13, 20]]
    whole = made.loss(
        seen(**{k: frames(v, n) for k, v, n in zip(("anchor", "context", "other"), x, lengths, strict=True)})
    ).total
    alone = []
    for b in range(2):
        cut = [frames(v[b : b + 1, : n[b]]) for v, n in zip(x, lengths, strict=True)]
        alone.append(made.loss(seen(cut[0], context=cut[1], other=cut[2])).total)
    torch.testing.assert_close(whole, torch.stack(alone).mean())


def test_knowing_nothing_scores_log_2():
    made, x = worker("lim", in_dim=4), torch.randn(3, 2, 9, 4)
    torch.nn.init.zeros_(made.head.out.weight)
    torch.nn.init.zeros_(made.head.out.bias)
    out = made.loss(seen(frames(x[0]), context=frames(x[1]), other=frames(x[2])))
    assert out.total.item() == pytest.approx(math.log(2))


def test_bad_settings_are_told():
    for settings in ({"hidden": 0}, {"dropout": 1.0}, {"weight": -1.0}):
        with pytest.raises(SonantError):
            worker("gim", in_dim=4, **settings)
