"""Turn a published checkpoint into a model folder."""

ABOUT = "a published checkpoint becomes a model folder"


def add_arguments(parser):
    parser.add_argument("format", nargs="?", help="file format, see --list")
    parser.add_argument("checkpoint", nargs="?", help="the published file")
    parser.add_argument("out", nargs="?", help="model folder to write")
    parser.add_argument("--list", action="store_true", help="list the formats")


def run(args):
    from ...actions.train import card_of
    from ...build import convert, module_of, names, save
    from ...core.errors import require
    from ..output import print_table

    if args.list or not args.format:
        print_table(["format", "about"], [(name, module_of("importers", name).ABOUT) for name in names("importers")])
        return
    module_of("importers", args.format)
    require(args.checkpoint and args.out, "sonant import needs FORMAT CHECKPOINT OUT")
    representation = convert(args.format, args.checkpoint)
    training = {"imported": args.format, "from": str(args.checkpoint)}
    save(representation, args.out, card=card_of(representation, training), training=training)
    print(
        f"{args.out}: {sum(p.numel() for p in representation.parameters()):,} parameters, "
        f"layers {', '.join(representation.layers)}"
    )
