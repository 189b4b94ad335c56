"""What the service answers to plain HTTP: its page and its description; and who may open a connection.

The page is one file that asks for nothing but this service; a policy sent with it forbids the rest, and the one script
is allowed by its hash. A browser tells for which page it opens a WebSocket (``Origin``): only this service's own may,
so that no other site can use a service that listens on the user's computer. Programs send no origin and may.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import re
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PAGE = Path(__file__).with_name("serve_page.html")
SOCKET = "/listen"


def answer(connection: Any, request: Any, *, host: str, about: dict) -> Any:
    """A response for what is no WebSocket of ours; None lets the connection open (``process_request``).

    Args:
        host: the address the service is bound to.
        about: what ``/about.json`` tells.
    """
    path, named = urlsplit(request.path).path, request.headers.get("Host", "")
    if not _is_ours(named, host):
        return connection.respond(HTTPStatus.MISDIRECTED_REQUEST, f"there is no '{named}' here\n")
    if request.headers.get("Upgrade", "").lower() == "websocket":
        if path != SOCKET:
            return connection.respond(HTTPStatus.NOT_FOUND, f"connect to {SOCKET}\n")
        if not may_open(request.headers.get("Origin"), named):
            return connection.respond(HTTPStatus.FORBIDDEN, "pages of other sites may not use this service\n")
        return None
    if path == "/":
        text, policy = page()
        return _response(connection, text, "text/html; charset=utf-8", policy)
    if path == "/about.json":
        return _response(connection, json.dumps(about), "application/json", "default-src 'none'")
    return connection.respond(HTTPStatus.NOT_FOUND, "there is only / and /about.json\n")


@lru_cache(maxsize=1)
def page() -> tuple[str, str]:
    """The page, and the policy that goes with it."""
    text = PAGE.read_text(encoding="utf-8")
    script, style = (re.search(rf"<{tag}>(.*?)</{tag}>", text, re.S)[1] for tag in ("script", "style"))
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}' blob:; style-src '{_hash(style)}'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return text, policy


def may_open(origin: str | None, named: str) -> bool:
    """Whether a page of ``origin`` may open a WebSocket to the service that the browser calls ``named``."""
    return origin is None or urlsplit(origin).netloc.lower() == named.lower()


def _is_ours(named: str, host: str) -> bool:
    """Whether a name of the header ``Host`` can mean this service.

    Bound to this computer alone, it goes by local names only: a foreign name that leads here is another site's.
    """
    return not is_local(host) or (bool(named) and is_local(urlsplit(f"//{named}").hostname or ""))


def is_local(host: str) -> bool:
    """Whether only this computer reaches a service that is bound to ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _response(connection: Any, text: str, kind: str, policy: str) -> Any:
    response = connection.respond(HTTPStatus.OK, text)
    del response.headers["Content-Type"]
    for name, value in (
        ("Content-Type", kind),
        ("Content-Security-Policy", policy),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
    ):
        response.headers[name] = value
    return response
