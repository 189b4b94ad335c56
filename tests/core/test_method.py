import pytest
import torch
from torch import nn

from sonant.contexts import identity as no_context
from sonant.core import Batch, FrameGeometry, LossOut, SonantError, ViewsMethod
from sonant.encoders import cpc_conv
from sonant.nn.pooling import Embedding, EmbeddingConfig


class Distance(ViewsMethod):
    """The mean squared distance of two views."""

    def compare(self, embedded, batch):
        (x_BVD,) = embedded
        return LossOut((x_BVD[:, 0] - x_BVD[:, 1]).square().mean(), count=len(x_BVD))


@pytest.fixture
def method() -> Distance:
    torch.manual_seed(0)
    encoder = cpc_conv.Encoder(cpc_conv.Config(dim=8), source=FrameGeometry(16000), in_dim=1)
    context = no_context.Context(no_context.Config(), source=encoder.geometry, in_dim=8)
    return Distance(None, encoder=encoder, context=context, embedding=Embedding(EmbeddingConfig(dim=5), in_dim=8))


def views(lengths=(3000, 2000)) -> Batch:
    views_BVL = torch.randn(len(lengths), 3, max(lengths), generator=torch.Generator().manual_seed(1))
    return Batch(views_BVL[:, 0], torch.tensor(lengths), 16000, extras={"views": views_BVL})


def test_every_view_has_the_vector_that_it_has_alone(method):
    batch = views()
    (x_BVD,) = method.embed(batch)
    assert x_BVD.shape == (2, 3, 5)
    body = method.representation()
    for b, n in enumerate(batch.lengths_B.tolist()):
        for v in range(3):
            torch.testing.assert_close(x_BVD[b, v], body.embed(batch.extras["views"][b, v, :n])[0])
    assert method(batch).total > 0


def test_another_body_embeds_in_its_place(method):
    other = method.representation()
    other.embedding = nn.Identity()
    other.embedding.forward = lambda frames: frames.x_BTD[:, 0, :2]
    batch = views()
    assert method.vectors(batch.extras["views"][:, :2], batch, body=other).shape == (2, 2, 2)


def test_views_are_needed(method):
    batch = Batch(torch.zeros(2, 2000), torch.tensor([2000, 2000]), 16000)
    with pytest.raises(SonantError, match="set data.view to crops"):
        method(batch)
