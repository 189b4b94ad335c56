"""Who speaks: voices, ways of speaking, rooms and microphones, drawn from a seed.

A synthesiser's voice says a phone always alike. What makes real speech hard, the same phone from another mouth in
another room, is put in here: formants and timbre (voice), length of the vocal tract (stretch by resampling, which
scales all formants and times), pitch, liveliness, rate, and the way to the file: tilt and ripple of the microphone,
a small room, background noise, level. Every bound is a field of ``Variation``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np

from ..core import numpy_generator, require

# Voice variants of eSpeak NG 1.52 without effects (whisper, croak, robots, demons, announcer, fast) and with one of
# each pair whose long-term spectra were nearly the same
# fmt: off
VOICES = (
    "Alex", "Alicia", "Andrea", "Andy", "Annie", "AnxiousAndy", "Denis", "Diogo", "Gene", "Henrique", "Hugo",
    "Jacky", "Lee", "Marco", "Mario", "Michael", "Mike", "Nguyen", "Reed", "RicishayMax2", "Storm", "Tweaky",
    "adam", "anika", "antonio", "belinda", "benjamin", "boris", "david", "ed", "edward", "edward2", "f1", "f2",
    "f3", "f4", "f5", "grandma", "grandpa", "gustave", "ian", "iven", "iven2", "iven3", "iven4", "john",
    "kaukovalta", "klatt", "klatt2", "klatt3", "klatt4", "linda", "m1", "m2", "m3", "m4", "m5", "m6", "m7",
    "m8", "marcelo", "max", "michel", "mike2", "norbert", "pablo", "paul", "pedro", "quincy", "rob", "robert",
    "sandro", "shelby", "steph", "steph2", "travis", "victor", "zac",
)
# fmt: on
TEST_SHARE = 1 / 3  # of the voices that test speakers may take away from training


@dataclass(frozen=True)
class Variation:
    """Bounds of what differs between speakers (uniform between them) and within one.

    The defaults are about what men, women and children in living rooms and offices show. They are wide on purpose:
    with the voices of the synthesiser alone (``clean``), a phone of one speaker is that of any other.
    """

    pitch: tuple[int, int] = (15, 85)  # eSpeak's scale, 50 is the voice's own: about -25 % .. +45 % of F0
    pitch_range: tuple[int, int] = (25, 75)  # eSpeak's scale, 0 is monotone
    rate: tuple[int, int] = (130, 240)  # words a minute
    stretch: float = 0.14  # largest relative change of the vocal tract, both ways; men and women differ by about 16 %
    formants: tuple[float, ...] = (0.2, 0.18, 0.14, 0.1, 0.1)  # largest relative change of F1..F5 one by one
    strength_db: float = 3.0  # largest change of the strength of a formant, both ways
    width: float = 0.3  # largest relative change of the bandwidth of a formant, both ways
    tilt_db: float = 3.0  # largest spectral tilt of a microphone, dB an octave, both ways
    ripple_db: float = 4.0  # standard deviation of its smooth frequency response, dB
    reverberation_s: tuple[float, float] = (0.15, 0.5)  # time in which the room decays by 60 dB
    reverberant_db: tuple[float, float] = (-10.0, -1.0)  # energy of the room against that of the direct sound
    snr_db: tuple[float, float] = (6.0, 20.0)  # speech against background noise
    level_db: tuple[float, float] = (-32.0, -20.0)  # of the speech, against full scale
    utterance_rate: float = 0.12  # relative change of rate from utterance to utterance, both ways
    utterance_formants: float = 0.1  # largest relative change of each formant from utterance to utterance
    utterance_pitch: int = 6  # change of pitch from utterance to utterance, both ways, eSpeak's scale

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple) and field.name != "formants":
                low_high = len(value) == 2 and value[0] <= value[1]
                require(low_high, f"variation.{field.name} needs (low, high), got {value}")
            else:
                low = min(value, default=0) if isinstance(value, tuple) else value
                require(low >= 0, f"variation.{field.name} must not be negative, got {value}")
        require(self.stretch < 0.5, f"variation.stretch must be below 0.5, got {self.stretch}")
        require(self.reverberation_s[0] > 0, "variation.reverberation_s must be positive")

    @classmethod
    def clean(cls) -> Variation:
        """Voices as the synthesiser has them: no stretch, microphone, room or noise; equal levels."""
        return cls(
            stretch=0.0,
            formants=(),
            utterance_formants=0.0,
            tilt_db=0.0,
            ripple_db=0.0,
            reverberant_db=(-120.0, -120.0),
            snr_db=(120.0, 120.0),
            level_db=(-26.0, -26.0),
        )


@dataclass(frozen=True)
class Speaker:
    """One speaker at one microphone; units as in ``Variation``."""

    name: str
    language: str
    voice: str
    pitch: int
    pitch_range: int
    rate: int
    stretch: float  # factor on all frequencies of the vocal tract; times are divided by it
    formants: tuple[tuple[float, float, float], ...]  # factors on (frequency, strength, width) of F1, F2, ...
    tilt_db: float
    ripple_db: tuple[float, ...]  # gains of the microphone at points evenly spaced on the mel scale
    reverberation_s: float
    reverberant_db: float
    snr_db: float
    noise_tilt_db: float  # spectral tilt of the background noise, dB an octave
    level_db: float

    def as_dict(self) -> dict:
        return asdict(self)


RIPPLE_POINTS = 10
NOISE_TILT_DB = (-8.0, -3.0)  # dB an octave; rooms are loudest at low frequencies


def draw_speakers(
    part: str, names: Sequence[str], *, voices: Sequence[str], languages: Sequence[str], variation: Variation, seed: int
) -> list[Speaker]:
    """One speaker a name; languages and voices go round. Each is a function of (seed, part, its number)."""
    return [
        _draw(
            numpy_generator(seed, "speaker", part, i),
            name=name,
            language=languages[i % len(languages)],
            voice=voices[i % len(voices)],
            v=variation,
        )
        for i, name in enumerate(names)
    ]


def split_voices(test_speakers: int, *, seed: int) -> tuple[list[str], list[str]]:
    """(training voices, test voices), disjoint."""
    order = [VOICES[i] for i in numpy_generator(seed, "voices").permutation(len(VOICES))]
    count = min(test_speakers, int(len(VOICES) * TEST_SHARE))
    return order[count:], order[:count]


def _draw(rng: np.random.Generator, *, name: str, language: str, voice: str, v: Variation) -> Speaker:
    def between(bounds: tuple[float, float]) -> float:
        return round(float(rng.uniform(*bounds)), 4)

    def spread(relative: float) -> float:
        return round(float(np.exp(rng.uniform(-1, 1) * np.log1p(relative))), 4)

    return Speaker(
        name=name,
        language=language,
        voice=voice,
        pitch=int(rng.integers(v.pitch[0], v.pitch[1] + 1)),
        pitch_range=int(rng.integers(v.pitch_range[0], v.pitch_range[1] + 1)),
        rate=int(rng.integers(v.rate[0], v.rate[1] + 1)),
        stretch=spread(v.stretch),
        formants=tuple(
            (spread(frequency), round(10 ** (rng.uniform(-1, 1) * v.strength_db / 20), 4), spread(v.width))
            for frequency in v.formants
        ),
        tilt_db=between((-v.tilt_db, v.tilt_db)),
        ripple_db=tuple(np.round(rng.normal(0, 1, RIPPLE_POINTS) * v.ripple_db, 2).tolist()),
        reverberation_s=between(v.reverberation_s),
        reverberant_db=between(v.reverberant_db),
        snr_db=between(v.snr_db),
        noise_tilt_db=between(NOISE_TILT_DB),
        level_db=between(v.level_db),
    )
