"""A corpus of generated speech: texts x voices x languages, with exact phone and word times.

    OUT/train/  manifest, audio/<speaker>/*.flac (16 kHz, 16 bit), textgrid/<speaker>/*.TextGrid
    OUT/test/   the same for speakers whose voices, rooms and microphones training never meets
    OUT/items/  phone.item and triphone.item, ABX items of the test speakers, who all say the same sentences
                (<language>-phone.item, ... when there are several languages)
    OUT/synth.json  settings, speakers, checksum

Every speaker is made by a process of its own (``synth_workers``), so equal settings give equal bytes, on any number
of cores and after any interruption, with the same versions of eSpeak NG, soxr, libsndfile and NumPy.
The speech is that of a formant synthesiser: good for tests, for learning the tools and for exact alignments. Scores
on it say nothing about scores on real speech.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import soxr

from ..core import derive_seed, numpy_generator, require, samples_of, seconds_of
from ..core.files import write_json
from ._espeak import Synthesiser
from .audio import AudioInfo
from .items import write_items
from .manifest import Manifest, ManifestWriter, Utterance
from .synth_channel import Channel
from .synth_phones import Segment, annotate
from .synth_speakers import Speaker, Variation, draw_speakers, split_voices
from .synth_store import Store, checksum
from .synth_texts import read_sentences, sentences
from .synth_workers import run_fresh
from .textgrid import textgrid_text

SAMPLE_RATE = 16_000
SILENCE_S = (0.1, 0.4)  # before and after an utterance
SHORTEST_S = 1.5  # a guess at how short sentences are, to have enough of them
MOST_SENTENCES = 4000  # of one language in training; a long corpus says them again with other speakers
DECIMALS = 4  # of times in seconds, as item files have them


@dataclass(frozen=True)
class SynthConfig:
    """What to generate."""

    hours: float = 0.5  # of training speech, all speakers together
    languages: tuple[str, ...] = ("en-us",)  # voices of eSpeak NG; speakers take them in turn
    speakers: int = 32  # training speakers
    test_speakers: int = 8  # disjoint in voices and in sentences; 0: no test part
    test_sentences: int = 20  # that every test speaker of a language says
    texts: str | None = None  # text file, a sentence a line, for one language; None: the grammars of synth_texts
    closures: bool = True  # stops begin with their silent closure, as in hand labels; False: with the burst
    seed: int = 0
    variation: Variation = field(default_factory=Variation)

    def __post_init__(self):
        require(self.hours > 0, f"hours of training speech must be positive, got {self.hours}")
        require(self.speakers > 0, f"speakers must be positive, got {self.speakers}")
        require(self.languages, "languages must name at least one language, for example en-us")
        require(self.test_sentences > 0, f"test_sentences must be positive, got {self.test_sentences}")
        require(
            self.test_speakers == 0 or self.test_speakers >= 2 * len(self.languages),
            f"{self.test_speakers} test speakers are too few for {len(self.languages)} language(s): "
            "across-speaker scores need 2 of each; 0 leaves the test part out",
        )
        require(self.texts is None or len(self.languages) == 1, "a text file goes with one language")


@dataclass(frozen=True)
class Job:
    """What one process says."""

    speaker: Speaker
    sentences: tuple[str, ...]
    seconds: float | None  # stop when that much is said; None: say all
    folder: str  # of the manifest
    part_file: str
    seed: int
    config: SynthConfig


def synth(
    out: str | Path,
    config: SynthConfig,
    *,
    processes: int | None = None,
    done: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Generate a corpus, or go on with an interrupted one; an existing whole one is opened.

    Args:
        out: its folder, new or of an interrupted run with the same config.
        processes: how many speakers at once; None: one a core. It changes nothing in the result.
        done: called with (finished speakers, all speakers).

    Returns:
        The training manifest ``out/train``; ``out/test`` holds the other.

    Raises:
        MissingExtra: eSpeak NG is not installed.
        SonantError: unknown language, too few sentences, or the folder holds something else.
    """
    out = Path(out)
    jobs, plan = _jobs(out, config)
    store = Store(out, plan)
    if not store.whole:
        missing = set(store.missing([job.speaker.name for job in jobs]))
        rest = [job for job in jobs if job.speaker.name in missing]
        before = len(jobs) - len(rest)
        run_fresh(speak, rest, processes=processes, done=done and (lambda n: done(before + n, len(jobs))))
        _finish(store, jobs, config)
    return Manifest.open(out / "train")


