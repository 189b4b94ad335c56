"""One self-contained HTML page of figures and tables for one or several runs or results files."""

ABOUT = "figures and tables of runs as one HTML page"


def add_arguments(parser):
    parser.add_argument("places", nargs="+", metavar="RUN_OR_RESULTS ... OUT.html")


def run(args):
    from pathlib import Path

    from ...core.errors import require
    from ...reports.page import write_report

    *sources, out = map(Path, args.places)
    require(
        sources and out.suffix == ".html", "sonant report needs one or more run folders or results.jsonl, then OUT.html"
    )
    print(write_report(sources, out))
