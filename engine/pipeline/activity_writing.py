"""One writer at a time in ``activities``, and a table's new bytes in the place of the old in one step."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from engine.content.activity_files import FOLDER
from engine.content.words import is_key
from engine.errors import LoaError, reason_of
from engine.settings import Settings

PATIENCE = 10.0  # seconds for another command that is writing


def table_path(settings: Settings, name: str) -> Path:
    """``activities/<name>.csv``; raises ``LoaError`` (``activities.bad-name``) for a name that is no key."""
    key = name.removesuffix(".csv")
    if not is_key(key):
        raise LoaError("activities.bad-name", name=name[:80])
    return settings.workspace / FOLDER / f"{key}.csv"


@contextmanager
def writing(settings: Settings) -> Iterator[None]:
    """One writer at a time. Raises ``LoaError`` (``activities.busy``, ``activities.cannot-write``)."""
    try:
        settings.state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (settings.workspace / FOLDER).mkdir(exist_ok=True)
        with FileLock(settings.state_folder / "hoat-dong.lock", timeout=PATIENCE):
            yield
    except Timeout:
        raise LoaError("activities.busy") from None
    except OSError as error:
        raise LoaError("activities.cannot-write", file=FOLDER, reason=reason_of(error)) from None


def replace(path: Path, data: bytes, before: bytes | None) -> None:
    """Put ``data`` in the place of ``before``, all of it or nothing; raises ``LoaError`` if somebody was faster."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        partial = Path(name)
        try:
            with os.fdopen(handle, "wb") as opened:
                opened.write(data)
                opened.flush()
                os.fsync(opened.fileno())
            if bytes_of(path) != before:
                raise LoaError("activities.changed-meanwhile", file=path.name)
            partial.chmod(path.stat().st_mode & 0o777 if before is not None else 0o644)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise LoaError("activities.cannot-write", file=path.name, reason=reason_of(error)) from None


def bytes_of(path: Path) -> bytes | None:
    """The bytes of a file; None when there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
