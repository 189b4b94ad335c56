"""Who speaks now, next and later, as the audio comes: a model of dialogue on a file, a pipe or the microphone.

    sonant stream runs/vap call.flac --pace
    sonant stream runs/vap mic
    arecord -f S16_LE -r 16000 -c 2 -t raw | sonant stream runs/vap - --json - | head

A file is read as fast as the model runs, or in real time with --pace. Of one channel the second speaker is silence.
Ctrl-C ends it and tells how much was heard, and how fast. --json FILE writes a line of JSON for each frame; --out
FILE.npy the frames of any model that does not look ahead without bound, in place of what a model of dialogue says.
"""

ABOUT = "who speaks next, live: a file, standard input or the microphone"


def add_arguments(parser):
    parser.add_argument("model", metavar="MODEL", help="a model of dialogue: folder, hub id, or exported (.onnx)")
    parser.add_argument("source", metavar="SOURCE", help="audio file; - for raw samples from standard input; mic")
    parser.add_argument("--context", type=float, default=20.0, metavar="S", help="seconds of past it sees (20)")
    parser.add_argument("--chunk", type=float, default=100.0, metavar="MS", help="audio of one step, in ms (100)")
    parser.add_argument("--activity", metavar="FILE", help="timings, for models that are told who is active")
    parser.add_argument("--json", metavar="FILE", help="a line of JSON for each frame; '-' is standard output")
    parser.add_argument("--csv", metavar="FILE", help="a row for each frame: time_sec, p_now and p_future of both")
    parser.add_argument("--pace", action="store_true", help="play a file in real time")
    parser.add_argument("--out", metavar="FILE.npy", help="write the frames of a layer")
    parser.add_argument("--layer", choices=["z", "c"], help="of --out (default: the model's own)")
    parser.add_argument("--raw-rate", type=int, default=16000, metavar="HZ", help="of standard input (16000)")
    parser.add_argument("--raw-channels", type=int, default=2, metavar="N", help="of standard input, interleaved (2)")
    parser.add_argument("--raw-format", default="s16", choices=["s16", "f32"], help="of standard input (s16)")


def run(args):
    import sys

    from ...actions.stream import RawAudio, stream
    from ...core.errors import require
    from ..live import live_line
    from ..output import check_target, print_table

    for target in (args.json, args.csv, args.out):
        check_target(target)
    given = {
        "chunk_ms": args.chunk,
        "pace": args.pace,
        "raw": RawAudio(args.raw_rate, args.raw_channels, args.raw_format),
        "tell": lambda line: print(f"sonant: {line}", file=sys.stderr, flush=True),
    }
    quiet = "-" in (args.json, args.csv)
    if args.out:
        from ...actions.stream_frames import stream_frames

        require(
            not (args.json or args.csv or args.activity), "--out writes frames; leave --json, --csv, --activity out"
        )
        facts = stream_frames(args.model, args.source, args.out, layer=args.layer, **given)
    else:
        require(args.layer is None, "--layer says what --out writes; give both")
        with live_line(quiet=quiet) as show:
            own = {"context": args.context, "activity": args.activity, "json_to": args.json, "csv_to": args.csv}
            facts = stream(args.model, args.source, **given, **own, show=show)
    rows = _facts(facts)
    if quiet:
        given["tell"](", ".join(f"{name} {value}" for name, value in rows))
    print_table(["", ""], rows, quiet=quiet)


def _facts(facts):
    rows = [("heard", f"{facts['seconds']:g} s, {facts['frames']} frames")]
    if facts["seconds"]:
        late = f"median {facts['latency_ms_median']:.1f} ms, 99th percentile {facts['latency_ms_p99']:.1f} ms"
        rows += [("real-time factor", f"{facts['real_time_factor']:.3f}"), ("latency of a step", late)]
    return rows
