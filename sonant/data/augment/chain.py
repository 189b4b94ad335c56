"""All of augmentation, on one example: what happens to each of its views depends on its seed and on nothing else.

Letters: L samples, V views.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...core import SonantError, numpy_generator, samples_of
from .band_drop import draw_band, drop_band
from .channel import clip, clip_ends, gain
from .chop import chop, chop_spans, speech_frames
from .codec import transmit
from .config import AugmentConfig
from .downsample import downsample
from .noise import add_noise, blend_noise
from .overlap import overlap, overlap_start
from .perturb import perturbed
from .reverb import LONGEST_S, reverberate, reverberate_in_place
from .sounds import Sounds

RIR_ATTEMPTS = 100  # silent impulse responses in a row
OVERLAP_PROB = 0.1  # PASE+
FIRST = ("view", "side 0")  # purposes whose first wave is the first view of an example
CHOICES = {  # strategy -> (reverberation, noise), equally likely
    "reverb": ((True, False),),
    "noise": ((False, True),),
    "reverb|noise": ((True, False), (False, True)),
    "reverb+noise": ((True, True),),
    "all": ((False, False), (True, False), (False, True), (True, True)),
}

# name of a distortion, its probability -> its generator for this wave, None where it does not take place
Turn = Callable[[str, float], np.random.Generator | None]


class Augmenter:
    """Applies an ``AugmentConfig`` (all but its speeds, which the reading of crops takes care of).

    Args:
        cfg: what to do.
        sample_rate: of the audio, in Hz.
        strict: an unreadable noise file is an error; otherwise it is named, and another takes its place.
    """

    def __init__(self, cfg: AugmentConfig, *, sample_rate: int, strict: bool = False):
        self.cfg, self.sample_rate, self.strict = cfg, sample_rate, strict
        options = {"sample_rate": sample_rate, "cache_mb": cfg.cache_mb}
        self.noise = Sounds(cfg.noise, setting="augment.noise", **options) if cfg.noise else None
        self.rirs = Sounds(cfg.rirs, setting="augment.rirs", exact=True, **options) if cfg.rirs else None
        self.overlap = Sounds(cfg.overlap, setting="augment.overlap", **options) if cfg.overlap else None
        self.overlap_prob = OVERLAP_PROB if cfg.overlap_prob is None else cfg.overlap_prob
        strategy = cfg.strategy or "+".join(name for name in ("reverb", "noise") if getattr(self, _SOUNDS[name]))
        self.choices = CHOICES[strategy] if strategy else ((False, False),)
        given = [sounds for sounds in (self.noise, self.rirs, self.overlap) if sounds is not None]
        self.unusable = {path: why for sounds in given for path, why in sounds.unusable.items()}
        if strict and self.unusable:
            raise SonantError(next(iter(self.unusable.values())))

    def __call__(
        self, wave: np.ndarray, seed: int, *, purpose: str = "view", speaker: str | None = None, skipped: dict[str, str]
    ) -> np.ndarray:
        """Augment a wave (L,), or each of (V, L) apart.

        Args:
            seed: of the example.
            purpose: so that other waves of the same example get other noises.
            speaker: of the example; nothing of the same speaker overlaps it.
            skipped: where files that cannot be read are noted, path -> reason.

        Returns:
            float32 of the same shape.

        Raises:
            SonantError: too many noise files in a row cannot be read; with ``strict``, the first that cannot.
        """
        noted = None if self.strict else skipped
        rows = wave.reshape(-1, wave.shape[-1])
        heard = len(rows) if not self.cfg.only_first else 1 if purpose in FIRST else 0
        made = [self._one(row, (seed, "augment", purpose, v), speaker, noted) for v, row in enumerate(rows[:heard])]
        return np.stack([*made, *rows[heard:]]).reshape(wave.shape)

    def _one(
        self, wave_L: np.ndarray, seeds: tuple[int | str, ...], speaker: str | None, skipped: dict[str, str] | None
    ) -> np.ndarray:
        def turn(name: str, prob: float) -> np.random.Generator | None:
            generator = numpy_generator(*seeds, name) if prob else None
            return generator if generator is not None and generator.random() < prob else None

        clean_L, generator = wave_L, numpy_generator(*seeds)
        rooms, noises = self._rooms_and_noises(generator, turn)
        if (drawn := turn("perturb", self.cfg.perturb_prob)) is not None:
            wave_L = perturbed(wave_L, _one_of(self.cfg.perturb, drawn), drawn, sample_rate=self.sample_rate)
        if rooms is not None:
            wave_L = self._reverberated(wave_L, rooms, skipped)
        if self.overlap is not None and (others := turn("overlap", self.overlap_prob)) is not None:
            wave_L = self._overlapped(wave_L, others, speaker, skipped)
        if noises is not None:
            wave_L = self._noisy(wave_L, noises, skipped)
        wave_L = self._transmitted(wave_L, generator)
        return self._cut(wave_L, clean_L, turn)

    def _rooms_and_noises(
        self, generator: np.random.Generator, turn: Turn
    ) -> tuple[np.random.Generator | None, np.random.Generator | None]:
        """The generators of reverberation and of noise, None for what does not take place."""
        cfg = self.cfg
        chosen = self.choices[int(generator.integers(len(self.choices)))]
        if generator.random() >= cfg.prob:
            chosen = (False, False)
        rooms, noises = (generator if one else None for one in chosen)
        if cfg.reverb_prob is not None and self.rirs is not None:
            rooms = turn("reverb", cfg.reverb_prob)
        if cfg.noise_prob is not None and self.noise is not None:
            noises = turn("noise", cfg.noise_prob)
        return rooms, noises

    def _transmitted(self, wave_L: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Through what records and sends it: level, clipping, codec."""
        cfg = self.cfg
        if cfg.gain_db is not None:
            wave_L = gain(wave_L, generator.uniform(*cfg.gain_db))
        if cfg.clip_prob and generator.random() < cfg.clip_prob:
            part = _one_of(cfg.clip_parts, generator) if cfg.clip_parts else generator.uniform(*cfg.clip_at)
            wave_L = (clip_ends if cfg.manner == "pase" else clip)(wave_L, part)
        if cfg.codec_prob and generator.random() < cfg.codec_prob:
            wave_L = transmit(wave_L, _one_of(cfg.codecs, generator), self.sample_rate)
        return wave_L

    def _cut(self, wave_L: np.ndarray, clean_L: np.ndarray, turn: Turn) -> np.ndarray:
        """Without parts of its time and of its frequencies; where speech is, is told from the clean wave."""
        cfg, rate = self.cfg, {"sample_rate": self.sample_rate}
        if (generator := turn("chop", cfg.chop_prob)) is not None:
            count = int(generator.integers(cfg.chop_spans[0], cfg.chop_spans[1] + 1))
            speech_F = speech_frames(clean_L, **rate)
            wave_L = chop(wave_L, chop_spans(speech_F, generator, count=count, seconds=cfg.chop_seconds, **rate))
        if (generator := turn("band drop", cfg.band_drop_prob)) is not None:
            low, high = draw_band(generator, width=cfg.band_drop_width, **rate)
            wave_L = drop_band(wave_L, low=low, high=high, **rate)
        if (generator := turn("downsample", cfg.downsample_prob)) is not None:
            wave_L = downsample(wave_L, rate=_one_of(cfg.downsample_rates, generator), **rate)
        return wave_L

    def _reverberated(
        self, wave_L: np.ndarray, generator: np.random.Generator, skipped: dict[str, str] | None
    ) -> np.ndarray:
        pase = self.cfg.manner == "pase"
        for _ in range(RIR_ATTEMPTS):
            rir_R = self.rirs.draw(generator, skipped=skipped)
            rir_R = rir_R[: samples_of(LONGEST_S, self.sample_rate)] if pase else rir_R
            if rir_R.any():
                return (reverberate_in_place if pase else reverberate)(wave_L, rir_R)
        raise SonantError(f"augment.rirs '{self.rirs.where}': {RIR_ATTEMPTS} impulse responses in a row are silent")

    def _overlapped(
        self, wave_L: np.ndarray, generator: np.random.Generator, speaker: str | None, skipped: dict[str, str] | None
    ) -> np.ndarray:
        start, snr = overlap_start(len(wave_L), generator), _one_of(self.cfg.overlap_snrs, generator)
        options = {"repeat": False, "avoid": speaker, "skipped": skipped}
        other_S = self.overlap.draw(generator, count=len(wave_L) - start, **options)
        return overlap(wave_L, other_S, start=start, snr=snr)

    def _noisy(self, wave_L: np.ndarray, generator: np.random.Generator, skipped: dict[str, str] | None) -> np.ndarray:
        cfg, pase = self.cfg, self.cfg.manner == "pase"
        kind = _one_of(self.noise.kinds, generator)
        low, high = cfg.files_of(kind)
        count = int(generator.integers(low, high + 1))
        if cfg.noise_snrs:
            snrs_N = [_one_of(cfg.noise_snrs, generator) for _ in range(count)]
        else:
            snrs_N = generator.uniform(*cfg.snr_of(kind), size=count)
        options = {"kind": kind, "count": len(wave_L), "repeat": not pase, "skipped": skipped}
        noises_NL = [self.noise.draw(generator, **options) for _ in range(count)]
        return (blend_noise if pase else add_noise)(wave_L, noises_NL, snrs_N)


def _one_of(choices, generator: np.random.Generator):
    return choices[int(generator.integers(len(choices)))]


_SOUNDS = {"reverb": "rirs", "noise": "noise"}
