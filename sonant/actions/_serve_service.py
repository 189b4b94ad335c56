"""The service's clients: each has a dialogue of its own, or listens to the file that the service plays.

    client    {"sample_rate": 48000, "channels": 2, "format": "f32"}     or {"source": "file"}
    service   {"type": "ready", ...}
    client    samples, samples, ...  {"end": true}
    service   {"type": "frames", "first": 0, "p_now": ...}, ...          or {"type": "error", "message": ...}

The model runs in threads; a connection waits for its own steps only. A client that sends faster than the model runs is
read more slowly; one that does not read what it is sent is dropped, or, where the file is played, misses frames.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..core import Representation, SonantError, require, samples_of, seconds_of, unknown
from ..core.config import check_keys
from ._live_audio import RawAudio, file_pieces
from ._live_listener import Listener, stream_of

BAD_KIND, BAD_CONTENT, TROUBLE, LATER = 1003, 1008, 1011, 1013  # codes of a close (RFC 6455, Sec. 7.4.1)
LONGEST_HELLO = 1000  # characters
HELLO_S = 10.0  # that a client has for its first message
SEND_S = 10.0  # that a client has to take a message
STEP_S = 0.5  # of audio in one step at most, so that a long message holds nobody else up
PLAY_S = 0.1  # of the file in one step
BEHIND = 50  # messages that a listener to the file may be behind before it misses some


class Refused(Exception):
    """A client is told why and let go, with a code of RFC 6455."""

    def __init__(self, code: int, reason: object):
        super().__init__(" ".join(str(reason).split()))
        self.code = code


class Service:
    """All clients of one model.

    Args:
        file: audio that is played to those who ask for it; None: there is none.
        clients: that may be there at once.
        tell: called with what the operator should know.
    """

    def __init__(
        self,
        model: Representation,
        *,
        context_s: float | None = 20.0,
        file: str | None = None,
        clients: int = 8,
        tell: Callable[[str], None] = print,
    ):
        require(clients >= 1, f"the service needs room for at least one client, got {clients}")
        self.model, self.context_s, self.most, self.tell = model, context_s, clients, tell
        self.here: set[Any] = set()
        self.served = 0
        self.pool = ThreadPoolExecutor(min(os.cpu_count() or 1, clients), thread_name_prefix="model")
        self.player = None if file is None else Player(self, file)
        stream = stream_of(model, context_s)
        self.shape = {"rate": stream.rate, "sample_rate": stream.sample_rate, "channels": stream.channels}

    def listener(self, raw: RawAudio | None = None) -> Listener:
        """A dialogue from its beginning."""
        return Listener(self.model, raw=raw, context_s=self.context_s)

    async def run(self, function: Callable, *args: Any) -> Any:
        """``function`` in a thread, so that the others are answered meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, function, *args)

    async def __call__(self, connection: Any) -> None:
        """One client from its first message to its last."""
        from websockets.exceptions import ConnectionClosed

        try:
            if len(self.here) >= self.most:
                raise Refused(LATER, f"all {self.most} places are taken; try again later")
            self.here.add(connection)
            self.served += 1
            await self._attend(connection)
        except Refused as refused:
            await _refuse(connection, refused.code, str(refused))
        except SonantError as error:
            await _refuse(connection, BAD_CONTENT, " ".join(str(error).split()))
        except ConnectionClosed:
            pass  # it went
        except TimeoutError:
            connection.transport.abort()  # it does not read: no farewell would reach it
        except Exception as error:
            self.tell(f"a step failed: {type(error).__name__}: {' '.join(str(error).split())}")
            await _refuse(connection, TROUBLE, "the service failed at a step; its operator sees why")
        finally:
            self.here.discard(connection)

    async def _attend(self, connection: Any) -> None:
        hello = await _hello(connection)
        source = hello.pop("source", "client")
        if source not in ("client", "file"):
            raise unknown("source", str(source)[:40], ("client", "file"))
        if source == "file":
            if self.player is None:
                raise Refused(BAD_CONTENT, "this service plays no file; send your own audio")
            await self.player.play_to(connection)
            return
        check_keys(hello, ("sample_rate", "channels", "format"), "the hello")
        raw = RawAudio(hello.get("sample_rate"), hello.get("channels"), hello.get("format"))
        listener = await self.run(self.listener, raw)
        await send(connection, {"type": "ready", **self.shape})
        await self._listen(connection, raw, listener)

    async def _listen(self, connection: Any, raw: RawAudio, listener: Listener) -> None:
        """Take a client's samples until it ends or goes."""
        longest = samples_of(STEP_S, raw.rate)
        async for message in connection:
            if isinstance(message, str):
                if _json(message) != {"end": True}:
                    raise Refused(BAD_KIND, 'after the hello samples are sent as binary messages, or {"end": true}')
                await self._step(connection, listener, np.zeros((raw.channels, 0), np.float32), last=True)
                await send(connection, {"type": "end"})
                return
            try:
                wave_CL = raw.decode(message)
            except SonantError as error:
                raise Refused(BAD_KIND, error) from None
            for start in range(0, wave_CL.shape[1], longest):
                await self._step(connection, listener, wave_CL[:, start : start + longest])

    async def _step(self, connection: Any, listener: Listener, wave_CL: np.ndarray, *, last: bool = False) -> None:
        began = time.perf_counter()
        moments = await self.run(lambda: listener.hear(wave_CL, last=last))
        if len(moments):
            took_ms = round(1000 * (time.perf_counter() - began), 2)
            await send(connection, {"type": "frames", **moments.message(), "took_ms": took_ms})

    def close(self) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)


