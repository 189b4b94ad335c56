"""What recipes share: headers read in parallel, and one line for everything that has to be left out."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...core import SonantError, require
from ..audio import AudioInfo, read_headers
from ..manifest import Manifest, ManifestWriter, Utterance

PROGRESS_FROM = 2000  # files; fewer are done before a bar can be read
SHOWN = 20  # messages of one kind before the rest is only counted


class Skipped:
    """Counts, names and, when strict, refuses what cannot be used.

    Args:
        strict: raise at the first bad item instead of going on.
    """

    def __init__(self, *, strict: bool):
        self.strict, self.reasons = strict, []

    def __len__(self) -> int:
        return len(self.reasons)

    def add(self, reason: str | Exception) -> None:
        """Note one bad item; its reason names it."""
        if self.strict:
            raise reason if isinstance(reason, SonantError) else SonantError(str(reason))
        self.reasons.append(str(reason))
        if len(self) <= SHOWN:
            print(f"sonant: skipped: {reason}", file=sys.stderr)
        elif len(self) == SHOWN + 1:
            print("sonant: further skipped items are counted, and listed in manifest.json", file=sys.stderr)

    def close(self, kept: int) -> None:
        """Say how many were left out; an error when nothing is left."""
        if self.reasons:
            print(f"sonant: {len(self)} items skipped, {kept} utterances kept", file=sys.stderr)
        require(kept or not self.reasons, f"nothing usable is left: all {len(self)} items were skipped, see above")


def headers(
    paths: Iterable[Path], skipped: Skipped, *, check: bool = False, total: int | None = None
) -> Iterator[tuple[Path, AudioInfo | None]]:
    """(path, header) of each file in order, read by threads; None where the file is unusable.

    Args:
        check: decode every file completely instead of reading its header, which finds truncated files and NaN.
    """

    with _progress(total) as advance:
        for path, found in read_headers(paths, check=check):
            if isinstance(found, SonantError):
                skipped.add(found)
            yield path, None if isinstance(found, SonantError) else found
            advance(1)


def write(items: Iterable[tuple[Utterance, AudioInfo | None]], out: Path, *, name: str, skipped: Skipped) -> Manifest:
    """Write all utterances whose segment fits their recording, and close ``skipped``."""
    with ManifestWriter(out, name=name) as writer:
        for utterance, info in items:
            try:
                writer.add(utterance, info=info)
            except SonantError as error:
                skipped.add(error)
        skipped.close(len(writer))
        notes = {"skipped": len(skipped), "skipped_items": skipped.reasons[:1000]} if skipped.reasons else None
        return writer.finish(notes=notes)


def alignment_of(path: Path | None, skipped: Skipped) -> dict[str, list]:
    """``words`` and ``phones`` of a TextGrid without its silences; nothing when there is none or it is damaged."""
    if path is None or not path.is_file():
        return {}
    from ..textgrid import read_textgrid

    try:
        tiers = read_textgrid(path)
    except SonantError as error:
        skipped.add(error)
        return {}
    found = {}
    for kind, names in (("words", ("words", "word")), ("phones", ("phones", "phone", "phonemes", "phoneme"))):
        tier = next((tiers[name] for name in tiers if name.lower() in names), None)
        if tier is not None:
            found[kind] = [segment for segment in tier if segment[0].strip()]
    return found


def source_folder(source: Path | None, recipe: str) -> Path:
    """The folder to read, or an error that shows the usage."""
    require(source is not None, f"the recipe {recipe} needs a folder to read: sonant prepare {recipe} SRC OUT")
    source = Path(source)
    require(source.is_dir(), f"'{source}' is no folder; usage: sonant prepare {recipe} SRC OUT")
    return source


class NamedGroups:
    """What the named groups of a regular expression find in texts; the texts without any are counted.

    Args:
        pattern: with at least one group of ``names`` and no other.

    Raises:
        SonantError: no regular expression, or none of the groups.
    """

    def __init__(self, pattern: str, names: tuple[str, ...]):
        self.pattern, self.compiled = pattern, _compiled(pattern, names)
        self.seen, self.missed = 0, []

    def __call__(self, text: str) -> dict[str, str]:
        """Group -> what it found, without those that found nothing."""
        self.seen += 1
        found = self.compiled.search(text)
        if found is None:
            self.missed.append(text)
            return {}
        return {name: value for name, value in found.groupdict().items() if value}

    def close(self) -> None:
        """Say where nothing was found; an error when nowhere anything was."""
        if not self.missed:
            return
        told = (
            f"the pattern '{self.pattern}' is not in {len(self.missed)} of {self.seen} names, as in '{self.missed[0]}'"
        )
        require(len(self.missed) < self.seen, told)
        print(f"sonant: {told}; nothing is taken from these", file=sys.stderr)


def _compiled(pattern: str, names: tuple[str, ...]) -> re.Pattern:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise SonantError(f"pattern '{pattern}' is no regular expression: {error}") from None
    wanted = " or ".join(f"(?P<{name}>...)" for name in names)
    require(set(compiled.groupindex) & set(names), f"pattern '{pattern}' needs a group {wanted}")
    strange = sorted(set(compiled.groupindex) - set(names))
    require(not strange, f"pattern '{pattern}' has a group called '{strange[0] if strange else ''}'; known: {wanted}")
    return compiled


class _progress:  # noqa: N801, used as a function
    """A bar on stderr when there is much to do and someone to see it; gives a function that advances it."""

    def __init__(self, total: int | None):
        self.total, self.bar = total, None

    def __enter__(self):
        if self.total is None or self.total < PROGRESS_FROM or not sys.stderr.isatty():
            return lambda count: None
        from rich.console import Console
        from rich.progress import Progress

        self.bar = Progress(console=Console(stderr=True), transient=True)
        self.bar.start()
        task = self.bar.add_task("reading", total=self.total)
        return lambda count: self.bar.advance(task, count)

    def __exit__(self, *_) -> None:
        if self.bar is not None:
            self.bar.stop()
