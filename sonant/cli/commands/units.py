"""Units of a representation: k-means on its frames, and the unit of every frame of a corpus.

sonant units fit MODEL DATA OUT --layer L --k 100 --memory-gb 10     OUT/features and OUT/k_100
sonant units encode OUT/k_100 CORPUS UNITS                           UNITS/k_100, one array per utterance

MODEL is a model or run folder, a hub id, mfcc or logmel; DATA a folder of audio, an audio file, a manifest or a
wav.scp. Both go on where they were interrupted, and take what is there if it still fits.
"""

ABOUT = "units: k-means on frames within a budget, and the units of a corpus"


def add_arguments(parser):
    from ..output import add_json

    actions = parser.add_subparsers(dest="action", required=True, metavar="fit/encode")
    fit = actions.add_parser("fit", help="fit k-means to the frames of a model")
    fit.add_argument("model", metavar="MODEL")
    fit.add_argument("data", metavar="DATA")
    fit.add_argument("out", metavar="OUT", help="one folder for each model, layer and data")
    layer = fit.add_mutually_exclusive_group()
    layer.add_argument("--layer", help="layer of the model (default: its own; sonant info MODEL lists them)")
    layer.add_argument(
        "--torchaudio-element",
        type=int,
        metavar="N",
        help="the layer by its number in torchaudio's list, from 0, as in conv_ssl: its 6 is layer_7",
    )
    fit.add_argument("--k", type=int, required=True, help="units")
    fit.add_argument(
        "--memory-gb", type=float, default=2.0, metavar="G", help="frames to fit on, in GB (1e9 bytes) of float32 (2)"
    )
    fit.add_argument("--tries", type=int, default=3, help="k-means++ starts, the best of which is used (3)")
    fit.add_argument("--epochs", type=int, default=20, help="passes over the frames at most (20)")
    fit.add_argument("--tol", type=float, default=1e-3, help="ends when a pass gains less than this part (0.001)")
    fit.add_argument("--batch", type=int, default=10_000, help="frames of a step (10000)")
    fit.add_argument("--seed", type=int, default=0)
    fit.add_argument("--overwrite-features", action="store_true", help="extract the frames and fit again")
    fit.add_argument("--overwrite-kmeans", action="store_true", help="fit again to the frames that are there")
    encode = actions.add_parser("encode", help="write the units of a corpus")
    encode.add_argument("units", metavar="UNITS", help="folder of sonant units fit")
    encode.add_argument("data", metavar="DATA")
    encode.add_argument("out", metavar="OUT")
    encode.add_argument(
        "--form",
        choices=["units", "runs", "centroids", "dialogue"],
        default="units",
        help="(T, 1) units; runs: (R, 2) units and how many frames each lasts; centroids: (T, D) frames, for ABX; "
        "dialogue: units with the voice activity that the manifest DATA tells",
    )
    encode.add_argument(
        "--channels",
        choices=["mix", "each"],
        default="mix",
        help="dialogue: units of the mean of both channels (mix), or of each channel",
    )
    encode.add_argument(
        "--window", type=float, metavar="S", help="dialogue: seconds that the model hears at a time (all)"
    )
    encode.add_argument("--model", metavar="M", help="where the model lies now")
    for action in (fit, encode):
        action.add_argument("--device", default="cpu")
        action.add_argument("--batch-seconds", type=float, default=120.0, help="audio per batch, in seconds")
        action.add_argument("--strict", action="store_true", help="stop at the first unreadable file")
        add_json(action)


def run(args):
    from ..output import check_target

    check_target(args.json)
    return (_fit if args.action == "fit" else _encode)(args)


def _fit(args):
    import sys
    from contextlib import ExitStack

    from ...actions.units_fit import fit_units
    from ..output import print_table, progress_bar, write_results

    names = (
        "layer", "torchaudio_element", "k", "memory_gb", "tries", "epochs", "tol", "batch", "seed", "device",
        "batch_seconds", "strict",
        "overwrite_features", "overwrite_kmeans",
    )  # fmt: skip
    with ExitStack() as bars:

        def progress(label):
            bars.close()  # the bar of what is over
            return bars.enter_context(progress_bar(label))

        facts = fit_units(
            args.model,
            args.data,
            args.out,
            **{name: getattr(args, name) for name in names},
            progress=progress,
            tell=lambda line: print(f"sonant: {line}", file=sys.stderr),
        )
    write_results(facts, args.json)
    rows = [
        ("units", facts["units"] + (" (were there)" if facts["reused"] else "")),
        ("fitted on", f"{facts['frames']:,} frames of layer {facts['layer']} at {facts['rate']:g} Hz"),
        ("inertia", f"{facts['inertia']:.6g} per frame after {facts['epochs']} passes"),
        ("perplexity of use", f"{facts['perplexity']:.1f} of {facts['k']}, {facts['unused']} unused"),
        ("skipped", len(facts["skipped"])),
    ]
    print_table(["", ""], rows, quiet=args.json == "-")


def _encode(args):
    from ...actions.units_encode import encode_units
    from ..output import print_table, progress_bar, write_results

    names = ("form", "channels", "window", "model", "device", "batch_seconds", "strict")
    with progress_bar("units") as progress:
        options = {name: getattr(args, name) for name in names}
        facts = encode_units(args.units, args.data, args.out, **options, progress=progress)
    write_results(facts, args.json)
    shown = ("out", "k", "form", "written", "already_there", "skipped")
    print_table(["", ""], [(key.replace("_", " "), facts[key]) for key in shown], quiet=args.json == "-")
