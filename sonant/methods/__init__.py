"""Training objectives with their heads; a file's name is the method's name."""
