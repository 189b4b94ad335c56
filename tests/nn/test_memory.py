from __future__ import annotations

import torch

from sonant.core import Batch
from sonant.nn.memory import VectorMemory, keys_of


def test_an_utterance_keeps_its_place_and_the_first_make_room():
    memory = VectorMemory(3, 2)
    places, new = memory.put(torch.tensor([10, 20]), torch.eye(2), torch.tensor([1, 2]))
    assert places.tolist() == [0, 1] and new.tolist() == [True, True] and len(memory) == 2
    places, new = memory.put(torch.tensor([20, 30]), 2 * torch.eye(2))
    assert places.tolist() == [1, 2] and new.tolist() == [False, True]
    assert memory.vectors_ND[1].tolist() == [2.0, 0.0] and memory.label_N.tolist() == [1, -1, -1]
    memory.put(torch.tensor([40]), torch.ones(1, 2))
    assert memory.find(torch.tensor([10, 20, 30, 40, 50])).tolist() == [-1, 1, 2, 0, -1]
    assert len(memory) == 3


def test_of_one_that_comes_twice_the_last_is_kept():
    memory = VectorMemory(4, 1)
    memory.put(torch.tensor([7, 8, 7]), torch.tensor([[1.0], [2.0], [3.0]]))
    assert len(memory) == 2 and memory.vectors_ND[memory.find(torch.tensor([7]))].item() == 3.0


def test_it_is_found_again_after_loading_and_copying():
    memory, other = VectorMemory(3, 1), VectorMemory(3, 1)
    memory.put(torch.tensor([5, 6]), torch.ones(2, 1))
    other.load_state_dict(memory.state_dict())
    assert other.find(torch.tensor([6, 9])).tolist() == [1, -1]
    third = VectorMemory(3, 1)
    for mine, theirs in zip(third.buffers(), memory.buffers(), strict=True):
        mine.copy_(theirs)
    assert third.find(torch.tensor([6])).tolist() == [1]


def test_keys_are_of_names():
    one, two = (keys_of(Batch(torch.zeros(2, 1), torch.ones(2), 16000, ids=tuple(ids))) for ids in ("ab", "ba"))
    assert one.tolist() == two.flip(0).tolist() and one[0] != one[1] and (one >= 0).all()
