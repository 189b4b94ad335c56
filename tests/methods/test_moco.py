import pytest
import torch
import torch.nn.functional as F
from view_parts import small, views, without_speakers

from sonant.core import SonantError
from sonant.objectives.queue_contrast import queue_contrast


def test_each_view_meets_the_queue_of_the_other_and_then_joins_it():
    method, batch = small("moco", queue=8, temperature=0.2), views()
    queues = [queue.snapshot()[0] for queue in method.queues]
    query_BVD, key_BVD = method.embed(batch)
    sides = [queue_contrast(query_BVD[:, side], key_BVD[:, side], queues[side], temperature=0.2)[0] for side in (0, 1)]
    out = method(batch)
    torch.testing.assert_close(out.total, (sides[0] + sides[1]) / 2)
    assert out.count == 8
    for side, queue in enumerate(method.queues):
        torch.testing.assert_close(queue.vectors_QD[:4], F.normalize(key_BVD[:, side], dim=-1))
        assert torch.equal(queue.vectors_QD[4:], queues[side][4:])
        assert queue.label_Q.tolist() == [0, 0, 1, 1, -1, -1, -1, -1]


def test_keys_are_of_the_other_view_and_of_the_slow_body():
    method, batch = small("moco", queue=8), views()
    query_BVD, key_BVD = method.embed(batch)
    torch.testing.assert_close(key_BVD, query_BVD.flip(1).detach())  # at first both bodies are the same
    assert not key_BVD.requires_grad
    with torch.no_grad():
        method.embedding.linear.weight.mul_(1.5)
    after_BVD = method.embed(batch)[1]
    torch.testing.assert_close(after_BVD, key_BVD)
    method.after_step(1, 10)
    assert not torch.equal(method.embed(batch)[1], after_BVD)


def test_the_queue_rests_outside_of_training():
    method = small("moco", queue=8).eval()
    before = method.queues[0].vectors_QD.clone()
    first = method(views()).total
    assert torch.equal(method.queues[0].vectors_QD, before)
    assert torch.equal(method(views()).total, first)


def test_keys_of_the_same_speaker_are_left_out_when_known():
    method, batch = small("moco", queue=8, temperature=1.0, known_speakers=True), views()
    other = small("moco", queue=8, temperature=1.0)
    for each in (method, other):
        each(batch)  # fills the queues with the batch's own speakers
    assert method(batch).total < other(batch).total
    with pytest.raises(SonantError, match="name their speakers"):
        method(without_speakers(batch))


def test_a_queue_that_batches_do_not_fill_is_told():
    with pytest.raises(SonantError, match=r"queue of 10 .* multiple of data\.batch_size"):
        small("moco", queue=10)(views())
