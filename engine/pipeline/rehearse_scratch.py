"""A folder for a rehearsal's copy, gone when the rehearsal is over, however it ends.

It lies beside the database, behind the same 0700 door, because it holds the same sealed numbers. Each has a lock beside
it that its process holds for life: what a kill left behind has none, and the next rehearsal takes it away.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import make_url

from engine.errors import LoaError
from engine.settings import Settings

_NAME = "rehearsals"


@contextmanager
def scratch_folder(settings: Settings) -> Iterator[Path]:
    """A new folder that only its owner can look into. Raises ``LoaError`` when the disk refuses."""
    parent = _beside_the_database(settings)
    name = f"{os.getpid():x}-{secrets.token_hex(4)}"
    folder, lock = parent / name, FileLock(parent / f"{name}.lock", timeout=0, mode=0o600)
    try:
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        clear_left_behind(parent)
        lock.acquire()
        folder.mkdir(mode=0o700)
    except (OSError, Timeout):
        raise LoaError("rehearse.no-folder", folder=parent) from None
    try:
        yield folder
    finally:
        _remove(folder, lock)
        with suppress(OSError):  # another rehearsal is going on beside this one
            parent.rmdir()


def clear_left_behind(parent: Path) -> int:
    """Delete the copies of rehearsals that were killed; how many."""
    cleared = 0
    for folder in [path for path in parent.iterdir() if path.is_dir()]:
        lock = FileLock(parent / f"{folder.name}.lock", timeout=0, mode=0o600)
        try:
            lock.acquire()
        except Timeout:
            continue  # it is going on
        _remove(folder, lock)
        cleared += 1
    return cleared


def refuse_too_large(folder: Path, needed: int) -> None:
    """Raise ``LoaError`` (``rehearse.no-space``) unless the disk has ``needed`` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise LoaError("rehearse.no-space", needed=-(-needed // 1_000_000), free=free // 1_000_000)


def _remove(folder: Path, lock: FileLock) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()
    Path(lock.lock_file).unlink(missing_ok=True)


def _beside_the_database(settings: Settings) -> Path:
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        return Path(url.database).resolve().parent / _NAME
    return settings.state_folder / _NAME
