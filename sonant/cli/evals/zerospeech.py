"""A ZeroSpeech submission folder from a model or features, scored on this machine where the item files are at hand.

    sonant eval zerospeech submission --model runs/cpc --audio abxLS-dataset
    sonant eval zerospeech submission --features frames --rate 100

DIR of --audio is the benchmark's data, with folders such as dev-clean in it; single ones are given as
dev-clean=FOLDER. Errors are in percent; lower is better, chance is 50. Run again, it makes only what is missing.
"""

ABOUT = "submissions to the ZeroSpeech benchmarks, and their ABX scores"


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument("out", metavar="OUT", help="submission folder to write")
    parser.add_argument("--model", metavar="M", help="model or run folder, hub id, mfcc or logmel")
    parser.add_argument(
        "--audio", action="append", default=[], metavar="DIR", help="data of the benchmark (with --model)"
    )
    parser.add_argument(
        "--features", metavar="DIR", help="arrays in folders called like the subsets, in place of a model"
    )
    parser.add_argument("--rate", metavar="HZ", help="frames per second of the features; default: from their index")
    parser.add_argument(
        "--benchmark",
        default="abxLS",
        choices=["abxLS", "abx17", "zr2017", "zr2021"],
        help="abxLS: task 1 on LibriSpeech; abx17: task 1 on the data of 2017; zr2017, zr2021: formats of these years",
    )
    parser.add_argument(
        "--items", action="append", default=[], metavar="DIR", help="where item files are looked for, or NAME=FILE"
    )
    parser.add_argument("--layer", help="layer of the model (default: its own default)")
    parser.add_argument("--distance", default="angular", choices=["angular", "euclidean", "kl"], help="between frames")
    parser.add_argument("--max-group-size", default="10", metavar="N", help="tokens of a group; none: all")
    parser.add_argument("--max-x-across", default="5", metavar="N", help="speakers of X; none: all")
    parser.add_argument("--about", metavar="YAML", help="keys of meta.yaml: authors, institution, train set, ...")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-seconds", type=float, default=120.0, help="audio per batch, in seconds")
    parser.add_argument("--results", metavar="FILE", help="also append the scores to this results.jsonl")
    add_json(parser)


def run(args):
    from ...actions.zerospeech import submit
    from ...reports.results import append_result
    from ..output import number, print_table, progress_bar, write_results

    with progress_bar("zerospeech") as progress:
        made = submit(
            args.out,
            model=args.model,
            audio=args.audio,
            features=args.features,
            rate=args.rate,
            benchmark=args.benchmark,
            items=args.items,
            layer=args.layer,
            distance=args.distance,
            max_group_size=number(args.max_group_size, "--max-group-size"),
            max_x_across=number(args.max_x_across, "--max-x-across"),
            about=args.about,
            device=args.device,
            batch_seconds=args.batch_seconds,
            progress=progress,
        )
    for result in made.scores:
        if args.results:
            append_result(args.results, result)
    facts = {"out": str(made.folder), "files": made.files, "absent": made.absent, "open": made.open}
    write_results({**facts, "scores": [result.line() for result in made.scores]}, args.json)
    rows = [("out", facts["out"])]
    rows += [(name, f"{count:,} files") for name, count in made.files.items() if count]
    rows += [("absent", ", ".join(made.absent))] if made.absent else []
    rows += [("to fill in", f"meta.yaml: {', '.join(made.open)}")] if made.open else []
    print_table(["", ""], rows, quiet=args.json == "-")
    if made.scores:
        columns = ["subset", "items", "context", "speaker", "ABX error"]
        table = [
            (
                r.data,
                r.settings["granularity"],
                r.settings["context"],
                r.settings["speaker"],
                f"{100 * r.figure['error']:.2f} %",
            )
            for r in made.scores
        ]
        print_table(columns, table, quiet=args.json == "-")
