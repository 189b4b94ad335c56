"""A model of dialogue as a service: WebSocket for programs, and a page to look at, on one port."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ..build import load
from ..core import MissingExtra, Representation, SonantError, require
from ..data.audio import audio_info
from ..version import __version__
from ._live_listener import stream_of
from ._serve_http import answer, is_local
from ._serve_service import Service

Tell = Callable[[str], None]
LARGEST = 1 << 20  # bytes of a message
HELD = 4  # messages of a client that wait for the model before no more are read
PONG_S = 60  # that a client has to answer a ping; its answer waits behind the audio that it has sent


def serve(
    model: str | Path | Representation,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    context: float | None = 20.0,
    file: str | Path | None = None,
    clients: int = 8,
    tell: Tell = print,
) -> dict[str, int]:
    """Serve until the process is told to end (SIGINT, SIGTERM).

    Args:
        model: what ``sonant.load`` takes, or a representation; it listens to two channels.
        host: address to listen on; the default is reached from this computer only.
        port: 0 takes one that is free.
        context: seconds of past that the model sees.
        file: audio that is played, in real time, to those who ask for it.
        clients: that may be there at once.
        tell: called with where the service is, and what goes wrong.

    Returns:
        How many clients were served.

    Raises:
        MissingExtra: without the package websockets.
        SonantError: no such model or file, a model of another kind, a port that is taken.
    """
    try:
        import websockets  # noqa: F401
    except ImportError:
        raise MissingExtra("websockets", "serve", "sonant serve") from None
    require(0 <= port < 65536, f"a port is a number from 0 to 65535, got {port}")
    representation = (model if isinstance(model, Representation) else load(model)).eval()
    stream_of(representation, context)  # the right kind of model?
    require(
        not representation.dialogue.cfg.activity,
        "this model is told who is active, which clients of a service cannot; serve a model of two channels "
        "(vap_stereo), or give timings to 'sonant stream --activity'",
    )
    if file is not None:
        require(audio_info(file).channels <= 2, f"'{file}' has more than two channels")
    name = Path(str(model)).name if not isinstance(model, Representation) else "a model"
    service = Service(
        representation, context_s=context, file=None if file is None else str(file), clients=clients, tell=tell
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # of one step; clients have threads of their own
    try:
        asyncio.run(_until_told(service, host, port, about_of(service, name), tell))
    finally:
        service.close()
        torch.set_num_threads(threads)
    return {"clients": service.served}


def about_of(service: Service, name: str) -> dict[str, Any]:
    """What ``/about.json`` tells; of paths only the last name."""
    bins_s = service.model.dialogue.cfg.bins_s
    return {
        "model": name,
        **service.shape,
        "context": service.context_s,
        "now_s": round(sum(bins_s[: max(len(bins_s) // 2, 1)]), 6),
        "future_s": round(sum(bins_s), 6),
        "file": None if service.player is None else Path(service.player.file).name,
        "clients": service.most,
        "sonant": __version__,
    }


async def _until_told(service: Service, host: str, port: int, about: dict, tell: Tell) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with opened(service, host, port, about) as server:
        bound = server.sockets[0].getsockname()
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        tell(f"http://{shown}:{bound[1]} is the page; Ctrl-C ends the service")
        if not is_local(host):
            tell("whoever reaches this port may use it, unencrypted; browsers give pages without https no microphone")
        await stop.wait()


@asynccontextmanager
async def opened(service: Service, host: str, port: int, about: dict) -> AsyncIterator[Any]:
    """The server while it listens. Raises SonantError for a port that is taken, or an address that is not ours."""
    from websockets.asyncio.server import serve as listen

    quiet = logging.getLogger("sonant.serve")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    settings = {"max_size": LARGEST, "max_queue": HELD, "ping_timeout": PONG_S, "close_timeout": 2}
    try:
        server = await listen(
            service, host, port, process_request=partial(answer, host=host, about=about), logger=quiet, **settings
        )
    except OSError as error:
        raise SonantError(
            f"the service cannot listen on {host}:{port} ({error.strerror or error}): is another one running there? "
            "Give another --port, or 0 for any that is free"
        ) from None
    try:
        yield server
    finally:
        server.close()
        await server.wait_closed()
