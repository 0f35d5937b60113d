"""A report as a file: all of it, or what was there before."""

import os
import stat
import tempfile
from pathlib import Path

from engine.errors import LoaError, reason_of


def write_file(path: Path, content: bytes, *, keep_mode: bool = False) -> None:
    """Write ``content`` beside ``path`` and rename it, so that nobody ever reads half a report.

    Only its owner can read it (0600): exact figures of small communes are for the office, and who passes them on
    does so knowingly. ``keep_mode`` leaves a file that is there already as open as it is. Raises ``LoaError`` when the
    place cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        partial = Path(name)
        try:
            with os.fdopen(handle, "wb") as opened:
                opened.write(content)
                opened.flush()
                os.fsync(opened.fileno())
            if keep_mode and path.exists():
                partial.chmod(stat.S_IMODE(path.stat().st_mode))
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise LoaError("reports.cannot-write", file=path, why=reason_of(error)) from None
