from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sonant.core import SonantError
from sonant.data.download import download, unpack

CONTENT = bytes(range(256)) * 9000


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT, honours ranges, and breaks off early as long as ``cuts`` says so."""

    cuts: list[int] = []
    asked: list[str | None] = []

    def do_GET(self):
        self.asked.append(self.headers["Range"])
        if self.path != "/x.bin":
            return self.send_error(404, "Not Found")
        start = int(self.headers["Range"][6:-1]) if self.headers["Range"] else 0
        if start >= len(CONTENT):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        end = self.cuts.pop(0) if self.cuts else len(CONTENT)
        return self.wfile.write(CONTENT[start:end])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    Handler.cuts, Handler.asked = [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_broken_download_goes_on_where_it_was(server, tmp_path):
    Handler.cuts = [1_000_000]
    target = tmp_path / "deep" / "x.bin"
    with pytest.raises(SonantError, match="1,000,000 bytes are kept; run it again"):
        download(f"{server}/x.bin", target)
    assert not target.exists()
    download(f"{server}/x.bin", target, md5=hashlib.md5(CONTENT).hexdigest())
    assert target.read_bytes() == CONTENT
    assert Handler.asked == [None, "bytes=1000000-"]
    assert [path.name for path in target.parent.iterdir()] == ["x.bin"]


def test_a_complete_part_is_taken_as_it_is(server, tmp_path):
    (tmp_path / "x.bin.part").write_bytes(CONTENT)
    assert download(f"{server}/x.bin", tmp_path / "x.bin").read_bytes() == CONTENT


def test_a_wrong_checksum_deletes_the_file(server, tmp_path):
    with pytest.raises(SonantError, match="expected 0123; it was deleted"):
        download(f"{server}/x.bin", tmp_path / "x.bin", md5="0123")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_fetched(server, tmp_path):
    with pytest.raises(SonantError, match=r"cannot fetch .*/y\.bin: Not Found"):
        download(f"{server}/y.bin", tmp_path / "y.bin")
    with pytest.raises(SonantError, match="cannot fetch"):
        download("http://127.0.0.1:1/x.bin", tmp_path / "x.bin")


def archive(path, name: str, *, link: str | None = None):
    with tarfile.open(path, "w:gz") as tar:
        entry = tarfile.TarInfo(name)
        if link is not None:
            entry.type, entry.linkname = tarfile.SYMTYPE, link
        entry.size = 0 if link else 2
        tar.addfile(entry, None if link else io.BytesIO(b"hi"))
    return path


def test_unpack(tmp_path):
    unpack(archive(tmp_path / "x.tar.gz", "a/b.txt"), tmp_path / "out")
    assert (tmp_path / "out/a/b.txt").read_bytes() == b"hi"


@pytest.mark.parametrize(("name", "link"), [("../evil.txt", None), ("inner", "/etc/passwd")])
def test_an_archive_cannot_write_outside(tmp_path, name, link):
    with pytest.raises(SonantError, match="cannot unpack"):
        unpack(archive(tmp_path / "x.tar.gz", name, link=link), tmp_path / "out")
    assert not (tmp_path / "evil.txt").exists()


def test_a_damaged_archive_is_named(tmp_path):
    (tmp_path / "x.tar.gz").write_bytes(b"no archive")
    with pytest.raises(SonantError, match=r"cannot unpack .*x\.tar\.gz"):
        unpack(tmp_path / "x.tar.gz", tmp_path / "out")
