"""A bug of ours: one sentence on the screen, the details in a file that names nobody."""

import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

import click

from engine.errors import LoaError
from engine.i18n import sentence
from engine.log import redact
from engine.settings import from_environment


def report_bug(error: Exception) -> None:
    """Write the traceback, redacted and without values, to a file and tell the person where it is."""
    # Messages of exceptions may quote data; the frames say where, which is what a mend needs.
    frames = "".join(traceback.format_tb(error.__traceback__))
    text = redact(f"{datetime.now(UTC).isoformat()}\n{frames}{type(error).__name__}\n")
    try:
        folder = from_environment().state_folder
        if not folder.is_dir():
            folder = Path(tempfile.gettempdir())
        with tempfile.NamedTemporaryFile("w", prefix="loa-bug-", suffix=".txt", dir=folder, delete=False) as opened:
            opened.write(text)
        place = opened.name
    except (OSError, LoaError):
        place = "-"
    click.echo(sentence("errors.bug", kind=type(error).__name__, file=place), err=True)
