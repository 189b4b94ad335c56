"""Blocks that encoders, contexts and methods are built of."""
