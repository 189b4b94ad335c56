"""Errors that teach: what was given, what is allowed, the usual cause, the next step."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SonantError(ValueError):
    """The user's mistake, told in one clear line. The command line prints it and exits with 2."""


class Failure(RuntimeError):
    """A failure of the machine or of ours, told in one clear line. The command line exits with 1."""


class MissingExtra(SonantError):
    """An optional package is needed and not installed."""

    def __init__(self, package: str, extra: str, purpose: str):
        super().__init__(
            f"{purpose} needs the package '{package}', which is not installed; "
            f"install it with: pip install 'sonant[{extra}]'"
        )


def require(condition: object, message: str) -> None:
    """Raise ``SonantError(message)`` unless ``condition`` holds. For users' mistakes, not for ours."""
    if not condition:
        raise SonantError(message)


def nearest(name: str, known: Iterable[str]) -> str:
    """``" Did you mean 'x'?"`` for the closest known name, else an empty string."""
    close = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def unknown(kind: str, name: str, known: Iterable[str]) -> SonantError:
    """The error for a name that is none of ``known``, with the nearest one."""
    known = sorted(known)
    return SonantError(f"unknown {kind} '{name}'.{nearest(name, known)} Known: {', '.join(known)}")
