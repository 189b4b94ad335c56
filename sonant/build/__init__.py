"""From names to objects: the only place where a string becomes a class.

A name is a file: ``encoder: {name: cpc_conv}`` is ``sonant/encoders/cpc_conv.py``, which holds one
``Config`` and one ``Encoder``. Nothing is registered anywhere.
"""

from .models import BASELINES, SHIPPED, baseline, convert, described, load, save
from .names import CLASS_OF, class_of, module_of, names
from .objects import architecture, encoder_and_context, method_of, representation_of
from .run_config import Component, EvalConfig, RunConfig, resolve

__all__ = [
    "BASELINES",
    "CLASS_OF",
    "Component",
    "EvalConfig",
    "RunConfig",
    "SHIPPED",
    "architecture",
    "baseline",
    "class_of",
    "convert",
    "described",
    "encoder_and_context",
    "load",
    "method_of",
    "module_of",
    "names",
    "representation_of",
    "resolve",
    "save",
]
