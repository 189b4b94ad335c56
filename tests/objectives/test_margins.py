import math

import pytest
import torch

from sonant.objectives.margins import START, next_state, with_margin
from sonant.objectives.view_contrast import compare_all, compare_pairs, contrast_loss


def loss_with(found, kind, margin, scale=1 / 0.03):
    sides = {"cosine_AC": found.cosine_AC, "positive_AC": found.positive_AC, "size_A": found.size_A}
    state_2 = next_state(kind, torch.tensor(START.get(kind, (0.0, 0.0))), **sides)
    raised_AC = with_margin(**sides, kind=kind, margin=margin, state_2=state_2)
    return contrast_loss(raised_AC * scale, found.positive_AC, found.taking_AC)[0]


CASES = [("cosface", "0.1"), ("cosface", "0.2"), ("arcface", "0.1"), ("arcface", "0.2"), ("sphereface", "0.1")]
CASES += [(kind, "0.1") for kind in ("curricularface", "magface", "adaface")]


@pytest.mark.parametrize(("kind", "margin"), [*CASES, ("none", "0.1")])
@pytest.mark.parametrize("form", ["sym", "asym"])
def test_losses_equal_the_reference(reference, kind, margin, form):
    views = reference.inputs("z1", "z2")
    found = compare_all(torch.stack(views)) if form == "sym" else compare_pairs(*views)
    name = "nt-xent" if kind == "none" else f"nt-xent-{kind}"
    loss = loss_with(found, kind, float(margin))
    assert loss.item() == pytest.approx(reference.values[f"sslsv.margin.{name}.m{margin}.{form}"], rel=1e-5)


def test_a_sphere_margin_falls_all_the_way():
    """cos(m theta) goes up and down; what replaces it falls from 1 at angle 0 to 1 - 2 m at pi."""
    angle_A1 = torch.linspace(0.01, math.pi - 0.01, 200, dtype=torch.float64)[:, None]
    everywhere = torch.ones_like(angle_A1, dtype=torch.bool)
    state = torch.zeros(2)
    raised = with_margin(
        angle_A1.cos(), everywhere, kind="sphereface", margin=3.0, size_A=angle_A1[:, 0], state_2=state
    )
    assert (raised.diff(dim=0) < 0).all()
    assert raised[-1].item() == pytest.approx(1 - 2 * 3, abs=0.01)


def test_gradients_stay_finite_at_equal_vectors():
    x_BD = torch.eye(3).requires_grad_()
    for kind in ("arcface", "sphereface", "curricularface", "magface", "adaface"):
        loss = loss_with(compare_all(torch.stack([x_BD, x_BD])), kind, 0.2)
        assert torch.isfinite(torch.autograd.grad(loss, x_BD)[0]).all()
