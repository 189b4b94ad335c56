"""Write one (T, D) float32 array of frames per utterance, with an index of geometry, layer and model.

IN is a folder of audio, one audio file, a manifest folder or a Kaldi wav.scp (or a .map or .txt like it); or
arrays that MODEL stands on. The layer 'embedding' is one (D,) vector per utterance, for models that have one.
MODEL is a model or run folder, a hub id, one of the baselines mfcc and logmel, or a JSON file that describes
features (shipped: fbank-41, fbank-80, raw). Settings of the baselines are given as --features.cmvn none. Run again,
it makes only what is missing.
"""

ABOUT = "frames of every utterance as arrays on disk"
OVERRIDES = True


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("source", metavar="IN")
    parser.add_argument("out", metavar="OUT")
    parser.add_argument("--layer", help="layer to write (sonant info MODEL lists them)")
    parser.add_argument("--words", metavar="TSV", help="encode the segments of this words.tsv in place of utterances")
    parser.add_argument("--format", choices=["npy", "pt", "npz", "h5", "ark"], help="default: npy")
    parser.add_argument(
        "--like",
        choices=["a2r", "spect"],
        help="conventions of scpc: a2r repeats the folders of IN, as .pt or (--format npy) float64 .npy; spect makes "
        "a SpectDataSet folder",
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-seconds", type=float, default=120.0, help="audio per batch, in seconds")
    parser.add_argument("--strict", action="store_true", help="stop at the first unreadable file")
    add_json(parser)


def run(args):
    from ...actions.extract import extract
    from ...core.config import set_dotted
    from ...core.errors import nearest, require
    from ..output import print_table, progress_bar, write_results
    from .train import pairs

    settings: dict = {}
    for key, value in pairs(args.overrides):
        section, _, name = key.partition(".")
        known = [option.replace("_", "-") for option in vars(args)]
        require(
            section == "features" and name, f"unknown option --{key}.{nearest(key, known)} See: sonant extract --help"
        )
        set_dotted(settings, name, value)
    with progress_bar("extract") as progress:
        facts = extract(
            args.model,
            args.source,
            args.out,
            layer=args.layer,
            words=args.words,
            format=args.format,
            like=args.like,
            device=args.device,
            batch_seconds=args.batch_seconds,
            strict=args.strict,
            features=settings,
            progress=progress,
        )
    write_results(facts, args.json)
    shown = ("out", "layer", "dim", "written", "already_there", "skipped")
    print_table(["", ""], [(key.replace("_", " "), facts[key]) for key in shown], quiet=args.json == "-")
