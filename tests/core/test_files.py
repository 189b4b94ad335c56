import os

import pytest

from sonant.core.files import write_atomically, write_json, write_text


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a" / "file.txt"
    write_text(path, "old")

    def fail(stream):
        stream.write(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == ["file.txt"]


def test_json_ends_with_a_newline(tmp_path):
    write_json(tmp_path / "x.json", {"ä": 1})
    assert (tmp_path / "x.json").read_text() == '{\n  "ä": 1\n}\n'


def test_permissions_follow_the_umask(tmp_path):
    write_text(tmp_path / "x", "y")
    plain = tmp_path / "plain"
    plain.write_text("y")
    assert (tmp_path / "x").stat().st_mode == plain.stat().st_mode
