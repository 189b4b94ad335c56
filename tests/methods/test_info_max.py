"""LIM and GIM."""

import pytest
import torch
from view_parts import small, views

from sonant.core import Frames, SonantError


def test_a_chunk_is_the_mean_of_frames_of_its_own_crop():
    method, batch = small("lim", frames=3, body={"embedding": {"pool": "mean"}}), views()
    for v, chunk_BD in enumerate(method.embed(batch)):
        view_BL = batch.extras["views"][:, v]
        z = method.encoder(Frames.of_wave(view_BL, batch.lengths_B, 16000)).x_BTD
        means_BTD = z.unfold(1, 3, 1).mean(-1)
        nearest_B = (means_BTD - chunk_BD[:, None]).abs().amax(-1).amin(1)
        assert nearest_B.max() < 1e-5


def test_chunks_are_drawn_by_the_seeds_of_their_examples():
    method, batch = small("lim"), views()
    assert torch.equal(method.embed(batch)[0], method.embed(batch)[0])
    assert not torch.equal(method.embed(batch)[0], method._chunk(batch.extras["views"][:, 0], batch, "other"))


def test_whole_crops_are_the_vectors_of_the_utterances():
    method, batch = small("gim"), views()
    x_BVD = method.vectors(batch.extras["views"], batch)
    assert torch.equal(torch.stack(method.embed(batch), dim=1), x_BVD)


def test_cosines_need_no_weights():
    method = small("lim", discriminator="cosine", bound="nce", frames=None)
    assert method.discriminator is None
    assert method.chance() is None
    assert method(views()).total > 0


def test_chunks_that_do_not_fit_are_told():
    with pytest.raises(SonantError, match=r"chunk of 90 frames does not fit into a crop of 25; lengthen"):
        small("gim", frames=90)(views())
    with pytest.raises(SonantError, match="at least 1"):
        small("lim", frames=0)
