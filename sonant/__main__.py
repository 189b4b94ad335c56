"""``python -m sonant`` is the command ``sonant``."""

import sys

from .cli.main import main

sys.exit(main())
