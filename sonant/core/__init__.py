"""The nouns: frames and their geometry, batches, methods, representations, errors, seeds."""

from .batch import Batch
from .device import check_device
from .dialogue import DialogueOut
from .errors import Failure, MissingExtra, SonantError, nearest, require, unknown
from .frames import Frames, mask_of
from .geometry import FrameGeometry, samples_of, seconds_of
from .method import LossOut, Method, ViewsMethod
from .module import Featured, FrameModule
from .representation import Representation
from .seeding import derive_seed, generator, numpy_generator, seed_everything
from .streaming import Even, State, Streamable, streamable

__all__ = [
    "Batch",
    "DialogueOut",
    "Even",
    "Failure",
    "Featured",
    "FrameGeometry",
    "FrameModule",
    "Frames",
    "LossOut",
    "Method",
    "MissingExtra",
    "Representation",
    "SonantError",
    "State",
    "Streamable",
    "ViewsMethod",
    "check_device",
    "derive_seed",
    "generator",
    "mask_of",
    "nearest",
    "numpy_generator",
    "require",
    "samples_of",
    "seconds_of",
    "seed_everything",
    "streamable",
    "unknown",
]
