"""Keep the first principal components of a model's frames: a model folder whose default layer is 'pca'.

sonant pca MODEL AUDIO OUT --dim 32        fitted on the frames of AUDIO
sonant pca MODEL OUT --basis pca_32.pt     a (dimensions, components) tensor that was fitted elsewhere

AUDIO is a folder of audio, an audio file, a manifest folder or a wav.scp. All its frames count; components are of the
centred frames and are applied to frames as they are, without a bias.
"""

ABOUT = "principal components of a representation, as a model folder"


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("places", nargs="+", metavar="[AUDIO] OUT")
    parser.add_argument("--dim", type=int, help="components to keep")
    parser.add_argument("--basis", metavar="FILE", help="take this tensor (.pt) in place of a fit")
    parser.add_argument("--layer", help="layer to project (default: the model's own)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-seconds", type=float, default=120.0, help="audio per batch, in seconds")
    add_json(parser)


def run(args):
    from ...actions.pca import add_pca
    from ...core.errors import require
    from ..output import print_table, progress_bar, write_results

    wanted = 1 if args.basis else 2
    require(
        len(args.places) == wanted,
        "sonant pca needs MODEL OUT --basis FILE" if args.basis else "sonant pca needs MODEL AUDIO OUT --dim K",
    )
    with progress_bar("pca") as progress:
        facts = add_pca(
            args.model,
            args.places[0] if wanted == 2 else None,
            args.places[-1],
            dim=args.dim,
            basis=args.basis,
            layer=args.layer,
            device=args.device,
            batch_seconds=args.batch_seconds,
            progress=progress,
        )
    write_results(facts, args.json)
    rows = [("out", facts["out"]), ("components", f"{facts['dim']} of the layer {facts['layer']}")]
    if facts["share"] is not None:
        rows += [("fitted on", f"{facts['frames']:,} frames"), ("variance kept", f"{100 * facts['share']:.2f} %")]
    print_table(["", ""], rows, quiet=args.json == "-")
