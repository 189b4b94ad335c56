"""List the shipped configurations, or print one as a starting point for a file of one's own."""

ABOUT = "shipped configurations, a line each"


def add_arguments(parser):
    parser.add_argument("name", nargs="?", help="print this configuration instead of the list")


def run(args):
    from ...core.config import find_config, read_yaml, shipped_configs
    from ..output import print_table

    if args.name:
        print(find_config(args.name).read_text(encoding="utf-8"), end="")
        return
    shipped = {name: read_yaml(path) for name, path in shipped_configs().items()}
    variants: dict[str, list[str]] = {}
    for name, config in shipped.items():
        if "about" not in config:
            variants.setdefault(config.get("extends", name), []).append(name)
    rows = [
        (name, config["about"] + (f"; also {', '.join(variants[name])}" if name in variants else ""))
        for name, config in shipped.items()
        if "about" in config
    ]
    print_table(["name", "about"], rows)
