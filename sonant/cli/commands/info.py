"""Describe a model: parameters, dimensions, rate, receptive field, look-ahead, layers, training data."""

ABOUT = "parameters, rate, receptive field, look-ahead, layers"


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument("model", help="model folder, run folder, hub id, or the baselines mfcc and logmel")
    add_json(parser)


def run(args):
    from ...actions.info import describe
    from ..output import print_table, write_results

    facts = describe(args.model)
    write_results(facts, args.json)
    rows = []
    for key, value in facts.items():
        if key in ("layers", "training"):
            value = ", ".join(
                f"{name} ({size})" if key == "layers" else f"{name}: {size}" for name, size in value.items()
            )
        unbounded = value is None and key.startswith(("context", "look"))
        rows.append((key.replace("_", " "), "the whole utterance" if unbounded else value))
    print_table(["", ""], rows, quiet=args.json == "-")
