"""Estimate a word n-gram (modified Kneser-Ney) from manifests and text files, as an ARPA file.

sonant lm corpus/train lm.arpa
sonant lm corpus/train books.txt lm.arpa --order 4 --without corpus/test
"""

ABOUT = "a word n-gram from transcripts and texts, for sonant eval asr"


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument(
        "places", nargs="+", metavar="SOURCE ... OUT.arpa", help="manifests, or text files with a sentence a line"
    )
    parser.add_argument("--order", type=int, default=3, help="longest n-gram in words (3)")
    parser.add_argument(
        "--without", nargs="+", action="extend", default=[], metavar="SOURCE", help="leave out the sentences of these"
    )
    add_json(parser)


def run(args):
    from ...actions.language_model import language_model
    from ...core.errors import require
    from ..output import print_table, write_results

    *sources, out = args.places
    require(sources and out.endswith(".arpa"), "sonant lm needs one or more manifests or text files, then OUT.arpa")
    found = language_model(sources, out, order=args.order, without=args.without)
    rows = [(name.replace("_", " "), f"{value:,}") for name, value in found.items()]
    print_table(["", ""], rows, quiet=args.json == "-")
    write_results(found, args.json)
