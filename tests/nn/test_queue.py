import pytest
import torch

from sonant.core import SonantError
from sonant.nn.queue import Queue


def test_it_begins_with_random_vectors_of_length_one():
    queue = Queue(6, 3)
    torch.testing.assert_close(queue.vectors_QD.norm(dim=1), torch.ones(6))
    assert queue.label_Q.tolist() == [-1] * 6
    assert len(queue) == 6


def test_the_oldest_leave_first():
    queue = Queue(6, 1)
    for step in range(4):
        queue.put(torch.full((2, 1), float(step)), torch.full((2,), step))
    assert queue.vectors_QD[:, 0].tolist() == [3, 3, 1, 1, 2, 2]
    assert queue.label_Q.tolist() == [3, 3, 1, 1, 2, 2]
    assert queue.next.tolist() == [2]


def test_snapshots_survive_the_next_batch():
    queue, x_BD = Queue(4, 2), torch.ones(2, 2, requires_grad=True)
    old_QD, _ = queue.snapshot()
    loss = (x_BD @ old_QD.T).sum()
    queue.put(x_BD)
    loss.backward()
    assert torch.equal(x_BD.grad[0], old_QD.sum(0))


def test_a_saved_queue_goes_on_where_it_was():
    queue, other = Queue(6, 3), Queue(6, 3)
    queue.put(torch.ones(2, 3))
    other.load_state_dict(queue.state_dict())
    for each in (queue, other):
        each.put(torch.zeros(2, 3))
    assert torch.equal(queue.vectors_QD, other.vectors_QD)


def test_a_batch_that_does_not_divide_the_queue_is_told():
    with pytest.raises(SonantError, match=r"no multiple of the 4 .* such as 8"):
        Queue(10, 3).put(torch.ones(4, 3))
