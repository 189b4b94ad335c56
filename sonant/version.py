"""The version of sonant; every result and model names it."""

__version__ = "0.1.0"
