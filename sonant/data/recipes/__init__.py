"""One file per corpus, each with the same prepare(source, out, ...)."""
