"""A model of dialogue as a service on this computer: a page that shows who speaks next, live, and a WebSocket.

    sonant serve runs/vap                      then open http://127.0.0.1:8765
    sonant serve runs/vap --file call.flac     the page can also follow this file, in real time

Every client sends audio of its own (microphone or file of the browser, or a program) and has its own state. The
protocol is in docs/streaming.md.
"""

ABOUT = "who speaks next, as a service with a live page"


def add_arguments(parser):
    parser.add_argument("model", metavar="MODEL", help="model or run folder, or hub id, of a model of two channels")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1: this computer only)")
    parser.add_argument("--port", type=int, default=8765, help="8765; 0 takes one that is free")
    parser.add_argument("--context", type=float, default=20.0, metavar="S", help="seconds of past it sees (20)")
    parser.add_argument("--file", metavar="AUDIO", help="play this file, over and over, to those who ask for it")
    parser.add_argument("--clients", type=int, default=8, metavar="N", help="that may be there at once (8)")


def run(args):
    from ...actions.serve import serve

    names = ("host", "port", "context", "file", "clients")
    facts = serve(
        args.model,
        **{name: getattr(args, name) for name in names},
        tell=lambda line: print(f"sonant: {line}", flush=True),
    )
    print(f"sonant: ended; {facts['clients']} clients were served")
