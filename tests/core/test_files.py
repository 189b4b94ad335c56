import errno
import os

import pytest

from sonant.core import SonantError
from sonant.core.files import read_lines, write_atomically, write_json, write_text


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


def test_a_full_disk_names_the_file(tmp_path):
    def fail(stream):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="x.tsv") as caught:
        write_atomically(tmp_path / "x.tsv", fail)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "x.tsv"))


def test_a_device_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_json(pipe, 1)
    assert (os.read(reader, 10), pipe.is_fifo()) == (b"1\n", True)
    os.close(reader)
    if os.path.exists("/dev/full"):
        with pytest.raises(OSError, match="/dev/full") as caught:
            write_text("/dev/full", "x")
        assert caught.value.errno == errno.ENOSPC
        assert not os.path.isfile("/dev/full")


def test_lines_of_a_text(tmp_path):
    (tmp_path / "x").write_bytes("\ufeffä b\r\n\nc".encode())
    assert read_lines(tmp_path / "x") == ["ä b", "", "c"]
    (tmp_path / "x").write_bytes(b"\xff\xfe")
    with pytest.raises(SonantError, match="^the list '.*x' is not text in UTF-8"):
        read_lines(tmp_path / "x", "the list")
    with pytest.raises(SonantError, match="^cannot read '.*gone': No such file"):
        read_lines(tmp_path / "gone")