def _jobs(out: Path, config: SynthConfig) -> tuple[list[Job], dict]:
    """The jobs of all speakers in their fixed order, and the plan that identifies them."""
    voices = dict(zip(("train", "test"), split_voices(config.test_speakers, seed=config.seed), strict=True))
    counts = {"train": config.speakers, "test": config.test_speakers}
    pools = {language: _sentences(config, language) for language in config.languages}
    jobs = []
    for part, count in counts.items():
        names = [f"{part}{i:03d}" for i in range(count)]
        drawn = draw_speakers(
            part, names, voices=voices[part], languages=config.languages, variation=config.variation, seed=config.seed
        )
        for speaker in drawn:
            test, train = pools[speaker.language]
            order = numpy_generator(config.seed, "order", speaker.name).permutation(len(train))
            jobs.append(
                Job(
                    speaker=speaker,
                    sentences=tuple(test) if part == "test" else tuple(train[i] for i in order),
                    seconds=None if part == "test" else config.hours * 3600 / count,
                    folder=str(out / part),
                    part_file=str(out / ".parts" / f"{speaker.name}.json"),
                    seed=config.seed,
                    config=config,
                )
            )
    said = checksum([sentence for job in jobs for sentence in job.sentences])
    return jobs, {"config": asdict(config), "sentences": said}


def _sentences(config: SynthConfig, language: str) -> tuple[list[str], list[str]]:
    """(test sentences, training sentences) of a language, disjoint."""
    test = config.test_sentences if config.test_speakers else 0
    wanted = int(config.hours * 3600 / SHORTEST_S / len(config.languages)) + 1
    if config.texts is None:
        pool = sentences(language, test + min(wanted, MOST_SENTENCES), seed=config.seed)
    else:
        pool = read_sentences(Path(config.texts), least=test + 1, most=test + MOST_SENTENCES)
    return pool[:test], pool[test:]


def speak(job: Job) -> None:
    """Say the sentences of one speaker; to be called in a fresh process."""
    synthesiser = Synthesiser(derive_seed(job.seed, "synthesiser", job.speaker.name))
    channel = Channel(job.speaker, sample_rate=SAMPLE_RATE, seed=job.seed)
    folder, digest, said, seconds = Path(job.folder), hashlib.sha256(), [], 0.0
    for kind in ("audio", "textgrid"):
        (folder / kind / job.speaker.name).mkdir(parents=True, exist_ok=True)
    while job.seconds is None or seconds < job.seconds:
        k = len(said)
        if job.seconds is None and k == len(job.sentences):
            break
        name, text = f"{job.speaker.name}-{k:04d}", job.sentences[k % len(job.sentences)]
        wave_L, words, phones = _utter(job, text, name=name, synthesiser=synthesiser, channel=channel)
        duration = seconds_of(len(wave_L), SAMPLE_RATE)
        path = Path("audio") / job.speaker.name / f"{name}.flac"
        soundfile.write(folder / path, wave_L, SAMPLE_RATE, subtype="PCM_16", format="FLAC")
        tiers = {"words": words, "phones": phones}
        grid = folder / "textgrid" / job.speaker.name / f"{name}.TextGrid"
        grid.write_text(textgrid_text(tiers, duration), encoding="utf-8")  # what makes it count is the part file
        row = {"id": name, "path": str(path), "samples": len(wave_L), "text": text, **tiers}
        digest.update(wave_L.tobytes() + json.dumps(row).encode())
        said.append(row)
        seconds += duration
    write_json(job.part_file, {"espeak": synthesiser.version, "checksum": digest.hexdigest(), "utterances": said})


