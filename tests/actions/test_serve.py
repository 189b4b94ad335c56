"""The service: clients with states of their own, the file that is played, what is refused, and the page."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import signal
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

websockets = pytest.importorskip("websockets", reason="the extra 'serve' is not installed")
from websockets.asyncio.client import connect  # noqa: E402
from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402

from sonant import build  # noqa: E402
from sonant.actions import _serve_http, _serve_service  # noqa: E402
from sonant.actions._serve_service import Player, Service  # noqa: E402
from sonant.actions.serve import LARGEST, about_of, opened, serve  # noqa: E402
from sonant.actions.stream import stream  # noqa: E402
from sonant.core import MissingExtra, SonantError  # noqa: E402

HELLO = {"sample_rate": 16000, "channels": 2, "format": "f32"}


def noise(seconds: float, seed: int) -> np.ndarray:
    """(L, 2) float32."""
    return (0.1 * np.random.default_rng(seed).standard_normal((int(seconds * 16000), 2))).astype("<f4")


class Place:
    """A running service, as its clients see it."""

    def __init__(self, service: Service, port: int):
        self.service, self.port = service, port

    def connect(self, path: str = "/listen", **options):
        return connect(f"ws://127.0.0.1:{self.port}{path}", proxy=None, **options)

    async def get(self, path: str, **headers) -> tuple[int, dict, str]:
        """Status, headers and text of a page."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)

        def ask():
            try:
                with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
                    return answer.status, dict(answer.headers), answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, dict(error.headers), error.read().decode()

        return await asyncio.to_thread(ask)


@pytest.fixture
def visit(small_dialogue):
    """``visit(story, **service)`` runs ``story(place)`` against a service, for 30 s at most."""

    def run(story, **options):
        async def main():
            service = Service(small_dialogue, context_s=1.0, **{"tell": print, **options})
            try:
                async with opened(service, "127.0.0.1", 0, about_of(service, "small")) as server:
                    place = Place(service, server.sockets[0].getsockname()[1])
                    return await asyncio.wait_for(story(place), 30)
            finally:
                service.close()

        return asyncio.run(main())

    return run


async def talk(socket, wave_LC: np.ndarray, *, chunk: int = 1600) -> list[dict]:
    """Send a dialogue to its end; all that the service says of it."""
    await socket.send(json.dumps(HELLO))
    for start in range(0, len(wave_LC), chunk):
        await socket.send(wave_LC[start : start + chunk].tobytes())
    await socket.send('{"end": true}')
    return [json.loads(message) async for message in socket]


def p_now(messages: list[dict]) -> np.ndarray:
    return np.array([p for message in messages if message["type"] == "frames" for p in message["p_now"]])


def alone(model, wave_LC: np.ndarray, tmp_path) -> np.ndarray:
    """What the model says of a dialogue without a service."""
    soundfile.write(tmp_path / "alone.wav", wave_LC, 16000, subtype="FLOAT")
    said = []
    stream(model, tmp_path / "alone.wav", context=1.0, show=said.append)
    return np.concatenate([moments.p_now_TS for moments in said])


def test_two_clients_at_once_have_states_of_their_own(visit, small_dialogue, tmp_path):
    waves = [noise(1.5, 1), noise(1.0, 2)]

    async def story(place):
        async with place.connect() as one, place.connect() as other:
            said = await asyncio.gather(talk(one, waves[0], chunk=700), talk(other, waves[1], chunk=20000))
        await asyncio.sleep(0.05)
        assert not place.service.here
        return said

    for said, wave_LC in zip(visit(story), waves, strict=True):
        assert said[0] == {"type": "ready", "rate": 50.0, "sample_rate": 16000, "channels": 2}
        assert said[-1] == {"type": "end"}
        np.testing.assert_allclose(p_now(said), alone(small_dialogue, wave_LC, tmp_path), atol=1e-4)
        frames = [message for message in said if message["type"] == "frames"]
        assert [m["first"] for m in frames] == list(np.cumsum([0, *(len(m["p_now"]) for m in frames)])[:-1])
        assert frames[0]["time"] == 0
        wave = np.array([w for m in frames for w in m["wave"]])
        assert wave.shape == (len(p_now(said)), 2, 2)
        np.testing.assert_allclose(wave[3, 1], [f(wave_LC[960:1280, 1]) for f in (np.min, np.max)], atol=0.03)


