"""Prepare a corpus: read its layout once and write a manifest that training and evaluation use.

sonant prepare --list
sonant prepare folder my_recordings corpus
sonant prepare synth corpus --hours 1
sonant prepare CORPUS --help          the options of one recipe
"""

import argparse
import inspect
import types
import typing

ABOUT = "a manifest from a folder of audio, LibriSpeech, Kaldi files, or generated speech"


def add_arguments(parser):
    parser.add_argument("corpus", nargs="?", help="recipe, see --list")
    parser.add_argument("--list", action="store_true", help="list the recipes")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="[SRC] OUT and the options of the recipe")


def run(args):
    from ...build import module_of, names

    if args.list or args.corpus is None:
        from ..output import print_table

        rows = [(name, module_of("data.recipes", name).ABOUT) for name in names("data.recipes")]
        return print_table(["recipe", "about"], rows)
    recipe = module_of("data.recipes", args.corpus.replace("-", "_"))
    parser = recipe_parser(recipe, args.corpus)
    options = vars(parser.parse_args(args.rest))
    places = options.pop("places")
    if len(places) > 2:
        parser.error(f"expected [SRC] OUT, got {' '.join(map(str, places))}")
    source = places[0] if len(places) == 2 else None
    kaldi, segments = options.pop("kaldi_folder"), options.pop("segments_csv")
    manifest = recipe.prepare(source, places[-1], **options)
    print(summary(manifest))
    if kaldi is not None:
        from ...data.kaldi import write_kaldi

        write_kaldi(manifest, kaldi)
        print(f"{kaldi}: wav.scp, utt2spk, spk2utt")
    if segments is not None:
        from ...data.dialogue_timings.segments import write_segments

        print(f"{segments}: {write_segments(manifest, segments)} windows of 20 s")
    return None


def recipe_parser(recipe, name: str) -> argparse.ArgumentParser:
    """A parser whose options are the keyword arguments of the recipe's ``prepare``."""
    from pathlib import Path

    from ..main import Parser

    parser = Parser(
        prog=f"sonant prepare {name}",
        description=inspect.getdoc(recipe.prepare),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "places", nargs="+", type=Path, metavar="[SRC] OUT", help="the corpus, and the manifest folder to write"
    )
    parser.add_argument(
        "--kaldi-folder", type=Path, metavar="DIR", help="also write wav.scp, utt2spk, spk2utt (and more) there"
    )
    parser.add_argument(
        "--segments-csv", type=Path, metavar="FILE", help="also write windows of 20 s of its dialogues, 1 s in common"
    )
    hints = typing.get_type_hints(recipe.prepare)
    for parameter in inspect.signature(recipe.prepare).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            add_option(parser, parameter, hints[parameter.name])
    return parser


def add_option(parser: argparse.ArgumentParser, parameter: inspect.Parameter, hint) -> None:
    """One command line option for one keyword argument."""
    flag = "--" + parameter.name.replace("_", "-")
    default = parameter.default
    if hint is bool:
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=default)
        return
    parts = [part for part in typing.get_args(hint) if part is not type(None)]
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = parts[0]
    choices = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else None
    kind = type(choices[0]) if choices else hint
    shown = "" if default in (None, "") else f"default: {default}"
    parser.add_argument(
        flag,
        type=kind,
        choices=choices,
        default=default,
        help=shown,
        metavar=None if choices else kind.__name__.upper(),
    )


def summary(manifest) -> str:
    """One line: utterances, hours, speakers, place."""
    speakers = len(manifest.speakers)
    return f"{manifest.folder}: {len(manifest):,} utterances, {manifest.hours:.2f} h, {speakers} speakers"
