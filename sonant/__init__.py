"""sonant: train, import, extract, evaluate and deploy speech representations learnt without labels.

    import sonant
    model = sonant.load("runs/cpc-laptop")          # a model or run folder, or "mfcc", "logmel"
    frames = model.encode(wave, lengths)            # (B, L) in [-1, 1] -> Frames: x_BTD, lengths_B, geometry

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

import importlib

from .version import __version__

_FUNCTIONS = {
    "load": "build",
    "save": "build",
    "train": "actions.train",
    "extract": "actions.extract",
    "run_recipe": "actions.run",
    "score_abx": "actions.score_abx",
    "score_same_different": "actions.score_words",
    "score_word_embedding": "actions.score_words",
    "WordSource": "actions.score_words",
    "probe": "actions.probe",
    "add_pca": "actions.pca",
    "describe": "actions.info",
    "demo": "actions.demo",
    "S3prlUpstream": "wrappers",
    "SpeechBrainEncoder": "wrappers",
}
_PACKAGES = (
    "core",
    "features",
    "encoders",
    "contexts",
    "methods",
    "data",
    "evaluation",
    "importers",
    "reports",
    "build",
)

__all__ = ["__version__", *_FUNCTIONS, *_PACKAGES]


def __getattr__(name: str):
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(f"sonant.{_FUNCTIONS[name]}"), name)
    if name in _PACKAGES:
        return importlib.import_module(f"sonant.{name}")
    raise AttributeError(f"module 'sonant' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
