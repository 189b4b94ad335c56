"""SwAV, DeepCluster, prototypical MoCo and SSPS over some steps: what they remember, and what they do with it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from view_parts import small, views

from sonant.core import Batch, SonantError


def named(size: int = 6, *, first: int = 0, seed: int = 0) -> Batch:
    return replace(views(size, seed=seed), ids=tuple(f"u{n}" for n in range(first, first + size)))


def trained(method, steps: int, *, total: int = 20):
    """Steps over two alternating batches of six utterances each; the losses."""
    optimiser = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], lr=0.01)
    losses = []
    for step in range(1, steps + 1):
        out = method(named(first=6 * (step % 2), seed=step % 2))
        optimiser.zero_grad()
        out.total.backward()
        optimiser.step()
        method.after_step(step, total)
        losses.append(out)
    return losses


def continues_exactly(name: str, settings: dict, steps: int = 6) -> None:
    """Saved after some steps and loaded into a fresh method, the next loss is the same."""
    one, two = small(name, **settings), small(name, seed=1, **settings)
    trained(one, steps)
    two.load_state_dict(one.state_dict())
    assert torch.equal(one(named()).total, two(named()).total)


SETTINGS = {
    "swav": {"prototypes": 10, "projector": [8], "queue": 12, "queue_from": 2, "frozen_steps": 1},
    "deepcluster": {"clusters": 3, "every": 2, "memory": 20, "projector": [8]},
    "proto_moco": {"clusters": 3, "start": 2, "every": 2, "memory": 20, "projector": [8], "queue": 12},
    "simclr": {
        "ssps": {"mode": "kmeans_repr", "start": 2, "every": 2, "clusters": 3, "references": 20, "positives": 12}
    },
    "moco": {"queue": 12, "ssps": {"mode": "knn", "start": 2, "neighbours": 2, "references": 20, "positives": 12}},
    "dino": {
        "outputs": 12,
        "hidden": 8,
        "bottleneck": 6,
        "frozen_steps": 1,
        "ssps": {"mode": "kmeans", "start": 2, "every": 2, "clusters": 3, "references": 20, "positives": 12},
    },
}


@pytest.mark.parametrize("name", SETTINGS)
def test_resumed_it_goes_on_exactly(name):
    continues_exactly(name, SETTINGS[name])


def test_swav_freezes_its_prototypes_and_lets_the_queue_take_part():
    method = small("swav", **SETTINGS["swav"])
    method(named()).total.backward()
    assert method.prototypes.weight.grad.abs().sum() == 0
    trained(method, 3)
    method.zero_grad()
    method(named()).total.backward()
    assert method.prototypes.weight.grad.abs().sum() > 0
    with_queue = method(named()).total.item()
    method.step.fill_(1)
    assert with_queue != method(named()).total.item()
    assert method.queues[0].vectors_QD.norm(dim=1).sub(1).abs().max() < 1e-5


def test_deepcluster_takes_utterances_for_classes_until_it_has_clusters():
    method = small("deepcluster", **SETTINGS["deepcluster"])
    first, second, third = trained(method, 3)
    assert first.parts["known"] == 1 and first.count == 6 and int(method.clustered) == 1
    assert third.parts["known"] == 1, "the batch of the first step comes again"
    assert method.cluster_HN[:, :12].min() >= 0
    new = method(named(first=50, seed=9))
    assert new.total.item() == 0 and new.count == 0
    new.total.backward()
    held_out = method.eval()(named(first=90, seed=8))
    assert held_out.count == 6 and held_out.total.item() > 0


def test_deepcluster_says_when_it_has_seen_too_few():
    method = small("deepcluster", clusters=10, memory=20, every=1, projector=[8])
    with pytest.raises(SonantError, match="6 utterances seen in 1 steps cannot make 10 clusters"):
        trained(method, 1)
    with pytest.raises(SonantError, match="a memory of 5 utterances cannot make 10 clusters"):
        small("deepcluster", clusters=10, memory=5)


def test_proto_moco_compares_with_clusters_once_there_are_some():
    method = small("proto_moco", **SETTINGS["proto_moco"])
    outs = trained(method, 4)
    assert outs[0].parts["prototypes"] == 0 and outs[2].parts["prototypes"] > 0
    assert method.width_K.mean().item() == pytest.approx(0.07, rel=0.5)


@pytest.mark.parametrize("name", ["simclr", "moco", "dino"])
def test_ssps_puts_other_recordings_in_place_of_the_second_view(name):
    method = small(name, **SETTINGS[name])
    outs = trained(method, 4)
    assert outs[0].parts["ssps_replaced"] == 0 and outs[3].parts["ssps_replaced"] > 0
    method.train()
    kept = method(named(first=6 * (5 % 2), seed=1)).total.item()
    method.ssps.step.fill_(0)
    assert kept != method(named(first=6 * (5 % 2), seed=1)).total.item()


def test_supervised_learns_from_one_view_and_leaves_out_the_unlabelled():
    method = small("supervised", classes=3)
    batch = views(4, count=1)
    out = method(replace(batch, speaker_B=torch.tensor([0, -1, 2, -1])))
    assert out.count == 2
    short = replace(batch, speaker_B=torch.tensor([0, 2]), lengths_B=batch.lengths_B[:2])
    alone = replace(short, wave_BL=batch.wave_BL[[0, 2]], extras={"views": batch.extras["views"][[0, 2]]})
    torch.testing.assert_close(out.total, method(alone).total)
    for speaker_B, told in ((None, "name no speakers"), (torch.tensor([0, 5, 1, 1]), "classes to at least 6")):
        with pytest.raises(SonantError, match=told):
            method(replace(batch, speaker_B=speaker_B))
    with pytest.raises(SonantError, match="no utterance of the batch has a speaker"):
        method(replace(batch, speaker_B=torch.full((4,), -1)))
    languages = small("supervised", classes=3, labels="language", loss="cross_entropy")
    spoken = replace(batch, extras={**batch.extras, "language_B": torch.tensor([0, 1, 2, 0])})
    assert languages(spoken).count == 4
