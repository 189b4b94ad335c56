"""Two-channel dialogues of generated speech on the timing of real ones.

Each inter-pausal unit of a side is said by that side's speaker at the rate that makes it as long as the real one, and
laid at its real onset: gaps, overlaps, backchannels and changes of turn are those of people, text and times are exact.

    OUT/dialogues/  manifest (one utterance a dialogue, both channels, ``activity``), audio/*.flac (stereo, 16 kHz),
                    textgrid/*.TextGrid (tiers words-A, phones-A, words-B, phones-B)
    OUT/test/       the same for the last ``test`` conversations, said by voices that no other dialogue has
    OUT/synth.json  settings, speakers, checksum
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import soxr

from ..core import derive_seed, numpy_generator, require, samples_of, seconds_of
from ..core.files import write_json
from ._espeak import Speech, Synthesiser
from .audio import AudioInfo
from .manifest import Manifest, ManifestWriter, Utterance
from .synth import SAMPLE_RATE, as_int16, is_english, placed, stretched_rate
from .synth_channel import Channel
from .synth_phones import Segment, annotate
from .synth_speakers import VOICES, Speaker, Variation, draw_speakers, split_voices
from .synth_store import Store, checksum
from .synth_timings import Conversation, Token, Unit, read_timings, units_of
from .synth_workers import run_fresh
from .textgrid import textgrid_text

SLOWEST, FASTEST = 80, 450  # words a minute
TRIES = 4  # syntheses of a unit at most
CLOSE = 0.02  # relative error of a duration with which the search for a rate ends
RESAMPLED = 0.06  # of the rest, what resampling takes away (it moves the pitch as much)
FADE_S = 0.01  # where a unit would run into the next
SOUND_DB = -6.0  # of laughter and noise, against speech
SIDES = "AB"


@dataclass(frozen=True)
class DialogueConfig:
    """What to generate."""

    timings: str  # file of conversations, see synth_timings
    count: int | None = None  # conversations from the start of the file; None: all
    test: int = 0  # of them, from the end: a part of its own, with voices of its own
    seconds: float | None = None  # of each, from its beginning; None: whole
    language: str = "en-us"
    sounds: bool = True  # bursts of noise for [laughter] and [noise]; False: silence. They are never activity
    closures: bool = True
    seed: int = 0
    variation: Variation = field(default_factory=Variation)

    def __post_init__(self):
        require(self.count is None or self.count > 0, f"count of dialogues must be positive, got {self.count}")
        require(self.test >= 0, f"test dialogues must be at least 0, got {self.test}")
        require(self.seconds is None or self.seconds > 0, f"seconds of a dialogue must be positive, got {self.seconds}")


@dataclass(frozen=True)
class Job:
    """What one process makes."""

    conversation: Conversation
    speakers: tuple[Speaker, Speaker]
    folder: str  # of its part
    part_file: str
    config: DialogueConfig


def synth_dialogues(
    out: str | Path,
    config: DialogueConfig,
    *,
    processes: int | None = None,
    done: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Generate dialogues, or go on with an interrupted run; arguments, errors and promises as ``synth.synth``.

    Returns:
        The manifest ``out/dialogues`` (``out/test`` is beside it where there is one): one utterance a dialogue with
        channel None and, for each channel, the (onset, offset) in seconds of its stretches of voice.
    """
    out = Path(out)
    jobs, plan = _jobs(out, config)
    store = Store(out, plan)
    if not store.whole:
        missing = set(store.missing([job.conversation.id for job in jobs]))
        rest = [job for job in jobs if job.conversation.id in missing]
        before = len(jobs) - len(rest)
        run_fresh(converse, rest, processes=processes, done=done and (lambda n: done(before + n, len(jobs))))
        _finish(store, jobs)
    return Manifest.open(out / "dialogues")


def _jobs(out: Path, config: DialogueConfig) -> tuple[list[Job], dict]:
    first = itertools.islice(read_timings(config.timings), config.count)
    conversations = [_begin(conversation, config.seconds) for conversation in first]
    require(conversations, f"{config.timings} holds no conversation")
    ids = [conversation.id for conversation in conversations]
    for name in ids:
        require(name == Path(name).name and name[:1] not in ".", f"the id '{name}' cannot name a file")
    require(len(set(ids)) == len(ids), f"{config.timings} has an id twice")
    kept = len(conversations) - config.test
    require(kept > 0, f"of {len(conversations)} conversations {config.test} to test on leave none to train on")
    jobs = [
        Job(
            conversation,
            _speakers(conversation, config, tested=i >= kept),
            str(out / ("dialogues" if i < kept else "test")),
            str(out / ".parts" / f"{conversation.id}.json"),
            config,
        )
        for i, conversation in enumerate(conversations)
    ]
    return jobs, {"config": _settings(config), "conversations": checksum([repr(c) for c in conversations])}


