"""Drives causal models chunk by chunk."""
