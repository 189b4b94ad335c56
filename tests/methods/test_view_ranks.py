"""However a batch is split, over processes or over passes of the body, methods on views see all of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import view_ranks
from view_ranks import cases, examples, method, without_audio

from sonant import build

RANKS = Path(view_ranks.__file__)
every_case = pytest.mark.parametrize("case", cases())
EMBEDDING = [case for case, part in cases().items() if build.class_of("methods", part.name).embeds]


def run_ranks(folder: Path, world: int) -> dict:
    out, store = folder / f"{world}.pt", folder / f"store-{world}"
    processes = [
        subprocess.Popen([sys.executable, str(RANKS), str(out), str(r), str(world), str(store)]) for r in range(world)
    ]
    assert [process.wait(timeout=300) for process in processes] == [0] * world
    return torch.load(out, weights_only=True)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory) -> tuple[dict, dict]:
    """Results of one process on the whole batch and of two on halves."""
    folder = tmp_path_factory.mktemp("ranks")
    return run_ranks(folder, 1), run_ranks(folder, 2)


@pytest.mark.xdist_group("view-ranks")
@every_case
def test_two_processes_on_halves_equal_one_on_the_whole(ranks, case):
    one, two = (results[case] for results in ranks)
    for what, whole in one.items():
        torch.testing.assert_close(two[what].double(), whole.double(), atol=1e-6, rtol=1e-5, msg=f"{case}: {what}")
    assert one["gradients"].abs().max() > 1e-4


@pytest.mark.parametrize("case", EMBEDDING)
def test_a_batch_embedded_in_pieces_is_compared_as_a_whole(case):
    whole, whole_model, model = examples(), method(cases()[case]), method(cases()[case])
    expected = whole_model(whole)
    pieces = [model.embed(examples(begin, begin + 2)) for begin in (0, 2)]
    out = model.compare(tuple(torch.cat(tensors) for tensors in zip(*pieces, strict=True)), without_audio(whole))
    torch.testing.assert_close(out.total.double(), expected.total.double(), atol=1e-6, rtol=1e-5)
    assert float(out.count) == float(expected.count)
