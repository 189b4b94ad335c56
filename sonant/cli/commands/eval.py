"""Score a representation: sonant eval TASK ... (sonant eval TASK --help tells its options)."""

import argparse

ABOUT = "score a representation: sonant eval TASK ..."


def add_arguments(parser):
    from ..main import listing

    parser.add_argument("task", help=f"one of: {', '.join(sorted(listing('sonant.cli.evals')))}")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="options of the task")


def run(args):
    from ..main import call, choose, listing

    module = choose(args.task, listing("sonant.cli.evals"), "task")
    return call(module, f"sonant eval {args.task}", args.rest)