def test_a_client_that_goes_in_the_middle_leaves_nothing_behind(visit):
    async def story(place):
        async with place.connect() as stays:
            gone = await place.connect()
            await gone.send(json.dumps(HELLO))
            await gone.send(noise(0.2, 1).tobytes())
            assert json.loads(await gone.recv())["type"] == "ready"
            assert len(place.service.here) == 2
            gone.transport.abort()
            said = await talk(stays, noise(0.5, 2))
        await asyncio.sleep(0.05)
        assert not place.service.here
        return said

    assert len(p_now(visit(story))) == 25


WRONG = {
    "no JSON": (["hello"], 1008, "the first message is"),
    "a list": (["[1]"], 1008, "the first message is"),
    "too deep": (["[" * 100_000], 1008, "the first message is"),
    "samples first": ([b"1234"], 1003, "hello of JSON"),
    "no rate": ([{"channels": 2, "format": "f32"}], 1008, "rate of raw samples"),
    "rate of a text": ([{**HELLO, "sample_rate": "16000"}], 1008, "rate of raw samples"),
    "rate": ([{**HELLO, "sample_rate": 10**9}], 1008, "rate of raw samples"),
    "channels": ([{**HELLO, "channels": 3}], 1008, "1 or 2 channels"),
    "format": ([{**HELLO, "format": ["f32"]}], 1008, "one of s16, f32"),
    "a long hello": ([{**HELLO, "x" * 900_000: 1}], 1008, "the first message is"),
    "another key": ([{**HELLO, "file": "/etc/passwd"}], 1008, "unknown key 'file'"),
    "another source": ([{"source": "/etc/passwd"}], 1008, "unknown source"),
    "a file where none is": ([{"source": "file"}], 1008, "plays no file"),
    "part of a sample": ([HELLO, b"12345"], 1003, "no whole samples"),
    "no number": ([HELLO, np.full(4, np.inf, "<f4").tobytes()], 1003, "NaN or infinite"),
    "text for samples": ([HELLO, "hello again"], 1003, "binary messages"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_client_does_wrong_is_told_and_it_is_let_go(visit, case):
    messages, code, reason = WRONG[case]

    async def story(place):
        async with place.connect() as socket:
            for message in messages:
                await socket.send(json.dumps(message) if isinstance(message, dict) else message)
            said = [json.loads(message) async for message in _to_the_end(socket)]
        async with place.connect() as socket:  # the others are served
            assert len(p_now(await talk(socket, noise(0.2, 1)))) == 10
        return said, socket, said[-1]["code"]

    said, _, told = visit(story)
    assert told == code and said[-1]["type"] == "error" and reason in said[-1]["message"]
    assert "\n" not in said[-1]["message"]


async def _to_the_end(socket):
    try:
        while True:
            yield await socket.recv()
    except ConnectionClosed as closed:
        assert closed.rcvd.code in (1003, 1008, 1011)


def test_messages_are_bounded_and_hellos_awaited_for_a_while(visit, monkeypatch):
    monkeypatch.setattr(_serve_service, "HELLO_S", 0.2)

    async def story(place):
        async with place.connect() as large, place.connect() as silent:
            await large.send(json.dumps(HELLO))
            await large.recv()
            with pytest.raises(ConnectionClosed) as closed:
                await large.send(bytes(LARGEST + 8))
                await large.recv()
            assert closed.value.rcvd.code == 1009
            assert "no hello within" in json.loads(await silent.recv())["message"]

    visit(story)


def test_no_more_clients_than_there_are_places(visit):
    async def story(place):
        async with place.connect() as first:
            await first.send(json.dumps(HELLO))
            await first.recv()
            async with place.connect() as second:
                told = json.loads(await second.recv())
            assert told["code"] == 1013 and "all 1 places" in told["message"]
        await asyncio.sleep(0.05)
        async with place.connect() as third:
            assert len(p_now(await talk(third, noise(0.2, 1)))) == 10

    visit(story, clients=1)


def test_a_long_message_holds_nobody_up(visit, monkeypatch):
    """A step of the model takes half a second; meanwhile another client is greeted."""
    hear = _serve_service.Listener.hear

    def slow(self, wave_CL, *, last=False):
        time.sleep(0.5)
        return hear(self, wave_CL, last=last)

    monkeypatch.setattr(_serve_service.Listener, "hear", slow)

    async def story(place):
        async with place.connect() as busy, place.connect() as new:
            await busy.send(json.dumps(HELLO))
            await busy.recv()
            await busy.send(noise(0.2, 1).tobytes())
            await asyncio.sleep(0.05)
            began = time.monotonic()
            assert (await place.get("/about.json"))[0] == 200
            await new.send(json.dumps(HELLO))
            await new.recv()
            took = time.monotonic() - began
            await busy.recv()
            return took

    assert visit(story, clients=2) < 0.4


@pytest.fixture
def played(tmp_path):
    soundfile.write(tmp_path / "call.wav", noise(0.6, 3), 16000)
    return str(tmp_path / "call.wav")


def test_the_file_is_played_to_all_that_listen(visit, played):
    async def story(place):
        player = place.service.player
        async with place.connect() as early:
            await early.send('{"source": "file"}')
            heard = [json.loads(await early.recv()) for _ in range(3)]
            async with place.connect() as late:
                await late.send('{"source": "file"}')
                later = [json.loads(await late.recv()) for _ in range(2)]
            while heard[-1]["type"] != "again":
                heard.append(json.loads(await early.recv()))
            assert json.loads(await early.recv())["first"] == 0
            assert len(player.waiting) == 1
            await early.send("anything")
            with pytest.raises(ConnectionClosed):
                while True:
                    await early.recv()
        await asyncio.sleep(0.05)
        assert not player.waiting and player.task is None and not place.service.here
        return heard, later

    heard, later = visit(story, file=played)
    assert len(p_now(heard)) == 30 and heard[0]["type"] == "ready"
    assert later[1]["first"] > 0, "who comes late hears it from there on"


def test_the_file_is_played_in_real_time(visit, played):
    async def story(place):
        async with place.connect() as socket:
            await socket.send('{"source": "file"}')
            await socket.recv()
            began = time.monotonic()
            while json.loads(await socket.recv())["type"] != "again":
                pass
            return time.monotonic() - began

    assert visit(story, file=played) >= 0.55


def test_a_file_that_is_gone_is_told_to_the_operator_only(visit, played):
    told = []

    async def story(place):
        async with place.connect() as socket:
            await socket.send('{"source": "file"}')
            await socket.recv()
            Path(played).unlink()
            return [json.loads(message) async for message in _to_the_end(socket)][-1]

    said = visit(story, file=played, tell=told.append)
    assert said["code"] == 1011 and "call.wav" not in said["message"]
    assert "no audio file" in told[0] and played in told[0]


def test_a_listener_that_is_behind_misses_frames():
    player = Player(SimpleNamespace(), "call.wav")
    slow, quick = asyncio.Queue(3), asyncio.Queue(9)
    player.waiting = {1: slow, 2: quick}
    for number in range(9):
        player._give({"first": number})
    assert [json.loads(slow.get_nowait())["first"] for _ in range(3)] == [6, 7, 8]
    assert quick.qsize() == 9


def test_a_client_that_does_not_read_is_dropped(visit, monkeypatch):
    monkeypatch.setattr(_serve_service, "SEND_S", 0.1)
    gone = []

    class Deaf:
        """A connection that says hello and takes nothing."""

        transport = SimpleNamespace(abort=lambda: gone.append(True))

        async def recv(self):
            return json.dumps(HELLO)

        async def send(self, message):
            await asyncio.sleep(60)

    async def story(place):
        await place.service(Deaf())
        assert gone and not place.service.here

    visit(story)


def test_a_failing_step_ends_that_client_only(visit, monkeypatch):
    told = []

    def fail(self, wave_CL, *, last=False):
        raise RuntimeError("out of luck")

    async def story(place):
        async with place.connect() as socket:
            with monkeypatch.context() as patch:
                patch.setattr(_serve_service.Listener, "hear", fail)
                said = await _said_until_closed(socket)
        assert said[-1]["code"] == 1011 and "luck" not in said[-1]["message"]
        async with place.connect() as socket:
            assert len(p_now(await talk(socket, noise(0.2, 1)))) == 10

    visit(story, tell=told.append)
    assert told == ["a step failed: RuntimeError: out of luck"]


async def _said_until_closed(socket) -> list[dict]:
    await socket.send(json.dumps(HELLO))
    await socket.send(noise(0.1, 1).tobytes())
    said = []
    with pytest.raises(ConnectionClosed):
        while True:
            said.append(json.loads(await socket.recv()))
    return said


def test_the_page_asks_for_nothing_but_the_service(visit):
    async def story(place):
        return await place.get("/"), await place.get("/about.json"), await place.get("/../secret")

    (status, headers, text), (_, _, about), (missing, _, _) = visit(story, file=__file__)
    assert (status, missing) == (200, 404)
    assert headers["Content-Type"].startswith("text/html")
    assert not re.findall(r"https?://|\bsrc=|@import|url\(", text)
    assert re.findall(r'<link[^>]*href="([^"]*)"', text) == ["data:,"]
    [script] = re.findall(r"<script>(.*?)</script>", text, re.S)
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "connect-src 'self'" in policy
    assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy
    assert " on" not in " ".join(re.findall(r"<\w+([^>]*)>", text.split("<script>")[0])), "no handlers in attributes"
    told = json.loads(about)
    assert (told["file"], told["rate"], told["now_s"], told["future_s"]) == ("test_serve.py", 50.0, 0.6, 2.0)
    assert str(__file__) not in about


def test_pages_of_other_sites_are_refused(visit):
    async def story(place):
        own = f"http://127.0.0.1:{place.port}"
        async with place.connect(origin=own) as socket:
            assert len(p_now(await talk(socket, noise(0.2, 1)))) == 10
        for origin in ("https://example.org", f"http://example.org:{place.port}", "null"):
            with pytest.raises(InvalidStatus) as refused:
                await place.connect(origin=origin)
            assert refused.value.response.status_code == 403
        with pytest.raises(InvalidStatus) as refused:
            await place.connect(path="/elsewhere")
        assert refused.value.response.status_code == 404
        assert (await place.get("/", Host="example.org"))[0] == 421  # a foreign name that leads to this computer
        assert (await place.get("/", Host="localhost:1"))[0] == 200

    visit(story)


@pytest.mark.parametrize(
    ("host", "local"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("box", False)]
)
def test_what_only_this_computer_reaches(host, local):
    assert _serve_http.is_local(host) is local


def test_it_ends_when_it_is_told_to(small_dialogue):
    told = []

    def tell(line):
        told.append(line)
        signal.raise_signal(signal.SIGTERM)

    assert serve(small_dialogue, port=0, tell=tell) == {"clients": 0}
    assert "Ctrl-C ends" in told[0] and len(told) == 1


def test_a_service_beyond_this_computer_says_so(small_dialogue):
    told = []

    def tell(line):
        told.append(line)
        signal.raise_signal(signal.SIGINT)

    serve(small_dialogue, host="0.0.0.0", port=0, tell=tell)
    assert "whoever reaches this port" in told[1]


def test_what_cannot_be_served(small_dialogue, monkeypatch, tmp_path):
    with pytest.raises(SonantError, match="listens to no dialogues"):
        serve("mfcc")
    with pytest.raises(SonantError, match="no audio file"):
        serve(small_dialogue, file=tmp_path / "gone.wav")
    with pytest.raises(SonantError, match="at least one client"):
        serve(small_dialogue, clients=0)
    with pytest.raises(SonantError, match="from 0 to 65535"):
        serve(small_dialogue, port=70000)
    config = {"sample_rate": 16000, "encoder": {"name": "cpc_conv", "dim": 8}, "context": {"name": "lstm", "dim": 8}}
    told = build.representation_of(
        {**config, "dialogue": {"channels": 1, "activity": True, "heads": 2, "cross_layers": 0}}
    )
    with pytest.raises(SonantError, match="told who is active"):
        serve(told)
    monkeypatch.setitem(sys.modules, "websockets", None)
    with pytest.raises(MissingExtra, match=r"sonant\[serve\]"):
        serve(small_dialogue)


def test_a_port_that_is_taken(visit, small_dialogue):
    async def story(place):
        with pytest.raises(SonantError, match="is another one running"):
            await asyncio.to_thread(asyncio.run, _open_again(place))

    async def _open_again(place):
        async with opened(place.service, "127.0.0.1", place.port, {}):
            pass

    visit(story)
