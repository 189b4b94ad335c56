"""How well do units stand for phones? Purity, PNMI (Hsu et al. 2021), V-measure; runs and perplexity of use.

sonant eval units --units corpus_units/k_100 --labels corpus
sonant eval units --units test_units/k_100 --train train_units/k_100     perplexities of unigrams and bigrams
sonant eval units --units calls/k_100_dialogue --model runs/ulm          losses of a model of units of dialogues

UNITS is a folder of sonant units encode, MANIFEST a manifest with phones. All figures but the last two lie in [0, 1],
higher is better; purities are to be compared between equal numbers of units only.
"""

ABOUT = "units against the phones of a manifest: purity, PNMI, V-measure, runs, perplexity"


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument("--units", required=True, metavar="DIR", help="folder of sonant units encode (k_<k> in it)")
    parser.add_argument("--labels", metavar="MANIFEST", help="manifest with the times of phones")
    parser.add_argument("--train", metavar="DIR", help="units to count: perplexity of UNITS under their n-grams")
    parser.add_argument("--model", metavar="M", help="language model of units with projection (ulm_projection)")
    parser.add_argument("--context", type=float, default=5.0, metavar="S", help="seconds of past of a frame of M (5)")
    parser.add_argument("--step", type=float, default=5.0, metavar="S", help="seconds from window to window of M (5)")
    parser.add_argument("--device", default="cpu", help="of M")
    parser.add_argument("--silence", action="store_true", help="count silence and noise as phones (left out)")
    parser.add_argument("--name", help="what the results call the units (default: their path)")
    parser.add_argument("--results", metavar="FILE", help="also append the score to this results.jsonl")
    add_json(parser)


def run(args):
    from ...actions.unit_model_score import score_unit_model
    from ...actions.units_score import score_ngrams, score_units
    from ...core.errors import require
    from ...reports.results import append_result
    from ..output import print_table, progress_bar, write_results

    given = [name for name in ("labels", "train", "model") if getattr(args, name) is not None]
    require(len(given) == 1, "sonant eval units needs one of --labels, --train and --model")
    if args.model is not None:
        names = ("context", "step", "device", "name")
        with progress_bar("dialogues") as progress:
            options = {name: getattr(args, name) for name in names}
            figures, line = score_unit_model(args.model, args.units, **options, progress=progress)
        rows = [(name.replace("_", " "), f"{value:.4f}") for name, value in figures.items()]
    elif args.train is not None:
        figures, line = score_ngrams(args.units, args.train)
        rows = [(name.replace("_", " "), f"{value:.3f}") for name, value in figures.items()]
    else:
        with progress_bar("units") as progress:
            options = {"silence": args.silence, "name": args.name}
            figures, line = score_units(args.units, args.labels, **options, progress=progress)
        rows = rows_of(figures, line.extra)
    if args.results:
        append_result(args.results, line)
    write_results(line.line(), args.json)
    print_table(["", ""], rows, quiet=args.json == "-")


def rows_of(figures, extra):
    """The figures against phones, for people."""
    return [
        ("PNMI", f"{figures['pnmi']:.4f}"),
        ("phone purity", f"{figures['phone_purity']:.4f} (commonest phone {extra['commonest_phone']:.4f})"),
        ("cluster purity", f"{figures['cluster_purity']:.4f} (commonest unit {extra['commonest_unit']:.4f})"),
        ("V-measure", f"{figures['v_measure']:.4f}"),
        ("mean run", f"{extra['mean_run_frames']:.2f} frames, {1000 * figures['mean_run_seconds']:.0f} ms"),
        ("perplexity of use", f"{figures['perplexity_of_use']:.1f} of {extra['k']}, {extra['used']} used"),
        ("scored", f"{extra['scored_frames']:,} of {extra['frames']:,} frames, {extra['phones']} phones"),
        ("utterances", f"{extra['utterances']:,}, {extra['left_out']:,} left out"),
    ]
