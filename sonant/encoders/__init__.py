"""Waveforms or features -> local frames; a file's name is the encoder's name."""
