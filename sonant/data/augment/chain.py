"""All of augmentation, on one example: what happens to each of its views depends on its seed and on nothing else.

Letters: L samples, V views.
"""

from __future__ import annotations

import numpy as np

from ...core import SonantError, numpy_generator
from .channel import clip, gain
from .codec import transmit
from .config import AugmentConfig
from .noise import add_noise
from .reverb import reverberate
from .sounds import Sounds

RIR_ATTEMPTS = 100  # silent impulse responses in a row
CHOICES = {  # strategy -> (reverberation, noise), equally likely
    "reverb": ((True, False),),
    "noise": ((False, True),),
    "reverb|noise": ((True, False), (False, True)),
    "reverb+noise": ((True, True),),
    "all": ((False, False), (True, False), (False, True), (True, True)),
}


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
        strategy = cfg.strategy or "+".join(name for name in ("reverb", "noise") if getattr(self, _SOUNDS[name]))
        self.choices = CHOICES[strategy] if strategy else ((False, False),)
        self.unusable = {
            path: why for s in (self.noise, self.rirs) if s is not None for path, why in s.unusable.items()
        }
        if strict and self.unusable:
            raise SonantError(next(iter(self.unusable.values())))

    def __call__(self, wave: np.ndarray, seed: int, *, purpose: str = "view", skipped: dict[str, str]) -> np.ndarray:
        """Augment a wave (L,), or each of (V, L) apart.

        Args:
            seed: of the example.
            purpose: so that other waves of the same example get other noises.
            skipped: where files that cannot be read are noted, path -> reason.

        Returns:
            float32 of the same shape.

        Raises:
            SonantError: too many noise files in a row cannot be read; with ``strict``, the first that cannot.
        """
        noted = None if self.strict else skipped
        rows = wave.reshape(-1, wave.shape[-1])
        made = [self._one(row, numpy_generator(seed, "augment", purpose, v), noted) for v, row in enumerate(rows)]
        return np.stack(made).reshape(wave.shape)

    def _one(self, wave_L: np.ndarray, generator: np.random.Generator, skipped: dict[str, str] | None) -> np.ndarray:
        cfg = self.cfg
        reverb, noise = self.choices[int(generator.integers(len(self.choices)))]
        if generator.random() >= cfg.prob:
            reverb = noise = False
        if reverb:
            wave_L = self._reverberated(wave_L, generator, skipped)
        if noise:
            wave_L = self._noisy(wave_L, generator, skipped)
        if cfg.gain_db is not None:
            wave_L = gain(wave_L, generator.uniform(*cfg.gain_db))
        if cfg.clip_prob and generator.random() < cfg.clip_prob:
            wave_L = clip(wave_L, generator.uniform(*cfg.clip_at))
        if cfg.codec_prob and generator.random() < cfg.codec_prob:
            wave_L = transmit(wave_L, cfg.codecs[int(generator.integers(len(cfg.codecs)))], self.sample_rate)
        return wave_L

    def _reverberated(
        self, wave_L: np.ndarray, generator: np.random.Generator, skipped: dict[str, str] | None
    ) -> np.ndarray:
        for _ in range(RIR_ATTEMPTS):
            rir_R = self.rirs.draw(generator, skipped=skipped)
            if rir_R.any():
                return reverberate(wave_L, rir_R)
        raise SonantError(f"augment.rirs '{self.rirs.where}': {RIR_ATTEMPTS} impulse responses in a row are silent")

    def _noisy(self, wave_L: np.ndarray, generator: np.random.Generator, skipped: dict[str, str] | None) -> np.ndarray:
        kinds = self.noise.kinds
        kind = kinds[int(generator.integers(len(kinds)))]
        low, high = self.cfg.files_of(kind)
        count = int(generator.integers(low, high + 1))
        snrs_N = generator.uniform(*self.cfg.snr_of(kind), size=count)
        noises_NL = [self.noise.draw(generator, kind=kind, count=len(wave_L), skipped=skipped) for _ in range(count)]
        return add_noise(wave_L, noises_NL, snrs_N)


_SOUNDS = {"reverb": "rirs", "noise": "noise"}
