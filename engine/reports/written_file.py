"""A report as a file: all of it, or what was there before."""

import os
import tempfile
from pathlib import Path

from engine.errors import LoaError


def write_file(path: Path, content: bytes) -> None:
    """Write ``content`` beside ``path`` and rename it, so that nobody ever reads half a report.

    Only its owner can read it (0600): exact figures of small communes are for the office, and who passes them on
    does so knowingly. Raises ``LoaError`` when the place cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        partial = Path(name)
        try:
            with os.fdopen(handle, "wb") as opened:
                opened.write(content)
                opened.flush()
                os.fsync(opened.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise LoaError("reports.cannot-write", file=path, why=error.strerror or type(error).__name__) from None
