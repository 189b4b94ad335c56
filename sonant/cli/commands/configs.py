"""List the shipped configurations, or print one as a starting point for a file of one's own."""

ABOUT = "shipped configurations, a line each"


def add_arguments(parser):
    parser.add_argument("name", nargs="?", help="print this configuration instead of the list")


def run(args):
    from ...core.config import find_config, read_config, shipped_configs
    from ..output import print_table

    if args.name:
        print(find_config(args.name).read_text(encoding="utf-8"), end="")
        return
    rows = [(name, read_config(path).get("about", "")) for name, path in shipped_configs().items()]
    print_table(["name", "about"], rows)
