import pytest
import torch
from view_parts import small, views

from sonant.core import Frames, SonantError
from sonant.methods.cpc_speaker import split
from sonant.objectives.future_contrast import future_contrast

RECURRENT = {"context": {"name": "gru", "dim": 10}, "embedding": {"pool": "last"}}


def test_the_last_frames_of_every_length_are_the_future():
    lengths_B = torch.tensor([6, 4])
    x_BTD = torch.arange(12.0).view(2, 6, 1)
    source = small("simclr").encoder.geometry
    past, future_BKD = split(Frames(x_BTD, lengths_B, source).masked(), 2)
    assert past.lengths_B.tolist() == [4, 2]
    assert past.x_BTD[:, :, 0].tolist() == [[0, 1, 2, 3], [6, 7, 0, 0]]
    assert future_BKD[:, :, 0].tolist() == [[4, 5], [8, 9]]


def test_the_context_before_them_predicts_them():
    method, batch = small("cpc_speaker", steps=3, body=RECURRENT), views()
    losses = []
    for view_BL in batch.extras["views"].unbind(1):
        z = method.encoder(Frames.of_wave(view_BL, batch.lengths_B, 16000))
        c_BE = method.context(Frames(z.x_BTD[:, :-3], z.lengths_B - 3, z.geometry)).x_BTD[:, -1]
        losses.append(future_contrast(method.predict(c_BE).unflatten(1, (3, 12)), z.x_BTD[:, -3:])[0].mean())
    out = method(batch)
    torch.testing.assert_close(out.total, (losses[0] + losses[1]) / 2)
    assert out.count == 4 * 2 * 3


def test_the_end_of_the_other_crop():
    method, batch = small("cpc_speaker", steps=3, future="other", body=RECURRENT), views()
    predicted, future = method.embed(batch)
    same = small("cpc_speaker", steps=3, body=RECURRENT)
    own_predicted, own_future = same.embed(batch)
    assert torch.equal(predicted, own_predicted[:, :3])
    assert torch.equal(future, own_future[:, 3:])


def test_crops_that_are_too_short_are_told():
    with pytest.raises(SonantError, match=r"30 steps need more than 30 frames, a crop has 25; lengthen"):
        small("cpc_speaker", steps=30, body=RECURRENT)(views())


def test_each_direction_of_a_two_way_context_predicts_its_own_side():
    body = {"context": {"name": "both_ways", "dim": 10}, "embedding": {"pool": "ends"}}
    method, batch = small("cpc_speaker", steps=3, body=body), views()
    losses = []
    for view_BL in batch.extras["views"].unbind(1):
        z = method.encoder(Frames.of_wave(view_BL, batch.lengths_B, 16000))
        forwards, backwards = method.context.forwards, method.context.backwards
        c_BE = forwards(Frames(z.x_BTD[:, :-3], z.lengths_B - 3, z.geometry)).x_BTD[:, -1]
        losses.append(future_contrast(method.predict(c_BE).unflatten(1, (3, 12)), z.x_BTD[:, -3:])[0].mean())
        back_BTD = z.x_BTD.flip(1)
        c_BE = backwards(Frames(back_BTD[:, :-3], z.lengths_B - 3, z.geometry)).x_BTD[:, -1]
        losses.append(future_contrast(method.predict_back(c_BE).unflatten(1, (3, 12)), back_BTD[:, -3:])[0].mean())
    out = method(batch)
    torch.testing.assert_close(out.total, sum(losses) / 4)
    vector_BD = method.representation().embed(batch.wave_BL, batch.lengths_B)
    z = method.encoder(batch.frames())
    ends = [way.x_BTD[:, -1] for way in method.context.ways(z)]
    torch.testing.assert_close(vector_BD, torch.cat(ends, dim=1))


def test_a_two_way_context_wants_its_ends():
    with pytest.raises(SonantError, match="pool: ends"):
        small("cpc_speaker", body={**RECURRENT, "context": {"name": "both_ways", "dim": 10}})
