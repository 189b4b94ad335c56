"""Whole methods with the weights of sslsv give its losses, and leave its queue."""

import json

import pytest
import torch
from safetensors.torch import load_file

from sonant import build
from sonant.core import Batch
from sonant.methods import moco, simclr


@pytest.fixture
def folder(oracle_dir):
    return oracle_dir / "speaker"


def projector(tensors: dict, name: str) -> dict:
    """Its linear layers have a bias before each batch norm, ours none: it moves into the running mean."""
    found = {}
    for linear, norm in ((0, 1), (3, 4)):
        keys = ("weight", "bias", "running_var", "num_batches_tracked")
        found |= {f"layers.{norm}.{key}": tensors[f"{name}.{norm}.{key}"] for key in keys}
        moved = tensors[f"{name}.{norm}.running_mean"] - tensors[f"{name}.{linear}.bias"]
        found |= {f"layers.{norm}.running_mean": moved, f"layers.{linear}.weight": tensors[f"{name}.{linear}.weight"]}
    return found | {f"layers.6.{key}": tensors[f"{name}.6.{key}"] for key in ("weight", "bias")}


def body(folder, name: str, which: str = "encoder"):
    model = build.convert("sslsv", folder / f"sslsv_method_{name}.safetensors", {"body": which})
    return {"encoder": model.encoder, "context": model.context, "embedding": model.embedding}


def example(folder, name: str) -> tuple[Batch, dict, float]:
    """The batch, what is known of the step, and the loss of its forward pass in evaluation mode."""
    known = load_file(folder / "encoders_io.safetensors")
    views_BVL = known[f"sslsv_method_{name}.train_x"]
    loss = json.loads((folder / "encoders_meta.json").read_text())["encoders"]
    batch = Batch(views_BVL[:, 0], torch.full((6,), 16000), 16000, extras={"views": views_BVL})
    return batch, known, loss[f"sslsv_method_{name}.eval_mode_train_step_loss"]


def test_simclr(folder):
    tensors = load_file(folder / "sslsv_method_simclr.safetensors")
    cfg = simclr.Config(temperature=0.2, projector=(96, 96, 32))
    method = simclr.Method(cfg, **body(folder, "simclr"))
    method.projector.load_state_dict(projector(tensors, "projector"))
    batch, _, loss = example(folder, "simclr")
    with torch.no_grad():
        assert method.eval()(batch).total.item() == pytest.approx(loss, rel=1e-5)


def test_moco_and_its_queue(folder):
    tensors = load_file(folder / "sslsv_method_moco.safetensors")
    cfg = moco.Config(temperature=0.2, projector=(96, 96, 32), queue=60)
    method = moco.Method(cfg, **body(folder, "moco"))
    method.projector.load_state_dict(projector(tensors, "projector"))
    for name, module in body(folder, "moco", "encoder_momentum").items():
        method.slow[name].load_state_dict(module.state_dict())
    method.slow["projector"].load_state_dict(projector(tensors, "projector_momentum"))
    method.slow.begun.fill_(True)
    # the queue that the keys of second views join, and that the queries of first views meet, is its second
    for queue, given_DQ in zip(method.queues, tensors["queue"].flip(0), strict=True):
        queue.vectors_QD.copy_(given_DQ.T)
        queue.next.copy_(tensors["queue_ptr"])
    batch, known, loss = example(folder, "moco")
    method.eval().training = True  # batch norms as in evaluation, the queue as in training
    assert method(batch).total.item() == pytest.approx(loss, rel=1e-5)
    after = known["sslsv_method_moco.queue_after"].flip(0)
    for queue, expected_DQ in zip(method.queues, after, strict=True):
        torch.testing.assert_close(queue.vectors_QD.T, expected_DQ, atol=1e-5, rtol=1e-4)
        assert torch.equal(queue.next, known["sslsv_method_moco.queue_ptr_after"])
