"""The options and the table that both tasks of word discrimination share."""

from __future__ import annotations

from typing import Any


def add_source(parser) -> None:
    """Where words come from, and where results go."""
    from .output import add_json

    parser.add_argument("--features", metavar="DIR", help="folder of arrays, or one .npz, .h5 or .ark")
    parser.add_argument("--rate", metavar="HZ", help="frames per second of the features; default: from their index")
    parser.add_argument("--model", metavar="M", help="model or run folder, hub id, mfcc or logmel")
    parser.add_argument("--audio", metavar="DIR", help="folder of audio, manifest or wav.scp (with --model)")
    parser.add_argument("--layer", help="layer of the model (default: its own), embedding, or c of keys such as x.c")
    lists = parser.add_mutually_exclusive_group()
    lists.add_argument("--labels", metavar="TSV", help="words: key label speaker [file onset offset]")
    lists.add_argument("--pairs", metavar="F", help="pairs: same_word same_speaker first second")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--name", help="what the results call the model (default: its path)")
    parser.add_argument("--results", metavar="FILE", help="also append the score to this results.jsonl")
    parser.add_argument("--ties", default="expected", choices=["expected", "stable"], help="equal distances (expected)")
    parser.add_argument("--precision", default="float32", choices=["float32", "float64"], help="of distances (float32)")
    add_json(parser)


def source_of(args):
    """The options as a ``WordSource``."""
    from ..actions.score_words import WordSource

    names = ("features", "rate", "model", "audio", "layer", "labels", "pairs", "device")
    return WordSource(**{name: getattr(args, name) for name in names})


def finish(args, scored, line, condition: str) -> None:
    """Write the result where the options say and print it."""
    from ..reports.results import append_result, spell_name
    from .output import print_table, write_results

    rows: list[tuple[str, Any]] = [(spell_name(name), f"{value:.5f}") for name, value in scored.figures.items()]
    pairs = f"{scored.pairs:,}, of the same word {scored.same_pairs:,}"
    others = "" if scored.swdp_pairs is None else f" ({scored.swdp_pairs:,} by different speakers)"
    memory = line.extra["peak_mb"]
    rows += [
        ("chance", f"{scored.chance:.5f}"),
        ("condition", condition),
        ("words", f"{scored.tokens:,} used, {line.extra['skipped']:,} without a frame"),
        ("pairs", pairs + others),
        ("speed", f"{scored.distance_seconds:.2f} s for distances ({scored.pairs_per_second:,.0f} pairs per second)"),
        ("memory", "not known" if memory is None else f"{memory:,.0f} MB at most"),
    ]
    print_table(["", ""], rows, quiet=args.json == "-")  # first: the figures are seen even where they cannot be kept
    if args.results:
        append_result(args.results, line)
    write_results(line.line(), args.json)
