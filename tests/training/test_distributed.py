from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
import torch
import training_ddp

from sonant.core import SonantError
from sonant.training.distributed import Place, device_of, find_place, first_node, from_all, from_first, rendezvous


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """(one process, [first, second of two]): what ``training_ddp`` finds."""
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, training_ddp.__file__, str(two)]
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    both = [subprocess.Popen(command, env={**shared, "RANK": str(r), "LOCAL_RANK": str(r)}, **pipes) for r in (0, 1)]
    alone = training_ddp.everything(one)
    said = [process.communicate(timeout=180)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], "\n".join(said)
    return alone, [torch.load(two / f"rank{r}.pt", weights_only=True) for r in (0, 1)]


@pytest.mark.parametrize("case", ["frames-1", "frames-2", "contrast-1"])
def test_two_processes_on_half_batches_are_one_on_the_whole(results, case):
    """Loss and gradients within 1e-5, with uneven lengths, accumulation, and a loss across the whole batch."""
    alone, both = results[0][case], [result[case] for result in results[1]]
    for half in both:
        assert half["loss"] == pytest.approx(alone["loss"], abs=1e-5)
        assert half["parts"]["error"] == pytest.approx(alone["parts"]["error"], abs=1e-5)
        assert half["norm"] == pytest.approx(alone["norm"], abs=1e-5)
        for name, grad in alone["grads"].items():
            torch.testing.assert_close(half["grads"][name], grad, atol=1e-5, rtol=0)


def test_a_stop_and_the_first_clock_reach_everyone(results):
    assert [(half["frames-1"]["stop"], half["frames-1"]["clock"]) for half in results[1]] == [(True, 5.0), (True, 5.0)]


def test_two_processes_train_like_one(results):
    alone, both = results[0]["trained"], [result["trained"] for result in results[1]]
    for half in both:
        assert half["valid"] == pytest.approx(alone["valid"], abs=1e-5)
        for name, value in alone["weights"].items():
            torch.testing.assert_close(half["weights"][name], value, atol=1e-4, rtol=0)
            assert torch.equal(both[0]["weights"][name], half["weights"][name])


def test_a_part_thaws_on_all_processes_alike(results):
    alone, both = results[0]["thawed"], [result["thawed"] for result in results[1]]
    for name, value in alone.items():
        torch.testing.assert_close(both[0][name], value, atol=1e-4, rtol=0)
        assert torch.equal(both[0][name], both[1][name])


def test_a_signal_to_one_stops_all_at_the_same_step_and_the_resumed_run_is_equal(results):
    for half in (result["trained"] for result in results[1]):
        assert tuple(half["stopped"]) == ("signal", 5)
        assert all(torch.equal(value, half["weights"][name]) for name, value in half["resumed"].items())


def test_numbers_that_are_not_finite_name_the_batch_of_the_process_that_met_them(results):
    messages = [result["nan"] for result in results[1]]
    assert messages[0] == messages[1]
    assert "step 2: the loss is not finite; batch: utterance-2-2, utterance-2-3" in messages[0]
    assert "utterance-2-0" not in messages[0]


def test_place_of_torchrun_srun_and_a_batch_script():
    assert find_place({"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}) == Place(3, 8, 1)
    srun = {"SLURM_PROCID": "5", "SLURM_STEP_NUM_TASKS": "6", "SLURM_LOCALID": "2", "SLURM_NTASKS": "6"}
    assert find_place(srun) == Place(5, 6, 2)
    assert find_place({"SLURM_PROCID": "0", "SLURM_NTASKS": "4", "SLURM_LOCALID": "0"}) == Place()
    assert find_place({}) == Place()
    with pytest.raises(SonantError, match="must be whole numbers, got x"):
        find_place({"RANK": "x", "WORLD_SIZE": "2"})
    with pytest.raises(SonantError, match="RANK=2 must be below WORLD_SIZE=2"):
        find_place({"RANK": "2", "WORLD_SIZE": "2"})


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("gpu07", "gpu07"),
        ("gpu[03-05,9],cpu1", "gpu03"),
        ("a-1,b-2", "a-1"),
        ("rack[1-2]-ib", "rack1-ib"),
        ("n[001,007]", "n001"),
    ],
)
def test_first_node(nodes, first):
    assert first_node(nodes) == first


def test_rendezvous():
    slurm = {"SLURM_STEP_NODELIST": "n[2-3]", "SLURM_JOB_ID": "123456"}
    assert rendezvous(slurm) == {"MASTER_ADDR": "n2", "MASTER_PORT": "23456"}
    assert rendezvous({"MASTER_ADDR": "h", "MASTER_PORT": "1"}) == {"MASTER_ADDR": "h", "MASTER_PORT": "1"}


def test_alone_nothing_is_exchanged():
    assert from_first(3) == 3 and from_all(3) == [3]


def test_devices():
    assert device_of("cpu").type == "cpu"
    if not torch.cuda.is_available():
        assert device_of("auto").type == "cpu"
        with pytest.raises(SonantError, match="sees no GPU"):
            device_of("cuda")
