"""A page of one dialogue: waveforms, who speaks, p_now and p_future, the bins that a model foretells, and the events.

PLACE is a manifest of dialogues or a recording of two channels. The page needs nothing else and can be sent about.

    sonant dialogue calls call.html --model runs/vap --at 12.5 31
    sonant dialogue call.flac call.html --model runs/vap --timings call.json --seconds 300
"""

ABOUT = "a page of a dialogue and what a model foretells in it"


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument("place", metavar="PLACE", help="manifest of dialogues, or a recording")
    parser.add_argument("out", metavar="OUT.html", help="the page")
    parser.add_argument("--model", required=True, metavar="M", help="model or run folder, or hub id")
    parser.add_argument("--dialogue", metavar="ID", help="which one of the manifest (the first)")
    parser.add_argument("--timings", metavar="FILE", help="who speaks when in the recording (.json, .rttm, ...)")
    parser.add_argument(
        "--at", nargs="+", type=float, default=[], metavar="S", help="moments whose windows are drawn by themselves"
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="only the first of them (the whole dialogue)")
    parser.add_argument("--set", default="2023", choices=["2023", "2022"], help="of events (2023)")
    parser.add_argument(
        "--events", nargs="+", default=[], metavar="KIND", help="which to draw (shifts, holds and backchannels)"
    )
    parser.add_argument("--context", type=float, default=10.0, metavar="S", help="seconds of past of a frame (10)")
    parser.add_argument("--step", type=float, default=10.0, metavar="S", help="seconds from window to window (10)")
    parser.add_argument("--device", default="cpu")
    add_json(parser)


def run(args):
    from ...actions.dialogue_page import draw_dialogue
    from ...core.errors import require
    from ..output import check_target, print_table, write_results

    check_target(args.json)
    require(args.out.endswith(".html"), f"the page is an .html file, got '{args.out}'")
    check_target(args.out)
    require(args.seconds is None or args.seconds > 0, f"--seconds must be positive, got {args.seconds}")
    names = ("dialogue", "timings", "at", "seconds", "context", "step", "device")
    options = {name: getattr(args, name) for name in names}
    facts = draw_dialogue(args.model, args.place, args.out, event_set=args.set, kinds=args.events, **options)
    rows = [(name, facts[name]) for name in ("dialogue", "seconds", "frames", "cross_entropy")]
    rows += [(name.replace("_", " "), number) for name, number in facts["events"].items()]
    rows += [(f"window at {one['at']:.2f} s", f"{one['best']}, true {one['true'] or '?'}") for one in facts["windows"]]
    print_table(["", ""], [*rows, ("page", args.out)], quiet=args.json == "-")
    write_results(facts, args.json)
