"""A disk so small that it can be filled: a memory file system of a few megabytes, where we may mount one."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator["Disk"]:
    """A disk of that size at ``place`` (an empty folder); the test is skipped where nobody lets us mount one."""
    place.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(place)],
        capture_output=True, check=False, encoding="utf-8",
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip(f"no small disk without the right to mount one: {mounted.stderr.strip()}")
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


class Disk:
    """The small disk."""

    def __init__(self, place: Path) -> None:
        self._filler = place / "filler"

    def fill(self) -> None:
        """Take every byte that is left."""
        opened = os.open(self._filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for size in (1 << 20, 1 << 12, 1):
                while True:
                    try:
                        os.write(opened, b"\0" * size)
                    except OSError:
                        break
        finally:
            os.close(opened)

    def free(self) -> None:
        """Give it back."""
        self._filler.unlink()
