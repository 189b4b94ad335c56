import math

import pytest
import torch
import torch.nn.functional as F

from sonant.objectives.view_contrast import (
    angular_prototypical,
    compare_all,
    compare_pairs,
    contrast_loss,
    nt_xent,
    one_way,
    without_speaker,
)


def vectors(V=3, B=4, D=6, seed=0):
    return torch.randn(V, B, D, generator=torch.Generator().manual_seed(seed), dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("temperature", ["0.03", "0.07", "0.2", "0.5"])
@pytest.mark.parametrize("source", ["sslsv", "lightly"])
def test_nt_xent_equals_the_references(reference, source, temperature):
    views = reference.inputs("z1", "z2")
    loss = nt_xent(torch.stack(views), temperature=float(temperature))
    reference.check(f"{source}.ntxent.T{temperature}", loss, views)


@pytest.mark.parametrize("temperature", ["0.2", "0.07"])
def test_one_way_equals_the_reference(reference, temperature):
    views = reference.inputs("z1", "z2")
    reference.check(f"sslsv.infonce.norm.T{temperature}", one_way(*views, temperature=float(temperature)), views)


def test_one_way_equals_the_older_reference_in_loss_and_accuracy(reference):
    x_BD, other_BD = reference.inputs("z1", "z2")
    found = compare_pairs(x_BD, other_BD)
    loss, hit = contrast_loss(found.cosine_AC / 0.07, found.positive_AC, found.taking_AC)
    assert loss.item() == pytest.approx(reference.values["seed.infonce_T0.07_one_direction"], rel=1e-4)
    assert hit.item() == pytest.approx(reference.values["seed.infonce_T0.07.accuracy"])


def test_dot_products_take_the_same_loss(reference):
    x_BD, other_BD = views = reference.inputs("z1", "z2")
    same_BB = torch.eye(len(x_BD), dtype=torch.bool)
    loss, _ = contrast_loss(x_BD @ other_BD.T, same_BB, torch.ones_like(same_BB))
    reference.check("sslsv.infonce.dot.T1", loss, views)


def test_angular_prototypical_equals_the_reference(reference):
    views = reference.inputs("z1", "z2")
    scale = torch.tensor(10.0, dtype=torch.float64, requires_grad=True)
    shift = torch.tensor(-5.0, dtype=torch.float64, requires_grad=True)
    loss = angular_prototypical(*views, scale=scale, shift=shift)
    assert loss.item() == pytest.approx(reference.values["seed.angular_prototypical_w10_b-5"], rel=1e-4)
    names = ("z1", "z2", "w", "b")
    for name, grad in zip(names, torch.autograd.grad(loss, [*views, scale, shift]), strict=True):
        expected = reference.tensors[f"grad.angular_prototypical.{name}"]
        torch.testing.assert_close(grad.float().reshape(expected.shape), expected, atol=1e-5, rtol=1e-3)


def slow(x_VBD, temperature, candidates):
    """The definition, one anchor and one positive at a time."""
    V, B, _ = x_VBD.shape
    losses = []
    for v in range(V):
        for b in range(B):
            scores = {
                (w, c): F.cosine_similarity(x_VBD[v, b], x_VBD[w, c], dim=0) / temperature
                for w in range(candidates)
                for c in range(B)
                if (w, c) != (v, b)
            }
            everyone = torch.stack(list(scores.values())).logsumexp(0)
            losses.append(torch.stack([everyone - s for (_, c), s in scores.items() if c == b]).mean())
    return torch.stack(losses).mean()


@pytest.mark.parametrize("candidates", [2, 3])
def test_more_views_equal_the_definition(candidates):
    x_VBD = vectors()
    found = compare_all(x_VBD, candidates=candidates)
    loss, _ = contrast_loss(found.cosine_AC / 0.2, found.positive_AC, found.taking_AC)
    torch.testing.assert_close(loss, slow(x_VBD, 0.2, candidates))


def test_vectors_that_are_all_alike_score_the_number_of_candidates():
    x_VBD = torch.ones(2, 5, 3, dtype=torch.float64)
    assert nt_xent(x_VBD, temperature=0.03).item() == pytest.approx(math.log(9))
    assert one_way(x_VBD[0], x_VBD[1], temperature=0.03).item() == pytest.approx(math.log(5))


def debiased_by_definition(cosine_AC, positive_AC, taking_AC, temperature, share):
    """Chuang et al. 2020, Eq. 8, as they write it, for one positive."""
    exp_AC = (cosine_AC / temperature).exp()
    positive_A = exp_AC[positive_AC]
    negative_A = exp_AC.masked_fill(positive_AC | ~taking_AC, 0.0).sum(1)
    number = int((taking_AC & ~positive_AC)[0].sum())
    g_A = ((negative_A - number * share * positive_A) / (1 - share)).clamp(min=number * math.exp(-1 / temperature))
    return -(positive_A / (positive_A + g_A)).log().mean()


@pytest.mark.parametrize("temperature", [0.5, 0.1])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.6])
def test_debiased_loss_equals_its_definition(temperature, share):
    found = compare_all(vectors(V=2))
    sides = (found.positive_AC, found.taking_AC)
    loss, _ = contrast_loss(found.cosine_AC / temperature, *sides, debias=share, temperature=temperature)
    torch.testing.assert_close(loss, debiased_by_definition(found.cosine_AC, *sides, temperature, share))


def test_a_tiny_correction_changes_little_and_survives_cold_float32():
    found = compare_all(vectors(V=2).float())
    plain, _ = contrast_loss(found.cosine_AC / 0.01, found.positive_AC, found.taking_AC)
    sides = (found.cosine_AC / 0.01, found.positive_AC, found.taking_AC)
    debiased, _ = contrast_loss(*sides, debias=1e-6, temperature=0.01)
    assert debiased.item() == pytest.approx(plain.item(), rel=1e-4)
    assert torch.isfinite(contrast_loss(*sides, debias=0.3, temperature=0.01)[0])


def test_negatives_of_the_same_speaker_are_left_out():
    x_VBD = vectors(V=2)
    speaker_A = torch.tensor([7, 7, 8, -1]).repeat(2)
    found = without_speaker(compare_all(x_VBD), speaker_A, speaker_A)
    taking = found.taking_AC
    assert taking[0].tolist() == [False, False, True, True, True, False, True, True]
    assert taking[3].tolist() == [True, True, True, False, True, True, True, True]  # unknown speakers stay
    full = compare_all(x_VBD)
    assert contrast_loss(*scores(found))[0] < contrast_loss(*scores(full))[0]


def scores(found):
    return found.cosine_AC / 0.2, found.positive_AC, found.taking_AC
