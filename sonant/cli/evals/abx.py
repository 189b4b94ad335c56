"""ABX discriminability: is X nearer to another token of its phone than to one of another phone?

The error is in percent; lower is better, chance is 50. Give arrays (--features, written by sonant extract
or by anything else) or a model with audio (--model, --audio).

    sonant eval abx --items test.item --model runs/cpc --audio test_audio --speaker across \\
        --context within --distance angular --max-group-size none --slicing fastabx
"""

ABOUT = "phone discrimination as the ZeroSpeech challenges define it"


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument(
        "--items", required=True, metavar="F", help="item file: file onset offset phone prev next speaker"
    )
    parser.add_argument("--features", metavar="DIR", help="folder of arrays, or one .npz, .h5 or .ark")
    parser.add_argument("--rate", metavar="HZ", help="frames per second of the features; default: from their index")
    parser.add_argument("--model", metavar="M", help="model or run folder, hub id, mfcc or logmel")
    parser.add_argument("--audio", metavar="DIR", help="folder with the audio of the items (with --model)")
    parser.add_argument("--layer", help="layer of the model (default: its own default)")
    parser.add_argument(
        "--speaker", required=True, choices=["within", "across"], help="X of the same or another speaker"
    )
    parser.add_argument("--context", required=True, choices=["within", "any"], help="same neighbouring phones, or any")
    parser.add_argument(
        "--distance",
        required=True,
        choices=["cosine", "angular", "euclidean", "kl", "identical"],
        help="between frames",
    )
    parser.add_argument(
        "--max-group-size", required=True, metavar="N", help="tokens per phone, context and speaker; none: all"
    )
    parser.add_argument("--slicing", required=True, choices=["librilight", "fastabx"], help="how times become frames")
    parser.add_argument("--max-x-across", metavar="N", help="X speakers per cell (default: all)")
    parser.add_argument("--pooling", default="none", choices=["none", "mean", "hamming"], help="one vector per token")
    parser.add_argument("--seed", type=int, default=0, help="of the sub-sampling")
    parser.add_argument("--threads", type=int, help="CPU threads (default: all)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--pairs", metavar="FILE", help="also write the error of every ordered phone pair as TSV")
    parser.add_argument("--results", metavar="FILE", help="also append the score to this results.jsonl")
    add_json(parser)


def run(args):
    from ...actions.score_abx import score_abx
    from ...reports.results import append_result
    from ..output import number, print_table, progress_bar, write_results

    with progress_bar("abx") as progress:
        scored, line = score_abx(
            args.items,
            features=args.features,
            rate=args.rate,
            model=args.model,
            audio=args.audio,
            layer=args.layer,
            device=args.device,
            progress=progress,
            speaker=args.speaker,
            context=args.context,
            distance=args.distance,
            max_group_size=number(args.max_group_size, "--max-group-size"),
            max_x_across=number(args.max_x_across, "--max-x-across"),
            slicing=args.slicing,
            pooling=args.pooling,
            seed=args.seed,
            threads=args.threads,
        )
    if args.results:
        append_result(args.results, line)
    if args.pairs:
        write_pairs(args.pairs, scored.by_phone_pair())
    write_results(line.line(), args.json)
    rows = [
        ("ABX error", f"{100 * scored.error:.3f} %"),
        ("condition", f"{args.speaker} speaker, {args.context} context, {args.distance}, {args.slicing} slicing"),
        ("cells", f"{scored.n_cells:,} of {scored.n_triples:,} triples"),
        ("token pairs", f"{scored.n_pairs:,} in {scored.seconds:.2f} s ({scored.pairs_per_second:,.0f} per second)"),
        ("items", f"{scored.items:,} used, {scored.skipped:,} without a frame"),
    ]
    print_table(["", ""], rows, quiet=args.json == "-")


def write_pairs(path, rows):
    """The table of phone pairs as tab-separated text."""
    from pathlib import Path

    from ...core.files import write_text

    columns = list(rows[0])
    lines = ["\t".join(columns), *("\t".join(str(row[name]) for name in columns) for row in rows)]
    write_text(Path(path), "\n".join(lines) + "\n")
