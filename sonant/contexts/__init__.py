"""Local frames -> frames that know what came before; a file's name is the context's name."""
