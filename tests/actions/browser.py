"""A headless browser, driven through the DevTools protocol on a pair of pipes."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-pipe",
]


def find() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """Entered, it runs; left, it is gone with all that it wrote."""

    def __enter__(self) -> Browser:
        self.folder = tempfile.mkdtemp()
        (out_read, self.out), (self.into, in_write) = os.pipe(), os.pipe()

        def at_3_and_4():
            high = [fcntl.fcntl(number, fcntl.F_DUPFD, 20) for number in (out_read, in_write)]
            for number, wanted in zip(high, (3, 4), strict=True):
                os.dup2(number, wanted)

        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(
            [find(), *FLAGS, f"--user-data-dir={self.folder}", "about:blank"],
            preexec_fn=at_3_and_4, close_fds=False, **silent,
        )  # fmt: skip
        os.close(out_read), os.close(in_write)
        self.number, self.rest, self.events = 0, b"", []
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.out), os.close(self.into)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __call__(self, method: str, session: str | None = None, **parameters):
        """The result of a command; what happens meanwhile goes to ``events``."""
        self.number += 1
        own = {} if session is None else {"sessionId": session}
        os.write(
            self.out, json.dumps({"id": self.number, "method": method, "params": parameters, **own}).encode() + b"\0"
        )
        while (answer := self._message()).get("id") != self.number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _message(self) -> dict:
        while b"\0" not in self.rest:
            assert select.select([self.into], [], [], 30)[0], "the browser does not answer"
            more = os.read(self.into, 1 << 20)
            assert more, "the browser has gone"
            self.rest += more
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def tab(self, address: str) -> Tab:
        return Tab(self, address)


class Tab:
    """A page that is open."""

    def __init__(self, browser: Browser, address: str):
        self.browser = browser
        self.target = browser("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self(f"{domain}.enable")
        self("Page.navigate", url=address)
        self.until("document.readyState === 'complete'")

    def __call__(self, method: str, **parameters):
        return self.browser(method, session=self.session, **parameters)

    def js(self, expression: str):
        return self("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def until(self, condition: str, seconds: float = 20) -> None:
        """Wait until an expression holds."""
        end = time.monotonic() + seconds
        while not self.js(condition):
            assert time.monotonic() < end, (condition, self.js("document.body.innerText"))
            time.sleep(0.05)

    def choose(self, selector: str, *files: str) -> None:
        """Give files to an input."""
        root = self("DOM.getDocument")["root"]["nodeId"]
        node = self("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self("DOM.setFileInputFiles", files=list(files), nodeId=node)

    def click(self, name: str) -> None:
        self.js(f"document.getElementById('{name}').click()")

    def close(self) -> None:
        self.browser("Target.closeTarget", targetId=self.target)
