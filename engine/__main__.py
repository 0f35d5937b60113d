"""``python -m engine`` is ``loa``."""

from engine.cli import main

main()
