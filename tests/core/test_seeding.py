import random

import numpy as np
import torch

from sonant.core import derive_seed, generator, numpy_generator, seed_everything
from sonant.core.seeding import restore_rng_state, rng_state


def test_a_seed_is_a_function_of_its_whole_path():
    assert derive_seed(1, "a", 2) == derive_seed(1, "a", 2)
    paths = [(1, "a", 2), (1, "a", 3), (2, "a", 2), (1, "b", 2), (1, "a"), (12, "a")]
    assert len({derive_seed(*path) for path in paths}) == len(paths)
    assert 0 <= derive_seed("x") < 2**63


def test_generators_repeat():
    assert torch.equal(torch.rand(3, generator=generator(0, "x")), torch.rand(3, generator=generator(0, "x")))
    assert numpy_generator(0, "x").random() == numpy_generator(0, "x").random()


def test_state_is_restored():
    seed_everything(3)
    state = rng_state()
    first = (random.random(), np.random.random(), torch.rand(1))
    restore_rng_state(state)
    assert (random.random(), np.random.random(), torch.rand(1)) == first