def _utter(
    job: Job, text: str, *, name: str, synthesiser: Synthesiser, channel: Channel
) -> tuple[np.ndarray, list[Segment], list[Segment]]:
    """(L,) int16 samples of a sentence and its words and phones in seconds."""
    rng, speaker, v = numpy_generator(job.seed, "utterance", name), job.speaker, job.config.variation
    shifts = np.exp(rng.uniform(-1, 1, len(speaker.formants)) * np.log1p(v.utterance_formants))
    mouth = [(f * float(shift), s, w) for (f, s, w), shift in zip(speaker.formants, shifts, strict=True)]
    synthesiser.set_voice(speaker.language, speaker.voice, formants=mouth)
    speech = synthesiser.say(
        text,
        rate=round(speaker.rate * (1 + rng.uniform(-1, 1) * v.utterance_rate)),
        pitch=int(np.clip(speaker.pitch + rng.integers(-v.utterance_pitch, v.utterance_pitch + 1), 0, 99)),
        pitch_range=speaker.pitch_range,
    )
    words, phones = annotate(
        speech,
        text,
        english=is_english(speaker.language),
        closures=job.config.closures,
        count_phones=synthesiser.count_phones,
    )
    require(phones, f"eSpeak NG says nothing for {text!r} in '{speaker.language}'; take it out of the text file")
    rate = stretched_rate(speech.sample_rate, speaker.stretch)
    first, last = int(phones[0][1]), int(phones[-1][2])
    dry_L = soxr.resample(speech.samples[first:last].astype(np.float32), rate, SAMPLE_RATE)
    lead, tail = (samples_of(s, SAMPLE_RATE) for s in rng.uniform(*SILENCE_S, 2))
    wave_L = channel(np.pad(dry_L, (lead, tail)), name)
    shift = seconds_of(lead, SAMPLE_RATE)
    return as_int16(wave_L), placed(words, first, rate, shift), placed(phones, first, rate, shift)


def is_english(language: str) -> bool:
    """Whether phones of a language fold to the CMU set."""
    return language.split("-")[0] == "en"


def stretched_rate(sample_rate: int, stretch: float) -> int:
    """The rate at which samples are played so that all their frequencies rise by ``stretch`` and times fall by it."""
    return round(sample_rate * stretch)


def placed(segments: Sequence[Segment], first: int, rate: int, shift: float) -> list[Segment]:
    """Segments in samples at ``rate`` as segments in seconds, sample ``first`` at ``shift`` seconds."""

    def seconds(sample: float) -> float:
        return round(shift + seconds_of(sample - first, rate), DECIMALS)

    return [(label, seconds(onset), seconds(offset)) for label, onset, offset in segments]


def as_int16(wave_L: np.ndarray) -> np.ndarray:
    """Floats in [-1, 1] as 16-bit samples."""
    return np.round(np.clip(wave_L, -1, 1) * 32767).astype(np.int16)


def _finish(store: Store, jobs: list[Job], config: SynthConfig) -> None:
    """Manifests and item files from the parts. Training comes last: with it everything is there."""
    parts = {job.speaker.name: store.part(job.speaker.name) for job in jobs}
    for kind in ("test", "train"):
        mine = [job for job in jobs if Path(job.folder).name == kind]
        if not mine:
            continue
        rows = [(job, row) for job in mine for row in parts[job.speaker.name]["utterances"]]
        with ManifestWriter(store.out / kind, name=f"synth {kind}") as writer:
            for job, row in rows:
                writer.add(_utterance(job, row), info=AudioInfo(SAMPLE_RATE, 1, row["samples"]))
            writer.finish()
        if kind == "test":
            _write_items(store.out / "items", [_utterance(job, row) for job, row in rows], config)
    store.finish(
        {
            "checksum": checksum([part["checksum"] for part in parts.values()]),
            "espeak": next(iter(parts.values()))["espeak"],
            "speakers": [job.speaker.as_dict() for job in jobs],
        }
    )


def _utterance(job: Job, row: dict) -> Utterance:
    return Utterance(
        id=row["id"],
        path=str(Path(job.folder) / row["path"]),
        duration=seconds_of(row["samples"], SAMPLE_RATE),
        sample_rate=SAMPLE_RATE,
        speaker=job.speaker.name,
        language=job.speaker.language,
        text=row["text"],
        words=[tuple(word) for word in row["words"]],
        phones=[tuple(phone) for phone in row["phones"]],
    )


def _write_items(folder: Path, utterances: list[Utterance], config: SynthConfig) -> None:
    """One phone and one triphone file; with several languages, one of each a language."""
    for language in config.languages:
        mine = [u for u in utterances if u.language == language]
        before = f"{language}-" if len(config.languages) > 1 else ""
        for kind in ("phone", "triphone"):
            write_items(folder / f"{before}{kind}.item", mine, kind)
