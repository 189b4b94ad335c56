"""Run a recipe: a chain of named stages, each a sonant command. What is done and unchanged is skipped.

RECIPE is a shipped name (see 'sonant run --list') or a YAML file. Its settings are given by name:

    sonant run cpc --audio my_recordings --dir runs/mine
    sonant run cpc --list                  the stages and settings of one recipe
    sonant run cpc --audio my_recordings --set seed=1 --from train --dry-run

Interrupted in any stage, the same command goes on where it stopped.
"""

ABOUT = "a chain of commands from a recipe; skips what is done, goes on where it stopped"
OVERRIDES = True


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument("recipe", nargs="?", metavar="RECIPE", help="shipped name or YAML file")
    parser.add_argument("--dir", metavar="DIR", help="work folder (default: runs/RECIPE)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting; --NAME VALUE says the same"
    )
    parser.add_argument("--list", action="store_true", help="list the recipes, or the stages and settings of one")
    parser.add_argument("--only", action="append", default=[], metavar="STAGE", help="only these stages (A,B or again)")
    parser.add_argument("--from", dest="start", metavar="STAGE", help="this stage and those after it")
    parser.add_argument("--until", metavar="STAGE", help="nothing after this stage")
    parser.add_argument("--force", action="store_true", help="run the chosen stages anew though they are done")
    parser.add_argument("--dry-run", action="store_true", help="tell what would run and why, and change nothing")
    add_json(parser)


def run(args):
    if args.recipe is None and args.overrides and not args.overrides[0].startswith("-"):
        args.recipe = args.overrides.pop(0)  # options stood before it
    if args.recipe is None:
        return list_recipes(args)
    from ...actions.run import preview, run_recipe

    recipe = checked(args.recipe)
    chosen = {
        "folder": args.dir,
        "only": [name for names in args.only for name in names.split(",") if name],
        "start": args.start,
        "until": args.until,
        "force": args.force,
    }
    settings = given(args)
    if args.list or args.dry_run:
        outcome = preview(recipe, settings, lenient=args.list, **chosen)
        return show_preview(outcome, recipe, args)
    to_stderr = 2 if args.json == "-" else None
    outcome = run_recipe(recipe, settings, **chosen, stdout=to_stderr, say=say)
    return show_outcome(outcome, args)


def say(line):
    """Progress goes to standard error at once."""
    import sys

    print(f"sonant: {line}", file=sys.stderr, flush=True)


def given(args):
    """The settings of the command line in their order: ``--set a=b`` and ``--a b``."""
    from ...core.errors import require
    from .train import pairs

    for text in args.set:
        require("=" in text, f"--set needs NAME=VALUE, got '{text}'")
    return [tuple(text.split("=", 1)) for text in args.set] + pairs(args.overrides)


def checked(name):
    """The recipe, after a look whether every stage begins with a command that exists."""
    from ...actions.run import read_recipe
    from ...core.errors import unknown
    from ..main import commands

    recipe, known = read_recipe(name), commands()
    for stage in recipe.stages:
        if stage.parts[0][0] not in known:
            raise unknown(f"command in the stage '{stage.name}' of {name}:", stage.parts[0][0], known)
    return recipe


def list_recipes(args):
    """The shipped recipes, a line each."""
    from ...actions.run import read_recipe, shipped_recipes
    from ...core.errors import require
    from ..output import print_table, write_results

    require(
        not (args.set or args.overrides or args.dir or args.only or args.start or args.until or args.dry_run),
        "say which recipe: sonant run RECIPE ... (see sonant run --list)",
    )
    found = {name: read_recipe(path).about for name, path in shipped_recipes().items()}
    write_results(found, args.json)
    print_table(["recipe", "about"], list(found.items()), quiet=args.json == "-")


def show_preview(outcome, recipe, args):
    """The stages as they stand, with their commands or the settings."""
    from ..output import print_table, write_results

    write_results(as_json(outcome), args.json)
    quiet = args.json == "-"
    if args.dry_run:
        rows = [(row.stage, row.state, row.why, "" if row.state == "done" else row.command) for row in outcome.rows]
        print_table(["stage", "state", "why", "command"], rows, quiet=quiet)
        return
    rows = [(row.stage, row.state, row.why, row.about) for row in outcome.rows]
    print_table(["stage", "state", "why", "about"], rows, title=f"Stages in {outcome.folder}", quiet=quiet)
    rows = []
    for name, setting in recipe.settings.items():
        value = outcome.settings[name]
        rows.append((name, "must be given" if value is None and setting.required else value, setting.about))
    print_table(["setting", "value", "about"], rows, title="\nSettings", quiet=quiet)


def show_outcome(outcome, args):
    """What was run, the scores, and what went wrong."""
    import sys

    from ...reports.results import results_table
    from ..output import print_table, write_results

    write_results(as_json(outcome), args.json)
    quiet = args.json == "-"
    rows = [(row.stage, row.state, row.seconds and f"{row.seconds:.1f}", row.why) for row in outcome.rows]
    print_table(["stage", "state", "seconds", "why"], rows, title="\nStages", quiet=quiet)
    columns = ["task", "condition", "model", "figure", "data"]
    lines = results_table(outcome.results)
    for line in lines:
        line["model"] = line["model"].removeprefix(f"{outcome.folder}/")
    if lines:
        print_table(columns, [[line[key] for key in columns] for line in lines], title="\nScores", quiet=quiet)
    if outcome.message:
        kind = "interrupted" if outcome.code == 130 else "failed"
        print(f"sonant: {kind}: {outcome.message.removeprefix('interrupted ')}", file=sys.stderr)
    elif not quiet:
        print(f"sonant: all is in {outcome.folder}", file=sys.stderr)
    return outcome.code


def as_json(outcome):
    """The outcome for programs."""
    from dataclasses import asdict

    return {
        "recipe": outcome.recipe,
        "folder": outcome.folder,
        "settings": outcome.settings,
        "stages": [asdict(row) for row in outcome.rows],
        "results": [result.line() for result in outcome.results],
        "code": outcome.code,
    }
