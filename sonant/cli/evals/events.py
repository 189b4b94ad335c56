"""The turn-taking events of dialogues, from who speaks when; and how often which future follows.

--activity takes files (activity lists [[[start_s, end_s], ...], [[...], ...]] as .json, .jsonl, .rttm, .TextGrid,
Switchboard's word files) and folders of such. Frame numbers are those of --rate, ends are left out. --json writes
{kind: [[start_frame, end_frame, speaker], ...]}, of several dialogues {session: {kind: ...}}.

    sonant eval events --activity call.json --rate 50 --set 2023
    sonant eval events --activity calls/ --rate 50 --set 2022 --json events.json --figure events.html
"""

ABOUT = "turn-taking events of dialogues (shifts, holds, backchannels) and statistics of a corpus"


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument("--activity", metavar="F", nargs="+", required=True, help="files or folders of timings")
    parser.add_argument("--rate", metavar="HZ", type=float, required=True, help="frames per second")
    parser.add_argument("--set", default="2023", choices=["2023", "2022"], help="of events (2023)")
    parser.add_argument(
        "--duration", metavar="S", type=float, help="of a dialogue in seconds (default: as its file says)"
    )
    parser.add_argument(
        "--max-time", metavar="S", type=float, help="no event begins later (default: the whole dialogue)"
    )
    parser.add_argument("--min-context", metavar="S", type=float, default=3.0, help="nor earlier (3)")
    parser.add_argument(
        "--setting",
        metavar="NAME=S",
        nargs="+",
        default=[],
        help="other settings of the set, such as bc_post_silence=2",
    )
    parser.add_argument("--draw", action="store_true", help="also negatives, and as many holds as shifts, by chance")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (0)")
    parser.add_argument("--analysis", metavar="FILE", help="also write classes and lengths of events as JSON")
    parser.add_argument("--figure", metavar="OUT.html", help="also draw a page of both")
    add_json(parser)


def run(args):
    from pathlib import Path

    from ...actions.dialogue_events import dialogue_events, settings_of
    from ...core.errors import require
    from ...core.files import write_json
    from ...evaluation.turn_taking.regions import as_lists
    from ...reports.corpus import corpus_page
    from ..output import check_target, write_results

    for target in (args.json, args.analysis, args.figure):
        check_target(target)
    require(args.figure is None or args.figure.endswith(".html"), f"--figure is a page, .html, got '{args.figure}'")
    require(args.duration is None or args.duration > 0, f"--duration must be positive, got {args.duration}")
    changed = {"min_context": args.min_context, "max_time": args.max_time, **dict(map(_setting, args.setting))}
    found, statistics = dialogue_events(
        args.activity,
        rate=args.rate,
        event_set=args.set,
        duration=args.duration,
        draw=args.draw,
        seed=args.seed,
        settings=settings_of(args.set, **changed),
    )
    summary = statistics.summary()
    _show(summary, args)
    if args.analysis:
        write_json(args.analysis, {"set": args.set, "rate": args.rate, **summary})
    if args.figure:
        title = Path(args.activity[0]).name + (f" and {len(args.activity) - 1} more" if len(args.activity) > 1 else "")
        corpus_page(args.figure, summary, title=title, event_set=args.set)
    lists = {session: as_lists(events) for session, events in found.items()}
    write_results(next(iter(lists.values())) if len(lists) == 1 else lists, args.json)


def _setting(text):
    from ...core.errors import SonantError

    name, _, value = text.partition("=")
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise SonantError(f"--setting takes NAME=SECONDS, such as bc_post_silence=2, got '{text}'")
    return name, seconds


def _show(summary, args):
    from ..output import print_table

    quiet = args.json == "-"
    rows = [
        (kind, row["count"], row["seconds"], row.get("mean"), row.get("median"))
        for kind, row in summary["events"].items()
    ]
    number = summary["dialogues"]
    title = f"{number} dialogue{'s' * (number != 1)}, {summary['hours']:.2f} h, {args.rate:g} Hz, events of {args.set}"
    print_table(["event", "count", "seconds", "mean", "median"], rows, title=title, quiet=quiet)
    classes, states = summary["classes"], summary["states"]
    rows = [(f"{row['class']} {row['bins']}", f"{row['share']:.1%}") for row in classes["most"]]
    rows = [*((name, f"{share:.1%}") for name, share in states.items()), *rows]
    title = (
        f"\nfutures: {classes['occurring']} classes, entropy {classes['entropy_nats']:.3f} nats "
        f"({classes['entropy_bits']:.3f} bits)"
    )
    print_table(["state, or class: bins of speaker 0 / 1", "share of frames"], rows, title=title, quiet=quiet)
