import errno
import os

import pytest

from sonant.core.files import write_atomically, write_json, write_text


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a" / "file.txt"
    write_text(path, "old")

    def fail(stream):
        stream.write(b"half")
        raise OSError(errno.EIO, "broken disk")

    with pytest.raises(OSError, match="broken disk"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == ["file.txt"]


def test_a_short_write_of_numpy_is_a_full_disk(tmp_path):
    def fail(stream):
        raise OSError("1404 requested and 992 written")

    with pytest.raises(OSError, match="x.npy") as caught:
        write_atomically(tmp_path / "x.npy", fail)
    assert caught.value.errno == errno.ENOSPC
    assert not list(tmp_path.iterdir())


def test_json_ends_with_a_newline(tmp_path):
    write_json(tmp_path / "x.json", {"ä": 1})
    assert (tmp_path / "x.json").read_text() == '{\n  "ä": 1\n}\n'


def test_permissions_follow_the_umask(tmp_path):
    write_text(tmp_path / "x", "y")
    plain = tmp_path / "plain"
    plain.write_text("y")
    assert (tmp_path / "x").stat().st_mode == plain.stat().st_mode