def _settings(config: DialogueConfig) -> dict:
    """What decides about the samples; corpora without a test part are those of before there was one."""
    settings = asdict(config)
    if not config.test:
        del settings["test"]
    return settings


def _speakers(conversation: Conversation, config: DialogueConfig, *, tested: bool) -> tuple[Speaker, Speaker]:
    """Two speakers of a conversation with different voices, of those that its part may have."""
    voices: Sequence[str] = VOICES
    if config.test:
        voices = split_voices(2 * config.test, seed=config.seed)[int(tested)]
    order = numpy_generator(config.seed, "voices", conversation.id).permutation(len(voices))
    first, second = draw_speakers(
        conversation.id,
        [f"{conversation.id}-{side}" for side in SIDES],
        voices=[voices[i] for i in order],
        languages=[config.language],
        variation=config.variation,
        seed=config.seed,
    )
    return first, second


def _begin(conversation: Conversation, seconds: float | None) -> Conversation:
    """The beginning of a conversation; tokens that reach past it are left out."""
    if seconds is None or conversation.duration <= seconds:
        return conversation
    kept = tuple(tuple(t for t in side if t.offset <= seconds) for side in conversation.channels)
    return Conversation(conversation.id, seconds, (kept[0], kept[1]))


def converse(job: Job) -> None:
    """Generate one dialogue; to be called in a fresh process."""
    name, folder = job.conversation.id, Path(job.folder)
    synthesiser = Synthesiser(derive_seed(job.config.seed, "synthesiser", name))
    sides = [_side(job, side, synthesiser) for side in range(2)]
    wave_LC = np.stack([wave_L for wave_L, _, _, _ in sides], axis=1)
    for kind in ("audio", "textgrid"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / "audio" / f"{name}.flac", wave_LC, SAMPLE_RATE, subtype="PCM_16", format="FLAC")
    tiers = {
        f"{kind}-{side}": found[k]
        for side, found in zip(SIDES, sides, strict=True)
        for k, kind in ((1, "words"), (2, "phones"))
    }
    grid = textgrid_text(tiers, seconds_of(len(wave_LC), SAMPLE_RATE))
    (folder / "textgrid" / f"{name}.TextGrid").write_text(grid, encoding="utf-8")
    row = {"samples": len(wave_LC), "activity": [activity for *_, activity in sides]}
    digest = hashlib.sha256(wave_LC.tobytes() + json.dumps([row, tiers]).encode()).hexdigest()
    write_json(job.part_file, {**row, "espeak": synthesiser.version, "checksum": digest})


def _side(
    job: Job, side: int, synthesiser: Synthesiser
) -> tuple[np.ndarray, list[Segment], list[Segment], list[tuple[float, float]]]:
    """(L,) int16 samples of one channel, its words, phones and activity in seconds."""
    speaker, tokens = job.speakers[side], job.conversation.channels[side]
    dry_L = np.zeros(samples_of(job.conversation.duration, SAMPLE_RATE), np.float32)
    words, phones, activity = [], [], []
    units = units_of(tokens)
    for i, unit in enumerate(units):
        following = units[i + 1] if i + 1 < len(units) else None
        limit = following.onset if following else job.conversation.duration
        found = _say_unit(job, unit, following, speaker, synthesiser)
        if found is None:
            continue
        wave_L, unit_words, unit_phones = found
        end = _lay(dry_L, wave_L, unit.onset, limit)
        words += _before(unit_words, end)
        phones += _before(unit_phones, end)
        activity.append((round(unit.onset, 4), round(end, 4)))
    if job.config.sounds:
        _lay_sounds(dry_L, tokens, numpy_generator(job.config.seed, "sounds", speaker.name))
    channel = Channel(speaker, sample_rate=SAMPLE_RATE, seed=job.config.seed)
    return as_int16(channel(dry_L, speaker.name)), words, phones, activity


def _say_unit(
    job: Job, unit: Unit, following: Unit | None, speaker: Speaker, synthesiser: Synthesiser
) -> tuple[np.ndarray, list[Segment], list[Segment]] | None:
    """(L,) samples of a unit as long as the real one where that can be had, and its words and phones in seconds."""
    goes_on = following is not None and following.onset - unit.offset < 1.0
    text = " ".join(unit.words) + ("?" if unit.question else "," if goes_on else ".")
    synthesiser.set_voice(speaker.language, speaker.voice, formants=speaker.formants)
    target = (unit.offset - unit.onset) * synthesiser.sample_rate * speaker.stretch
    found = _fit(text, target, speaker, synthesiser)
    if found is None:
        return None
    speech, ratio = found
    words, phones = annotate(
        speech,
        text,
        english=is_english(speaker.language),
        closures=job.config.closures,
        count_phones=synthesiser.count_phones,
    )
    first, last = int(phones[0][1]), int(phones[-1][2])
    rest = float(np.clip(ratio, 1 - RESAMPLED, 1 + RESAMPLED))
    played = stretched_rate(speech.sample_rate, speaker.stretch * rest)
    wave_L = soxr.resample(speech.samples[first:last].astype(np.float32), played, SAMPLE_RATE)
    return wave_L, placed(words, first, played, unit.onset), placed(phones, first, played, unit.onset)


