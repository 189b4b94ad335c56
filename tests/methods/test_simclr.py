import pytest
import torch
from view_parts import small, views, without_speakers

from sonant.core import SonantError
from sonant.objectives.view_contrast import angular_prototypical, nt_xent, one_way


def test_each_loss_is_its_objective_on_the_vectors():
    batch = views()
    for loss, expected in (
        ("nt_xent", lambda x_BVD: nt_xent(x_BVD.transpose(0, 1), temperature=0.2)),
        ("one_way", lambda x_BVD: one_way(x_BVD[:, 0], x_BVD[:, 1], temperature=0.2)),
        ("angular", lambda x_BVD: angular_prototypical(*x_BVD.unbind(1), scale=torch.tensor(10.0), shift=-5.0)),
    ):
        method = small("simclr", loss=loss, temperature=0.2)
        torch.testing.assert_close(method(batch).total, expected(method.embed(batch)[0]))


def test_local_views_are_anchors_against_the_long_ones():
    batch = views()
    short = views(seed=1, samples=2500, count=3).extras["views"]
    method = small("simclr", temperature=0.2)
    out = method(views(local_views=short))
    assert out.count == 4 * (2 + 3)
    assert out.total != method(batch).total


def test_the_channel_term_is_the_distance_to_the_clean_crops():
    batch = views()
    clean = views(clean_views=batch.extras["views"])
    method = small("simclr", channel=0.1)
    assert method(clean).parts["channel"] == 0
    other = views(clean_views=views(seed=3).extras["views"])
    out = method(other)
    assert out.parts["channel"] > 0
    torch.testing.assert_close(out.total, small("simclr")(batch).total + 0.1 * out.parts["channel"])
    with pytest.raises(SonantError, match="keep_clean"):
        method(batch)


def test_running_means_of_margins_move_in_training_alone():
    method = small("simclr", margin="adaface").eval()
    before = method.margin_state.clone()
    method(views())
    assert torch.equal(method.margin_state, before)
    method.train()
    method(views())
    assert not torch.equal(method.margin_state, before)
    assert "margin_state" in method.state_dict()


def test_known_speakers_leave_out_their_negatives():
    batch = views()
    plain, known = small("simclr", temperature=0.5), small("simclr", temperature=0.5, known_speakers=True)
    assert known(batch).total < plain(batch).total
    with pytest.raises(SonantError, match="name their speakers"):
        known(without_speakers(batch))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0}, "temperature"),
        ({"loss": "angular", "margin": "arcface"}, "margin arcface goes with"),
        ({"debias": 0.1, "margin": "arcface"}, "margin arcface goes with"),
        ({"loss": "angular", "debias": 0.1}, "debias needs a temperature"),
    ],
)
def test_settings_that_contradict_are_told(settings, message):
    with pytest.raises(SonantError, match=message):
        small("simclr", **settings)


def test_one_view_is_told():
    with pytest.raises(SonantError, match=r"data\.views of at least 2"):
        small("simclr")(views(count=1))
