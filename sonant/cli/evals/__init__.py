"""One file per task of ``sonant eval``: ``ABOUT``, ``add_arguments(parser)``, ``run(args)``."""