def _fit(text: str, target: float, speaker: Speaker, synthesiser: Synthesiser) -> tuple[Speech, float] | None:
    """The text at the rate that brings it nearest to ``target`` samples, and its length as a share of them.

    None when it has nothing that can be said.
    """
    rate, found = speaker.rate, []
    for _ in range(TRIES):
        speech = synthesiser.say(text, rate=rate, pitch=speaker.pitch, pitch_range=speaker.pitch_range)
        onsets = [onset for onset, label in speech.phones if label]
        if not onsets:
            return None
        ratio = (_end_of_voice(speech) - onsets[0]) / target  # above 1: too long
        found.append((speech, ratio))
        wanted = int(np.clip(round(rate * ratio), SLOWEST, FASTEST))
        if abs(ratio - 1) <= CLOSE or wanted == rate:
            break
        rate = wanted
    return min(found, key=lambda pair: abs(np.log(pair[1])))


def _end_of_voice(speech: Speech) -> int:
    """The sample where the last phone ends."""
    ends = [onset for onset, _ in speech.phones[1:]] + [len(speech.samples)]
    return max(end for end, (_, label) in zip(ends, speech.phones, strict=True) if label)


def _lay(dry_L: np.ndarray, wave_L: np.ndarray, onset: float, limit: float) -> float:
    """Add a unit at ``onset`` seconds, faded out where it would pass ``limit``; when it ends, in seconds."""
    start = samples_of(onset, SAMPLE_RATE)
    room = min(samples_of(limit, SAMPLE_RATE), len(dry_L)) - start
    if len(wave_L) > room:
        wave_L = wave_L[:room].copy()
        fade = min(samples_of(FADE_S, SAMPLE_RATE), len(wave_L))
        wave_L[len(wave_L) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    dry_L[start : start + len(wave_L)] += wave_L
    return seconds_of(start + len(wave_L), SAMPLE_RATE)


def _before(segments: Sequence[Segment], end: float) -> list[Segment]:
    """Segments cut at ``end`` seconds."""
    return [(label, onset, min(offset, round(end, 4))) for label, onset, offset in segments if onset < round(end, 4)]


def _lay_sounds(dry_L: np.ndarray, tokens: Sequence[Token], rng: np.random.Generator) -> None:
    """Add a burst of noise for every token that is no word."""
    speech = float(np.sqrt(np.mean(dry_L[dry_L != 0].astype(np.float64) ** 2))) if dry_L.any() else 1.0
    for token in tokens:
        start, stop = (samples_of(t, SAMPLE_RATE) for t in (token.onset, token.offset))
        if not token.text and start < stop <= len(dry_L):
            burst = rng.standard_normal(stop - start) * np.hanning(stop - start) * 10 ** (SOUND_DB / 20)
            dry_L[start:stop] += (burst * speech).astype(np.float32)


def _finish(store: Store, jobs: list[Job]) -> None:
    parts = {job.conversation.id: store.part(job.conversation.id) for job in jobs}
    for folder in dict.fromkeys(job.folder for job in jobs):
        _write_manifest(Path(folder), [job for job in jobs if job.folder == folder], parts)
    store.finish(
        {
            "checksum": checksum([part["checksum"] for part in parts.values()]),
            "espeak": next(iter(parts.values()))["espeak"],
            "speakers": [speaker.as_dict() for job in jobs for speaker in job.speakers],
        }
    )


def _write_manifest(folder: Path, jobs: list[Job], parts: dict[str, dict]) -> None:
    with ManifestWriter(folder, name=f"synth {folder.name}") as writer:
        for job in jobs:
            part = parts[job.conversation.id]
            utterance = Utterance(
                id=job.conversation.id,
                path=str(folder / "audio" / f"{job.conversation.id}.flac"),
                channel=None,
                duration=seconds_of(part["samples"], SAMPLE_RATE),
                sample_rate=SAMPLE_RATE,
                language=job.config.language,
                activity=[[tuple(stretch) for stretch in side] for side in part["activity"]],
            )
            writer.add(utterance, info=AudioInfo(SAMPLE_RATE, 2, part["samples"]))
        writer.finish()
