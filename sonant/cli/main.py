"""``sonant COMMAND ...``: find the command's file, parse, run, turn errors into one line."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import pkgutil
import re
import sys
from types import ModuleType

from ..version import __version__

USER_ERROR, FAILURE, INTERRUPTED = 2, 1, 130


class Parser(argparse.ArgumentParser):
    """Tells a mistake in one line, with the nearest word that is known."""

    def error(self, message: str):
        from ..core.errors import SonantError, nearest

        found = re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message)
        known = re.findall(r"[\w.+-]+", found[2]) if found else self._option_string_actions
        given = found or re.match(r"unrecognized arguments: (--[\w-]+)", message)
        hint = nearest(given[1], known) if given else ""
        raise SonantError(f"{message}.{hint} See: {self.prog} --help")


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 2 the user's mistake, 1 a failure, 130 interrupted."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        return _dispatch(argv)
    except KeyboardInterrupt:
        print("sonant: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("SONANT_DEBUG"):
            raise
        return _explain(error)


def commands() -> dict[str, str]:
    """Command name -> module name, one per file of ``cli/commands``."""
    return listing("sonant.cli.commands")


def listing(package: str) -> dict[str, str]:
    """Public name -> module name of every file in a package; ``same_different`` becomes ``same-different``."""
    found = pkgutil.iter_modules(importlib.import_module(package).__path__)
    return {module.name.rstrip("_").replace("_", "-"): f"{package}.{module.name}" for module in found}


def choose(name: str, known: dict[str, str], kind: str) -> ModuleType:
    """The module of one command or task; unknown names are answered with the nearest."""
    if name not in known:
        from ..core.errors import unknown

        raise unknown(kind, name, known)
    return importlib.import_module(known[name])


def call(module: ModuleType, program: str, argv: list[str]) -> int:
    """Parse ``argv`` with the module's own arguments and run it."""
    parser = Parser(prog=program, description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    module.add_arguments(parser)
    if getattr(module, "OVERRIDES", False):
        args, args.overrides = parser.parse_known_args(argv)
    else:
        args = parser.parse_args(argv)
    return module.run(args) or 0


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if argv[0] in ("-V", "--version"):
        print(f"sonant {__version__}")
        return 0
    module = choose(argv[0], commands(), "command")
    return call(module, f"sonant {argv[0]}", argv[1:])


def _help() -> str:
    known = commands()
    width = max(map(len, known)) + 2
    lines = [f"  {name:<{width}}{importlib.import_module(module).ABOUT}" for name, module in sorted(known.items())]
    return "\n".join(
        [
            f"sonant {__version__}: speech representations learnt without labels",
            "",
            "usage: sonant COMMAND ...   (sonant COMMAND --help tells its options)",
            "",
            *lines,
            "",
            "First steps: 'sonant demo' trains and scores a model on generated speech in about five minutes.",
        ]
    )


def _explain(error: Exception) -> int:
    from ..core.errors import Failure, SonantError

    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, SonantError):
        print(f"sonant: error: {text}", file=sys.stderr)
        return USER_ERROR
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        text = f"no space left on the device ({error.filename or 'while writing'}); free some and run the command again"
    elif isinstance(error, OSError):
        text = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else text
        print(f"sonant: error: {text}", file=sys.stderr)
        return USER_ERROR
    elif not isinstance(error, Failure):
        text = f"{type(error).__name__}: {text} (set SONANT_DEBUG=1 for the traceback)"
    print(f"sonant: failed: {text}", file=sys.stderr)
    return FAILURE


if __name__ == "__main__":
    sys.exit(main())
