"""Is the turn over? What a model of dialogue expects at the end of short phrases and amid long ones.

The phrase is in one channel, the other is silent; figures are the probability that the silent one takes over (p_now,
p_future and, as in 2022, p_next): before the point (hold), near it (predictive), at it (reactive) and after it (post),
for short phrases at their end (short@SCP) and long ones at the same word (long@SCP) and at their end (long@EOT).
FOLDER holds audio and TextGrids with a tier 'words', named TOPIC_short_SEX_VOICE and TOPIC_long_SEX_VOICE.

    sonant eval phrases --model runs/vap --phrases phrases --figure phrases.html
    sonant eval phrases --model runs/vap --phrases phrases --perturb flat_f0 low_pass --json phrases.json
"""

PERTURBED = "flat_f0, shift_f0, low_pass, flat_intensity, average_durations"
ABOUT = "the probability of a shift at the end of short and amid long phrases (prosody)"


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument("--model", required=True, metavar="M", help="model or run folder, or hub id")
    parser.add_argument("--phrases", required=True, metavar="FOLDER", help="audio and TextGrids, in it or below it")
    parser.add_argument("--perturb", nargs="+", default=[], metavar="WHAT", help=f"also phrases changed: {PERTURBED}")
    parser.add_argument(
        "--completion", nargs="+", default=[], metavar="TOPIC=WORD", help="which word completes a short phrase"
    )
    parser.add_argument(
        "--regions",
        default="analysis",
        choices=["analysis", "training"],
        help="training: predictive the 0.2 s before the point, reactive the 0.2 s after it (analysis)",
    )
    parser.add_argument("--silence", type=float, default=2.0, metavar="S", help="seconds after the last word (2)")
    parser.add_argument("--figure", metavar="OUT.html", help="also draw a page of them")
    parser.add_argument("--show", nargs="+", default=[], metavar="VOICE", help="whose phrases it draws (the first)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--name", help="what the results call the model (default: its path)")
    parser.add_argument("--results", metavar="FILE", help="also append the scores to this results.jsonl")
    add_json(parser)


def run(args):
    from ...actions.phrase_figure import draw_phrases
    from ...actions.phrases import phrase_test
    from ...core.errors import require
    from ...reports.results import append_result
    from ..output import check_target, progress_bar, write_results

    for target in (args.json, args.results, args.figure):
        check_target(target)
    require(args.figure is None or args.figure.endswith(".html"), f"--figure is a page, .html, got '{args.figure}'")
    pairs = [text.partition("=") for text in args.completion]
    require(all(topic and word for topic, _, word in pairs), "--completion takes TOPIC=WORD, such as student=student")
    options = {name: getattr(args, name) for name in ("perturb", "silence", "device", "name")}
    with progress_bar("phrases") as progress:
        lines, heard = phrase_test(
            args.model,
            args.phrases,
            completion={topic: word for topic, _, word in pairs},
            cut=args.regions,
            progress=progress,
            **options,
        )
    _show(lines, quiet=args.json == "-")
    if args.figure:
        draw_phrases(args.figure, lines, heard, show=args.show)
    for line in lines if args.results else ():
        append_result(args.results, line)
    write_results([line.line() for line in lines], args.json)


def _show(lines, *, quiet):
    from ..output import print_table

    regions = list(dict.fromkeys(name for line in lines for name in line.figure))
    for task, title, count in (
        ("phrases", "probability that the silent partner takes over", "files"),
        ("phrase_pairs", "\nshare of pairs in which it is higher for the short phrase (chance 0.5)", "pairs"),
    ):
        rows = [
            (
                line.settings["perturb"], line.settings["signal"], line.settings["place"],
                *(line.figure.get(region) for region in regions), line.extra[count],
            )
            for line in lines
            if line.task == task
        ]  # fmt: skip
        print_table(["perturb", "signal", "place", *regions, count], rows, title=title, quiet=quiet)
