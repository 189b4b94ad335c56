import torch

from sonant.objectives.cosine_distance import cosine, negative_cosine


def test_losses_of_byol_and_simsiam_equal_the_references(reference):
    p1, p2, z1, z2 = inputs = reference.inputs("p1", "p2", "z1", "z2")
    one, back = negative_cosine(p1, z2.detach()), negative_cosine(p2, z1.detach())
    reference.check("sslsv.byol.one_direction(P=p1,Z=z2)", 2 + 2 * one, inputs)
    reference.check("sslsv.byol.symmetric_sum", 4 + 2 * one + 2 * back, inputs)
    reference.check("sslsv.simsiam.one_direction(P=p1,Z=z2)", one, inputs)
    reference.check("lightly.neg_cosine(p1,z2)", one, inputs)
    reference.check("sslsv.simsiam.symmetric_mean", (one + back) / 2, inputs)


def test_length_and_further_dimensions_do_not_matter():
    x = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])
    assert cosine(x, 3 * x.flip(1)).tolist() == [[0.0, 0.0]]
    assert negative_cosine(x, 3 * x) == -1
