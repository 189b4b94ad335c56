"""A picture of where utterances lie: their vectors in two dimensions (t-SNE), coloured by speaker or another label.

sonant map runs/simclr corpus speakers.svg
sonant map runs/simclr corpus languages.svg --label language
"""

ABOUT = "a picture of a model's vectors of utterances, coloured by label"


def add_arguments(parser):
    parser.add_argument("model", help="model or run folder, hub id, or a baseline")
    parser.add_argument("manifest", help="prepared corpus")
    parser.add_argument("out", help="the picture, .svg")
    parser.add_argument(
        "--label", default="speaker", choices=["speaker", "language", "gender", "text"], help="(speaker)"
    )
    parser.add_argument("--labels", metavar="TSV", help="a table 'key label' in place of what the manifest knows")
    parser.add_argument("--layer", help="layer of the model (default: its embedding, or its own)")
    parser.add_argument("--pool", default="mean", choices=["mean", "statistics"], help="of frames (mean)")
    parser.add_argument("--perplexity", type=float, default=30.0, help="about how many neighbours count (30)")
    parser.add_argument("--most", type=int, default=5000, help="utterances at the most (5000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")


def run(args):
    from ...actions.embedding_map import draw_map
    from ..output import print_table, progress_bar

    names = ("label", "labels", "layer", "pool", "perplexity", "most", "seed", "device")
    with progress_bar("embed") as progress:
        drawn = draw_map(args.model, args.manifest, args.out, **{n: getattr(args, n) for n in names}, progress=progress)
    print_table(["", ""], [("picture", args.out), *drawn.items()])
