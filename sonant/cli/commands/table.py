"""Experiments side by side: the settings in which they differ, what they cost, and every score.

EXP is an experiment folder, a run folder, or a folder of them. A column is named whole, by its beginning or its end:

    sonant table exp --csv table.csv
    sonant table exp --over seed --sort abx.across --columns experiment,width,abx,phone
    sonant table exp --plot abx.svg --x context_ms --y abx.across
"""

ABOUT = "experiments side by side: settings, costs, scores; and the plot of one against another"


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument("places", nargs="+", metavar="EXP", help="experiment folders, or folders of them")
    parser.add_argument("--columns", metavar="A,B", help="only these columns")
    parser.add_argument("--sort", metavar="COLUMN", help="order of the rows")
    parser.add_argument("--descending", action="store_true", help="the highest first")
    parser.add_argument("--over", metavar="SETTING", help="means and deviations over this setting, such as seed")
    parser.add_argument("--csv", metavar="FILE", help="also write the table as CSV")
    add_json(parser)
    parser.add_argument("--plot", metavar="FILE.svg", help="draw --y against --x")
    parser.add_argument("--x", default="context_ms", metavar="COLUMN", help="default: context_ms")
    parser.add_argument("--y", metavar="COLUMN", help="such as abx.across or probe.phone.accuracy")
    parser.add_argument(
        "--by", default="", metavar="A,B", help="settings that make a line each (default: context.name)"
    )


def run(args):
    import sys
    from pathlib import Path

    from ...actions.table import table
    from ...core.errors import require
    from ...core.files import write_text
    from ...reports.against import against
    from ...reports.joined import over
    from ..output import write_results

    require(args.plot is None or args.y, "--plot needs --y, the column to draw, such as abx.across")
    require(args.plot is None or Path(args.plot).suffix == ".svg", f"--plot writes SVG: {args.plot} must end in .svg")
    whole = table(args.places)
    drawn, notes = against(whole, x=args.x, y=args.y, by=names(args.by)) if args.plot else ("", [])
    shown = over(whole, args.over) if args.over else whole
    shown = shown.sorted(args.sort, descending=args.descending) if args.sort else shown
    shown = shown.only(names(args.columns)) if args.columns else shown
    for note in [*shown.notes, *notes]:
        print(f"sonant: {note}", file=sys.stderr)
    if args.plot:
        write_text(Path(args.plot), drawn)
    if args.csv:
        write_text(Path(args.csv), shown.csv())
    write_results(shown.plain(), args.json)
    if args.json != "-":
        show(shown)


def names(text):
    """``"a, b"`` -> ``["a", "b"]``."""
    return [name.strip() for name in text.split(",") if name.strip()]


def show(joined):
    """The rows on standard output, as wide as they are."""
    from rich.console import Console
    from rich.table import Table

    from ...reports.joined import SD
    from ...reports.results import spell_figure

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in joined.columns:
        drawn.add_column(column, no_wrap=True, justify="left" if column == "experiment" else "right")
    for row in joined.rows:
        cells = []
        for column in joined.columns:
            value = row.get(column)
            if column.removesuffix(SD) in joined.scores and value is not None:
                cells.append(spell_figure(column.removesuffix(SD).rpartition(".")[2], value))
            else:
                cells.append("" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value))
        drawn.add_row(*cells)
    console = Console(width=10_000, markup=False, emoji=False, highlight=False)
    for line in console.render_lines(drawn, console.options.update(width=console.measure(drawn).maximum), pad=False):
        print("".join(segment.text for segment in line).rstrip())
