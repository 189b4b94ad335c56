"""Who speaks next? What a model of dialogue foretells, over whole dialogues of two channels.

Reads p_now and p_future (events of 2023) or the zero-shot probabilities (2022) around shifts, holds and backchannels,
and the cross-entropy of the projected futures; beside it what one scores without listening.

    sonant eval turn-taking --model runs/vap --dialogues corpus/test --train corpus/train
    sonant eval turn-taking --model runs/vap --dialogues corpus/test --validation corpus/valid --per event --all-holds
"""

ABOUT = "shifts, holds and backchannels foretold by a model of dialogue (voice activity projection)"


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument("--model", required=True, metavar="M", help="model or run folder, or hub id")
    parser.add_argument(
        "--dialogues", required=True, metavar="MANIFEST", help="recordings with voice activity per channel"
    )
    parser.add_argument(
        "--units", metavar="DIR", help="of models on units: those of the dialogues (units encode --form dialogue)"
    )
    parser.add_argument(
        "--train",
        nargs="+",
        default=[],
        metavar="PLACE",
        help="manifests or timings that futures are counted in (default: the other dialogues)",
    )
    parser.add_argument("--validation", metavar="MANIFEST", help="dialogues on which thresholds are tuned")
    parser.add_argument(
        "--tune-all", action="store_true", help="tune shift_hold too, whose threshold is 0.5 in the papers"
    )
    parser.add_argument(
        "--sets", nargs="+", default=["2023", "2022"], choices=["2023", "2022"], help="of events (both)"
    )
    parser.add_argument("--per", default="frame", choices=["frame", "event"], help="what a sample is (frame)")
    parser.add_argument("--all-holds", action="store_true", help="not only as many as shifts (2023)")
    parser.add_argument("--both-ways", action="store_true", help="every dialogue also with its speakers exchanged")
    parser.add_argument("--context", type=float, default=10.0, metavar="S", help="seconds of past of a frame (10)")
    parser.add_argument("--step", type=float, default=10.0, metavar="S", help="seconds from window to window (10)")
    parser.add_argument("--seed", type=int, default=0, help="of negatives that are drawn, and of the coin (0)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--name", help="what the results call the model (default: its path)")
    parser.add_argument("--results", metavar="FILE", help="also append the scores to this results.jsonl")
    add_json(parser)


def run(args):
    from ...actions.turn_taking import Settings, turn_taking
    from ...reports.results import append_result
    from ..output import check_target, progress_bar, write_results

    for target in (args.json, args.results):
        check_target(target)
    names = ("per", "all_holds", "both_ways", "tune_all", "context", "step", "seed")
    settings = Settings(sets=tuple(args.sets), **{name: getattr(args, name) for name in names})
    places = {name: getattr(args, name) for name in ("dialogues", "units", "train", "validation", "device", "name")}
    with progress_bar("dialogues") as progress:
        lines = turn_taking(args.model, settings=settings, progress=progress, **places)
    _show(lines, args)
    for line in lines if args.results else ():
        append_result(args.results, line)
    write_results([line.line() for line in lines], args.json)


def _show(lines, args):
    from ..output import print_table

    quiet = args.json == "-"
    futures = [line for line in lines if line.task == "projection"]
    rows = [(line.model, *line.figure.values(), line.extra["frames"]) for line in futures]
    print_table(["model", "nats", "frames"], rows, title="projection of the next seconds", quiet=quiet)
    rows = [
        (
            line.settings["set"], line.settings["task"], line.model, line.figure["f1"],
            line.figure.get("balanced_accuracy"), line.figure.get("auc"), line.extra["threshold"],
            line.extra["samples"], line.extra["positive"],
        )
        for line in lines
        if line.task == "turn_taking"
    ]  # fmt: skip
    columns = ["set", "task", "model", "weighted F1", "balanced accuracy", "AUC", "threshold", "samples", "of label 1"]
    print_table(
        columns, rows, title=f"\ntasks, a sample is {'a frame' if args.per == 'frame' else 'an event'}", quiet=quiet
    )
