"""Generate a corpus of speech, train CPC on it, extract, score it against log-mel and MFCC, write a page.

Takes about five minutes on two cores. Run again in the same folder, it goes on where it stopped.
"""

ABOUT = "generated speech -> train -> extract -> score -> report, in five minutes"


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument("folder", nargs="?", default="sonant-demo", metavar="DIR", help="default: sonant-demo")
    parser.add_argument("--seed", type=int, default=0, help="of the corpus and of the training")
    parser.add_argument("--steps", type=int, help="training steps (default: those of the configuration 'demo')")
    add_json(parser)


def run(args):
    import sys

    from ...actions.demo import demo
    from ..output import print_table, write_results

    told = demo(
        args.folder, seed=args.seed, steps=args.steps, say=lambda line: print(line, file=sys.stderr, flush=True)
    )
    write_results(told, args.json)
    rows = [
        (name, *(f"{100 * errors[speaker]:.1f} %" for speaker in ("across", "within")))
        for name, errors in told["errors"].items()
    ]
    columns = ["ABX error (lower is better)", "across speakers", "within speaker"]
    print_table(columns, rows, quiet=args.json == "-")
    print(f"model {told['run']}   report {told['report']}", file=sys.stderr)
