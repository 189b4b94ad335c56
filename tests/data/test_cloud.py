from __future__ import annotations

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.data.cloud import FRAMES, Cloud, CloudWriter, delete_cloud

FACTS = {"model": "m"}


def written(folder, *, rows=1000, dim=3):
    x_ND = np.arange(rows * dim, dtype=np.float32).reshape(rows, dim)
    with CloudWriter(folder, facts=FACTS, dim=dim) as writer:
        writer.append(x_ND)
        writer.commit(items=5, finished=True)
    return x_ND, Cloud.open(folder)


def test_what_was_written_is_read(tmp_path):
    x_ND, cloud = written(tmp_path / "c")
    assert (cloud.rows, cloud.dim, cloud.items, cloud.finished) == (1000, 3, 5, True)
    np.testing.assert_array_equal(cloud.read(17, 900), x_ND[17:900])
    assert Cloud.open(tmp_path) is None


@pytest.mark.parametrize("size", [64, 300, 5000])
def test_a_pass_gives_every_frame_once(tmp_path, size):
    x_ND, cloud = written(tmp_path)
    blocks = list(cloud.blocks(size, rows=950, seed=1, turn=0))
    assert len(blocks) == cloud.count_blocks(size, rows=950)
    assert max(len(block) for block in blocks) <= size
    together = np.concatenate(blocks)
    np.testing.assert_array_equal(together[together[:, 0].argsort()], x_ND[:950])
    assert not np.array_equal(together, x_ND[:950])


def test_passes_differ_and_a_pass_goes_on_where_it_was(tmp_path):
    _, cloud = written(tmp_path)
    one, two = (np.concatenate(list(cloud.blocks(128, rows=1000, seed=1, turn=turn))) for turn in (0, 1))
    assert not np.array_equal(one, two)
    rest = np.concatenate(list(cloud.blocks(128, rows=1000, seed=1, turn=1, first=3)))
    np.testing.assert_array_equal(two[3 * 128 :], rest)


def test_a_sample_has_no_frame_twice(tmp_path):
    x_ND, cloud = written(tmp_path)
    sample = cloud.sample(400, rows=600, seed=0)
    assert len(np.unique(sample[:, 0])) == 400
    assert sample.max() <= x_ND[599].max()
    assert len(cloud.sample(5000, rows=600, seed=0)) == 600


def test_frames_behind_the_last_commit_do_not_count(tmp_path):
    with CloudWriter(tmp_path, facts=FACTS, dim=2) as writer:
        writer.append(np.ones((10, 2)))
        writer.commit(items=1)
        writer.append(np.full((7, 2), 9.0))
    assert Cloud.open(tmp_path).rows == 10
    with CloudWriter(tmp_path, facts=FACTS, dim=2) as writer:
        assert (writer.rows, writer.items) == (10, 1)
        writer.append(np.full((3, 2), 2.0))
        writer.commit(items=2)
    assert Cloud.open(tmp_path).read(0, 13)[:, 0].tolist() == [1.0] * 10 + [2.0] * 3


def test_an_item_that_was_cut_is_made_again(tmp_path):
    with CloudWriter(tmp_path, facts=FACTS, dim=1) as writer:
        writer.append(np.ones((4, 1)))
        writer.commit(items=1)
        writer.append(np.full((2, 1), 5.0))
        writer.commit(items=1, whole_rows=4)
    assert Cloud.open(tmp_path).rows == 6
    with CloudWriter(tmp_path, facts=FACTS, dim=1) as writer:
        assert (writer.rows, writer.items) == (4, 1)


def test_a_file_that_was_cut_short_is_told_of(tmp_path):
    written(tmp_path)
    with (tmp_path / FRAMES).open("r+b") as stream:
        stream.truncate(100)
    with pytest.raises(SonantError, match="cut short"):
        Cloud.open(tmp_path)
    delete_cloud(tmp_path)
    assert Cloud.open(tmp_path) is None


def test_an_index_of_something_else_is_told_of(tmp_path):
    (tmp_path / "cloud.json").write_text("[]")
    with pytest.raises(SonantError, match="does not tell of frames"):
        Cloud.open(tmp_path)
