"""What can a small head read from a model's frames? The SUPERB tasks on any manifest that has the labels.

The encoder is frozen (or fine-tuned with --encoder-lr); a weighted sum of its layers goes into the head; the head is
trained on one manifest and scored on another.

    sonant eval probe phone --model runs/cpc --train corpus/train --test corpus/test
    sonant eval probe phone-ctc --model mfcc --train corpus/train --test corpus/test --steps 2000
    sonant eval probe speaker --model runs/cpc --train a --test b --encoder-lr 1e-4 --save tuned
    sonant eval probe TASK --help          the settings of one task
"""

import argparse
import dataclasses

NAMED = (
    "model",
    "train",
    "test",
    "random",
    "protocol",
    "seed",
    "device",
    "name",
    "train_arrays",
    "test_arrays",
    "save",
)
ABOUT = "what a small head reads from frozen frames: phones, characters, speakers, keywords ..."


def add_arguments(parser):
    from ...actions.probe import probes

    parser.add_argument("task", help=f"one of: {', '.join(probes())}")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="options of the task")


def run(args):
    from ...actions.probe import probe, probe_module
    from ...core.config import set_dotted
    from ...reports.results import append_result
    from ..output import check_target, print_table, progress_bar, write_results

    module = probe_module(args.task)
    options = vars(task_parser(module, args.task).parse_args(args.rest))
    check_target(options["results"])
    check_target(options["json"])
    settings: dict = {}
    for field in dataclasses.fields(module.Config):
        if options.get(field.name) is not None:
            set_dotted(settings, field.name, options[field.name])
    with progress_bar(args.task) as progress:
        found, line = probe(
            args.task,
            **{key: options[key] for key in NAMED},
            progress=progress,
            settings=settings,
        )
    print_table(["", ""], table_of(found), quiet=options["json"] == "-")
    if options["results"]:
        append_result(options["results"], line)
    write_results(line.line(), options["json"])


def task_parser(module, task):
    """A parser whose options are those of all probes and the fields of the task's ``Config``."""
    from ...evaluation.probes._config import about
    from ..main import Parser
    from ..output import add_json

    parser = Parser(
        prog=f"sonant eval probe {task}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", required=True, metavar="M", help="model or run folder, hub id, mfcc or logmel")
    parser.add_argument("--train", required=True, metavar="MANIFEST", help="labelled speech to train the head on")
    parser.add_argument("--test", required=True, metavar="MANIFEST", help="labelled speech to score it on")
    for part in ("train", "test"):
        text = f"features of --{part}, for a model that stands on arrays (default: its folder arrays)"
        parser.add_argument(f"--{part}-arrays", metavar="DIR", help=text)
    parser.add_argument("--random", action="store_true", help="fresh weights in place of the model's")
    parser.add_argument(
        "--protocol", default="laptop", choices=["laptop", "superb"], help="steps and sizes as published: superb"
    )
    parser.add_argument("--seed", type=int, default=0, help="of head, batches, held-out part and fresh weights (0)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--name", help="what the results call the model (default: its path)")
    parser.add_argument("--save", metavar="DIR", help="keep the fine-tuned model (--encoder-lr) in this folder")
    parser.add_argument("--results", metavar="FILE", help="also append the score to this results.jsonl")
    add_json(parser)
    settings = parser.add_argument_group(f"settings of {task}")
    for field in dataclasses.fields(module.Config):
        default = "" if field.default is None else f" (default: {field.default})"
        text = (about(module.Config, field.name) + default).replace("%", "%%")
        settings.add_argument(f"--{field.name.replace('_', '-')}", dest=field.name, metavar="X", help=text)
    return parser


def table_of(found):
    """The rows that are printed."""
    from ...reports.results import spell_figure, spell_name

    rows = [(spell_name(name), spell_figure(name, value)) for name, value in found.figures.items()]
    rows += [(f"{spell_name(name)}, held out", spell_figure(name, value)) for name, value in found.chosen.items()]
    for name, value in found.counts.items():
        if value is not None:
            rows.append((name.replace("_", " "), spell_figure("accuracy", value) if name == "chance" else value))
    said = ", ".join(f"{layer} {value:.3f}" for layer, value in found.layers.items())
    return [*rows, ("layers", said or "-"), ("time", f"{found.seconds:.1f} s")]
