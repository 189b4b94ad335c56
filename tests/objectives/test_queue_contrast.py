import math

import pytest
import torch
import torch.nn.functional as F

from sonant.objectives.queue_contrast import queue_contrast


@pytest.mark.parametrize("temperature", ["0.03", "0.07", "0.2"])
def test_loss_equals_the_reference(reference, temperature):
    query_BD, key_BD = views = reference.inputs("z1", "z2")
    loss, _ = queue_contrast(query_BD, key_BD, reference.tensors["queue"].T, temperature=float(temperature))
    reference.check(f"sslsv.moco.T{temperature}", loss, views)


def test_loss_without_the_same_speaker_equals_the_reference(reference):
    query_BD, key_BD = views = reference.inputs("z1", "z2")
    false_BQ = reference.tensors["labels"][:, None] == reference.tensors["queue_labels"]
    assert false_BQ.any()
    loss, _ = queue_contrast(query_BD, key_BD, reference.tensors["queue"].T, temperature=0.2, false_BQ=false_BQ)
    reference.check("sslsv.moco.mask.T0.2", loss, views)


def test_accuracy_and_the_older_loss_equal_the_reference(reference):
    loss, hit = queue_contrast(*reference.inputs("z1", "z2"), reference.tensors["queue"].T, temperature=0.07)
    assert loss.item() == pytest.approx(reference.values["seed.moco_T0.07"], rel=1e-4)
    assert hit.item() == pytest.approx(reference.values["seed.moco_T0.07.accuracy"])


def test_knowing_nothing_scores_the_size_of_the_queue_and_keys_get_no_gradient():
    x_BD = torch.ones(3, 4, requires_grad=True)
    key_BD = torch.ones(3, 4, requires_grad=True)
    loss, hit = queue_contrast(x_BD, key_BD, F.normalize(torch.ones(7, 4), dim=1), temperature=0.1)
    assert loss.item() == pytest.approx(math.log(8), rel=1e-5)
    assert hit == 0
    loss.backward()
    assert key_BD.grad is None
