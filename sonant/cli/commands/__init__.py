"""One file per command: ``ABOUT``, ``add_arguments(parser)``, ``run(args)``; heavy imports inside ``run``."""
