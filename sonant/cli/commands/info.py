"""Describe a model: parameters, dimensions, rate, receptive field, look-ahead, layers, training data."""

ABOUT = "parameters, rate, receptive field, look-ahead, layers"
SCPC = ("feat_size", "output_size", "downsampling_factor", "num_params")


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument("model", help="model folder, run folder, hub id, or the baselines mfcc and logmel")
    parser.add_argument(
        "--like", choices=["scpc"], help="the four lines of scpc-info: feat_size, output_size, ..., num_params"
    )
    parser.add_argument("--verify", action="store_true", help="measure past and future by gradient on noise too")
    add_json(parser)


def run(args):
    from ...actions.info import describe
    from ..output import print_table, write_results

    facts = describe(args.model, verify=args.verify)
    write_results(facts, args.json)
    if args.like == "scpc":
        for key in SCPC:
            print(f"{key} {facts[key]}")
        return
    rows = []
    for key, value in facts.items():
        if key in (*SCPC, "measured") or (key in ("embedding_dim", "dialogue_rate_hz", "dialogue") and value is None):
            continue
        if key == "verified":
            sides = ("the whole utterance" if side is None else f"{side} frames" for side in facts["measured"])
            equal, (past, future) = "equal" if value else "NOT equal", sides
            value, key = f"{equal}: past {past}, future {future}", "measured by gradient"
        if key == "dialogue":
            from ...reports.card import dialogue_rows

            rows += dialogue_rows(value)
            continue
        if key in ("layers", "training"):
            value = ", ".join(
                f"{name} ({size})" if key == "layers" else f"{name}: {_short(size)}" for name, size in value.items()
            )
        unbounded = value is None and key.startswith(("context", "look", "width"))
        rows.append((key.replace("_", " "), "the whole utterance" if unbounded else value))
    print_table(["", ""], rows, quiet=args.json == "-")


def _short(value):
    """A component by its name; --json has all of its settings."""
    return value["name"] if isinstance(value, dict) and "name" in value else value
