import torch

from sonant.contexts import both_ways
from sonant.core import FrameGeometry, Frames

GEOMETRY = FrameGeometry(16000, hop=160, window=160)


def made() -> both_ways.Context:
    torch.manual_seed(0)
    return both_ways.Context(both_ways.Config(dim=4), source=GEOMETRY, in_dim=3).eval()


def test_each_half_sees_its_own_side_only():
    context = made()
    x = torch.randn(1, 9, 3)
    changed = x.clone()
    changed[0, 4] += 1
    lengths = torch.tensor([9])
    moved = (context(Frames(x, lengths, GEOMETRY)).x_BTD - context(Frames(changed, lengths, GEOMETRY)).x_BTD).abs()[0]
    assert not moved[:4, :4].any()
    assert moved[4:, :4].all(dim=1).all()
    assert not moved[5:, 4:].any()
    assert moved[:5, 4:].all(dim=1).all()


def test_the_second_way_runs_on_reversed_time():
    context = made()
    frames = Frames(torch.randn(2, 6, 3), torch.tensor([6, 4]), GEOMETRY).masked()
    _, back = context.ways(frames)
    turned = context.backwards(Frames(frames.x_BTD[1:, :4].flip(1), torch.tensor([4]), GEOMETRY))
    torch.testing.assert_close(back.x_BTD[1, :4], turned.x_BTD[0])
    assert not back.x_BTD[1, 4:].any()


def test_kept_input_stands_beside_both_directions():
    plain = made()
    torch.manual_seed(0)
    kept = both_ways.Context(both_ways.Config(dim=4, keep_input=True), source=GEOMETRY, in_dim=3).eval()
    kept.load_state_dict(plain.state_dict())
    frames = Frames(torch.randn(2, 6, 3), torch.tensor([6, 4]), GEOMETRY).masked()
    parts = kept(frames).x_BTD.split([3, 4, 4], dim=-1)
    others = (frames.x_BTD, *plain(frames).x_BTD.split(4, dim=-1))
    for part, other in zip(parts, others, strict=True):
        torch.testing.assert_close(part, torch.nn.functional.normalize(other, dim=-1))
        torch.testing.assert_close(part.norm(dim=-1), frames.mask_BT.float())
