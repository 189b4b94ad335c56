"""One file per foreign checkpoint format: name table to native configuration and weights."""
