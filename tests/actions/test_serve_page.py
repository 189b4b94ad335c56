"""The page of the service in a real browser."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile

pytest.importorskip("websockets", reason="the extra 'serve' is not installed")
pytest.importorskip("fcntl", reason="the browser is driven through POSIX pipes")
from sonant.actions._serve_service import Service  # noqa: E402
from sonant.actions.serve import about_of, opened  # noqa: E402

from .browser import Browser, find  # noqa: E402

pytestmark = pytest.mark.skipif(find() is None, reason="no Chromium or Chrome is installed")


@contextmanager
def served(model, *, port: int = 0, **options):
    """A service in a thread: yields (service, port)."""
    service, there, box = Service(model, context_s=1.0, **options), threading.Event(), {}

    async def main():
        box["stop"], box["loop"] = asyncio.Event(), asyncio.get_running_loop()
        async with opened(service, "127.0.0.1", port, about_of(service, "small")) as server:
            box["port"] = server.sockets[0].getsockname()[1]
            there.set()
            await box["stop"].wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert there.wait(20)
    try:
        yield service, box["port"]
    finally:
        box["loop"].call_soon_threadsafe(box["stop"].set)
        thread.join()
        service.close()


def wait_for(condition) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


PAINTED = """(() => { const c = document.getElementById("picture"), seen = new Set();
for (const x of c.getContext("2d").getImageData(0, 0, c.width, c.height).data.reduce((all, v, i, d) =>
  { if (i % 4 === 0) all.push(d[i] * 65536 + d[i + 1] * 256 + d[i + 2]); return all; }, [])) seen.add(x);
return seen.has(0x2b5fc4) && seen.has(0xd0571c); })()"""


def test_two_tabs_at_once_one_goes_and_the_service_comes_back(small_dialogue, tmp_path):
    rng = np.random.default_rng(0)
    for name, seconds in (("call.wav", 4), ("mine.wav", 30)):
        soundfile.write(tmp_path / name, 0.1 * rng.standard_normal((16000 * seconds, 2)), 16000)
    file = str(tmp_path / "call.wav")
    with Browser() as browser:
        with served(small_dialogue, file=file) as (service, port):
            address = f"http://127.0.0.1:{port}/"
            own, follows = browser.tab(address), browser.tab(address)
            follows("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
            own.choose("#file", str(tmp_path / "mine.wav"))
            follows.until("document.getElementById('follow').textContent === 'Follow call.wav'")
            follows.click("follow")
            for tab in (own, follows):
                tab.until("newest > 20 && document.body.dataset.state === 'live'")
            assert len(service.here) == 2
            own.close()
            wait_for(lambda: len(service.here) == 1)
            reached = follows.js("newest")
            follows.until(f"newest > {reached} + 10 || newest < {reached}")
            follows.until(PAINTED)
            follows.until("/^(Speaker [01] speaks|Either|Both)/.test(document.getElementById('next').textContent)")
            errors = [event for event in browser.events if event["method"] in TROUBLE]
            assert not errors, errors
        follows.until("document.body.dataset.state === 'lost' && /tried again/.test(document.body.innerText)")
        with served(small_dialogue, file=file, port=port):
            follows.until("document.body.dataset.state === 'live' && newest > 5")
            assert follows.js("document.getElementById('trouble').textContent") == ""
            follows.click("stop")
            follows.until("document.body.dataset.state === 'idle'")
        asked = [event["params"]["request"]["url"] for event in browser.events if event["method"] == ASKED]
        assert asked and all(url.startswith((address, "data:", "blob:", "about:")) for url in asked)


TROUBLE = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
ASKED = "Network.requestWillBeSent"
