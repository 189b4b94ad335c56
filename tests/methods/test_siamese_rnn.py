from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from pair_parts import batch, made, noise

from sonant.core import SonantError

D = 4
BODY = {"context": {"name": "gru", "dim": 6}, "embedding": {"pool": "last", "dim": 5}}


def small(**settings):
    return made({"name": "siamese_rnn", **settings}, dim=D, **BODY)


def pairs(*, words=None):
    sides = [batch(*noise(6, 3, 5, dim=D, seed=seed)) for seed in (0, 1)]
    ids = [tuple(f"{side}{b}" for b in range(3)) for side in "ab"]
    extras = {} if words is None else {"word_B": torch.tensor(words)}
    return replace(sides[0], ids=ids[0], other=replace(sides[1], ids=ids[1]), extras=extras)


def vectors(method, example):
    """Vectors of (pair, side), each token by itself."""
    embed = method.representation().embed
    sides = (example, example.other)
    return {
        (b, s): embed(side.wave_BL[b : b + 1, :n])[0]
        for s, side in enumerate(sides)
        for b, n in enumerate(side.lengths_B.tolist())
    }


def written_out(method, example, allowed, reduce):
    e = vectors(method, example)

    def apart(x, y):
        return 1 - F.cosine_similarity(e[x], e[y], dim=0)

    anchors = []
    for b in range(len(example)):
        rivals = [(a, s) for a in range(len(example)) for s in (0, 1) if allowed(a, b)]
        hinges = [(0.2 + apart((b, 0), (b, 1)) - apart((b, 0), rival)).clamp(min=0) for rival in rivals]
        if hinges:
            anchors.append(reduce(torch.stack(hinges)))
    return torch.stack(anchors).mean(), len(anchors)


@pytest.mark.parametrize(("negatives", "reduce"), [("all", torch.mean), ("hardest", torch.max)])
def test_loss_is_the_hinge_over_other_words(negatives, reduce):
    method, example = small(negatives=negatives), pairs()
    out = method(example)
    total, anchors = written_out(method, example, lambda a, b: a != b, reduce)
    torch.testing.assert_close(out.total, total)
    assert int(out.count) == anchors == 3


def test_the_same_word_is_no_rival():
    """Known by its number; pair 2 is the only one of another word."""
    method, example = small(), pairs(words=[7, 7, 1])
    total, _ = written_out(method, example, lambda a, b: (a == 2) != (b == 2), torch.mean)
    torch.testing.assert_close(method(example).total, total)


def test_shared_utterances_are_no_rivals():
    """A pair the other way round holds the same two tokens."""
    example = pairs()
    turned = replace(example, ids=("a0", "b0", "a2"), other=replace(example.other, ids=("b0", "a0", "b2")))
    method = small()
    total, _ = written_out(method, turned, lambda a, b: (a == 2) != (b == 2), torch.mean)
    torch.testing.assert_close(method(turned).total, total)


def test_equal_vectors_score_the_margin():
    method = small()
    torch.nn.init.zeros_(method.embedding.linear.weight)
    assert method(pairs()).total.item() == pytest.approx(0.2)


def test_what_it_needs_is_told():
    with pytest.raises(SonantError, match="no other word"):
        small()(pairs(words=[1, 1, 1]))
    with pytest.raises(SonantError, match="view pairs"):
        small()(replace(pairs(), other=None))
    with pytest.raises(SonantError, match="margin"):
        small(margin=0.0)
