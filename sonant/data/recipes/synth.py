"""Generated speech: nothing to download, exact phone and word times. See ``sonant/data/synth.py``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...core import require
from ..manifest import Manifest
from ..synth import SynthConfig, synth
from ..synth_dialogues import DialogueConfig, synth_dialogues
from ..synth_speakers import Variation

ABOUT = "generated speech with exact phone and word times: voices x languages, or two-channel dialogues"


def prepare(
    source: Path | None,
    out: Path,
    *,
    hours: float = 0.5,
    languages: str = "en-us",
    speakers: int = 32,
    test_speakers: int = 8,
    test_sentences: int = 20,
    texts: Path | None = None,
    dialogues: Path | None = None,
    dialogue_count: int | None = None,
    dialogue_seconds: float | None = None,
    test_dialogues: int = 0,
    clean: bool = False,
    seed: int = 0,
    processes: int | None = None,
) -> Manifest:
    """Generate a corpus; an interrupted run with the same options goes on where it was.

    Args:
        source: nothing; the recipe reads no corpus.
        out: a new folder: ``train`` and ``test`` with ``items``, or ``dialogues`` (and ``test``).
        hours: of training speech.
        languages: voices of eSpeak NG with commas between, such as ``en-us,de,fr``.
        speakers, test_speakers: how many, disjoint; without test speakers there is no test part.
        test_sentences: said by every test speaker.
        texts: a text file, a sentence a line, for one language; else built-in grammars.
        dialogues: a file of conversation timings (``sonant/data/synth_timings.py``): make dialogues instead.
        dialogue_count, dialogue_seconds: use only that many conversations, and that much of each.
        test_dialogues: of these the last so many make a part ``test``, with voices that the others do not have.
        clean: voices of the synthesiser as they are, without microphone, room, noise or other mouths.
        seed: of everything.
        processes: at once; default: one a core.

    Returns:
        The manifest ``out/train``, or ``out/dialogues``.
    """
    require(source is None, f"the recipe synth reads no corpus ('{source}'); usage: sonant prepare synth OUT")
    variation = Variation.clean() if clean else Variation()
    names = tuple(name.strip() for name in languages.split(",") if name.strip())
    with _progress() as done:
        if dialogues is None:
            config = SynthConfig(
                hours=hours,
                languages=names,
                speakers=speakers,
                test_speakers=test_speakers,
                test_sentences=test_sentences,
                texts=None if texts is None else str(texts),
                seed=seed,
                variation=variation,
            )
            return synth(out, config, processes=processes, done=done)
        require(len(names) == 1, f"dialogues are of one language, got '{languages}'")
        dialogue = DialogueConfig(
            timings=str(dialogues),
            count=dialogue_count,
            test=test_dialogues,
            seconds=dialogue_seconds,
            language=names[0],
            seed=seed,
            variation=variation,
        )
        return synth_dialogues(out, dialogue, processes=processes, done=done)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal's standard error; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("generating speech", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
