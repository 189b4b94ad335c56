"""Turn a published checkpoint into a model folder."""

ABOUT = "a published checkpoint becomes a model folder"


def add_arguments(parser):
    parser.add_argument("format", nargs="?", help="file format, see --list")
    parser.add_argument("checkpoint", nargs="?", help="the published file or folder; for transformers also a hub name")
    parser.add_argument("out", nargs="?", help="model folder to write")
    parser.add_argument("--list", action="store_true", help="list the formats")
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="FILE|KEY=VALUE",
        help="what the checkpoint does not say, as the format's importer names it: a YAML or JSON file, or one key "
        "such as layer=layer_6 or features.name=arrays; may be repeated, later ones win",
    )


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
    config = read_settings(args.config)
    representation = convert(args.format, args.checkpoint, config)
    training = {"imported": args.format, "from": str(args.checkpoint), **({"config": config} if config else {})}
    save(representation, args.out, card=card_of(representation, training), training=training)
    print(
        f"{args.out}: {sum(p.numel() for p in representation.parameters()):,} parameters, "
        f"layers {', '.join(representation.layers)}"
    )


def read_settings(given):
    """The files and ``key=value`` pairs of ``--config`` as one dictionary."""
    from pathlib import Path

    from ...core.config import merge, read_yaml, set_dotted
    from ...core.errors import require

    config: dict = {}
    for one in given:
        path = Path(one)
        if path.is_file():
            config = merge(config, read_yaml(path))
            continue
        key, sign, value = one.partition("=")
        require(sign and key, f"--config {one}: neither a file nor KEY=VALUE")
        set_dotted(config, key, value)
    return config
