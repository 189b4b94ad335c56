from __future__ import annotations

import pytest
import torch

from sonant.core import FrameGeometry, Frames, SonantError, generator
from sonant.objectives.candidates import allowed, draw_negatives, pool_of

LENGTHS = [6, 4, 5, 3]


def frames(lengths=LENGTHS, width=6) -> Frames:
    """Frames that say where they are from: 100 x example + time + 1; zero is padding."""
    x = torch.stack([100.0 * b + torch.arange(1.0, width + 1) for b in range(len(lengths))])[:, :, None]
    return Frames(x, torch.tensor(lengths), FrameGeometry(16000)).masked()


def choices(share, speaker=None) -> list[set[int]]:
    pool = pool_of(frames(), share, speaker)
    return [
        {int(pool.z_GPD[b if len(pool.z_GPD) > 1 else 0, i, 0]) for i in members.tolist()}
        for b, members in enumerate(pool.members)
    ]


def own(*examples: int) -> set[int]:
    return {100 * b + t + 1 for b in examples for t in range(LENGTHS[b])}


def test_utterance_shares_own_frames_only():
    assert choices("utterance") == [own(0), own(1), own(2), own(3)]


def test_speaker_shares_frames_of_the_same_speaker():
    speakers = torch.tensor([7, -1, 7, -1])
    assert choices("speaker", speakers) == [own(0, 2), own(1), own(0, 2), own(3)]


def test_batch_shares_all_real_frames():
    assert choices("batch") == [own(0, 1, 2, 3)] * 4


@pytest.mark.parametrize("share", ["utterance", "speaker", "batch"])
def test_start_is_where_own_frames_lie(share):
    pool = pool_of(frames(), share, torch.tensor([1, 1, 2, 2]))
    for b, n in enumerate(LENGTHS):
        z_PD = pool.z_GPD[b if share == "utterance" else 0]
        assert z_PD[pool.start_B[b] : pool.start_B[b] + n, 0].tolist() == [100 * b + t + 1 for t in range(n)]


def test_speaker_needs_speakers():
    with pytest.raises(SonantError, match="speaker"):
        pool_of(frames(), "speaker")


def draws(share, lengths=LENGTHS, width=6, number=400):
    pool = pool_of(frames(lengths, width), share, torch.zeros(len(lengths), dtype=torch.long))
    generators = [generator(b, "negatives") for b in range(len(lengths))]
    return pool, draw_negatives(pool, [n - 2 for n in lengths], number=number, generators=generators)


@pytest.mark.parametrize("share", ["utterance", "speaker", "batch"])
def test_draws_cover_exactly_what_is_allowed(share):
    pool, index_BSM = draws(share)
    assert index_BSM.shape == (4, 4, 400)
    for b, n in enumerate(LENGTHS):
        assert set(index_BSM[b, : n - 2].flatten().tolist()) == set(pool.members[b].tolist())
        assert set(allowed(pool)[b].nonzero()[:, 0].tolist()) == set(pool.members[b].tolist())


def test_draws_are_uniform_and_own_to_each_anchor():
    pool, index_BSM = draws("batch", number=20000)
    counts = torch.bincount(index_BSM[0].flatten(), minlength=18).double()
    expected = counts.sum() / 18
    assert ((counts - expected).abs() < 6 * expected.sqrt()).all()  # six standard deviations
    assert not torch.equal(index_BSM[0, 0], index_BSM[0, 1])
    assert not torch.equal(index_BSM[0, 0], index_BSM[2, 0])


def test_padding_does_not_change_draws():
    _, narrow = draws("utterance")
    _, wide = draws("utterance", width=9)
    assert torch.equal(narrow, wide)
    _, alone = draws("utterance", lengths=LENGTHS[:1])
    assert torch.equal(alone[0], narrow[0])


def test_an_example_without_anchors_takes_part_as_distractor():
    pool = pool_of(frames(), "batch")
    index = draw_negatives(pool, [0, 2, 0, 1], number=50, generators=[generator(b) for b in range(4)])
    assert index.shape == (4, 2, 50)
    assert (index[0] == 0).all()
    assert set(index[1].flatten().tolist()) & set(range(6))
