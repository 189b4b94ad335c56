"""Ways to look at a corpus: what an example is, and which examples make a batch. One view per file."""