class Player:
    """Plays a file in real time, over and over, as long as anybody listens; who comes late hears it from there on."""

    def __init__(self, service: Service, file: str):
        self.service, self.file = service, file
        self.waiting: dict[Any, asyncio.Queue[str]] = {}
        self.task: asyncio.Task | None = None

    async def play_to(self, connection: Any) -> None:
        """Send what is played until the client goes."""
        queue: asyncio.Queue[str] = asyncio.Queue(BEHIND)
        await send(connection, {"type": "ready", **self.service.shape})
        self.waiting[connection] = queue
        if self.task is None:
            self.task = asyncio.create_task(self._play())
        parts = {asyncio.create_task(_pass_on(queue, connection)), asyncio.create_task(_silent(connection)), self.task}
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for error in filter(None, [part.exception() for part in done]):
                raise error
        finally:
            del self.waiting[connection]
            for part in parts - {self.task}:
                part.cancel()
            if not self.waiting and self.task is not None:
                self.task.cancel()
                self.task = None

    async def _play(self) -> None:
        try:
            await self._over_and_over()
        except SonantError as error:
            self.service.tell(str(error))
            raise Refused(TROUBLE, "the service cannot play its file any more; its operator sees why") from None

    async def _over_and_over(self) -> None:
        shape = self.service.shape
        rate, began, samples = shape["sample_rate"], time.monotonic(), 0
        while True:
            listener = await self.service.run(self.service.listener)
            pieces = file_pieces(self.file, rate=rate, channels=shape["channels"], chunk_s=PLAY_S)
            while (piece := await self.service.run(next, pieces, None)) is not None:
                moments = await self.service.run(listener.hear, piece.wave_CL)
                samples += piece.wave_CL.shape[1]
                await asyncio.sleep(began + seconds_of(samples, rate) - time.monotonic())
                if len(moments):
                    self._give({"type": "frames", **moments.message()})
            self._give({"type": "again"})

    def _give(self, message: dict) -> None:
        text = json.dumps(message)
        for queue in self.waiting.values():
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(text)


async def send(connection: Any, message: dict | str) -> None:
    """Send a message. Raises TimeoutError for a client that does not take it."""
    async with asyncio.timeout(SEND_S):
        await connection.send(message if isinstance(message, str) else json.dumps(message))


async def _pass_on(queue: asyncio.Queue[str], connection: Any) -> None:
    while True:
        await send(connection, await queue.get())


async def _silent(connection: Any) -> None:
    """Wait until a listener goes; it has nothing to say."""
    async for _ in connection:
        raise Refused(BAD_KIND, "this connection listens to the service's file; open another for your own audio")


async def _hello(connection: Any) -> dict:
    """The first message of a client."""
    try:
        async with asyncio.timeout(HELLO_S):
            message = await connection.recv()
    except TimeoutError:
        raise Refused(BAD_CONTENT, f"no hello within {HELLO_S:g} s") from None
    if not isinstance(message, str):
        raise Refused(BAD_KIND, "the first message is a hello of JSON text, then come samples")
    hello = _json(message) if len(message) <= LONGEST_HELLO else None
    if not isinstance(hello, dict):
        raise Refused(
            BAD_CONTENT,
            'the first message is {"sample_rate": 16000, "channels": 2, "format": "f32"} or {"source": "file"}',
        )
    return hello


def _json(text: str) -> Any:
    """What a text says; None for what is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


async def _refuse(connection: Any, code: int, reason: str) -> None:
    from websockets.exceptions import ConnectionClosed

    try:
        await send(connection, {"type": "error", "code": code, "message": reason})
        await connection.close(code, reason.encode()[:120].decode(errors="ignore"))
    except (ConnectionClosed, TimeoutError):
        pass
