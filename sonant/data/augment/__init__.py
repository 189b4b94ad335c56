"""Augmentation of raw audio, one idea a file: ``chain`` applies what ``config`` says, seeded by example and view."""
