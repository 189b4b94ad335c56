"""Voice activity from audio: detectors, one a file, and what they have in common."""
