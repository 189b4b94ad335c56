"""Train a method on a prepared corpus.

CONFIG is a shipped name (see 'sonant configs') or a YAML file. Every key can be changed on the command
line: --data.train corpus/train --optim.lr 1e-3 --method.horizons 6

With several processes: torchrun --nproc-per-node 2 -m -- sonant train CONFIG ..., or srun under SLURM.
"""

ABOUT = "train a method on a prepared corpus"
OVERRIDES = True


def add_arguments(parser):
    parser.add_argument("config", help="shipped name or YAML file")
    parser.add_argument("--run", metavar="DIR", help="run folder (default: runs/CONFIG)")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint of the run folder")


def run(args):
    from ...actions.train import train
    from ...training.distributed import find_place
    from ..main import INTERRUPTED
    from ..output import print_table

    summary = train(args.config, run_dir=args.run, resume=args.resume, overrides=pairs(args.overrides))
    if find_place().rank == 0:
        print_table(["", ""], [(key.replace("_", " "), value) for key, value in summary.items()])
    return INTERRUPTED if summary["stopped"] == "signal" else 0


def pairs(rest: list[str]) -> list[tuple[str, str]]:
    """``["--a.b", "1", "--c=2"]`` -> ``[("a.b", "1"), ("c", "2")]``."""
    from ...core.errors import require

    found, words = [], iter(rest)
    for word in words:
        require(word.startswith("--"), f"unexpected argument '{word}'; settings are given as --section.key value")
        key, equals, value = word[2:].partition("=")
        if not equals:
            value = next(words, None)
            require(value is not None, f"the setting --{key} lacks its value")
        found.append((key, value))
    return found
