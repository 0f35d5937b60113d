"""The one small family of errors. An error carries a stable code and the officer's sentence."""

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.i18n import sentence

DONE, USER_CONTENT, USAGE, OUR_BUG = 0, 1, 2, 3


# What the system's error numbers mean to a person; its own words are English, and differ from machine to machine.
_REASONS = {
    getattr(errno, name): word
    for name, word in {
        "ENOENT": "missing", "EEXIST": "exists", "EACCES": "denied", "EPERM": "denied", "EISDIR": "folder",
        "ENOTDIR": "not-folder", "ENOSPC": "full", "EDQUOT": "full", "EFBIG": "full", "EROFS": "read-only",
        "EBUSY": "busy", "ETXTBSY": "busy", "ENAMETOOLONG": "long-name", "EIO": "disk",
    }.items()
    if hasattr(errno, name)
}  # fmt: skip


def reason_of(error: OSError) -> str:
    """Why the system refused, in the language of the person: ``không có quyền``; else its number's name."""
    word = _REASONS.get(error.errno or 0)
    if word is not None:
        return sentence(f"errors.os-{word}")
    return sentence("errors.os-other", code=errno.errorcode.get(error.errno or 0, type(error).__name__))


class LoaError(Exception):
    """Something a person can mend. Never shown as a traceback.

    ``key`` is ``room.code``, its words are in that room's catalogue, ``values`` fill its places.
    Values must not hold a phone number or a person's name: errors are printed and logged.
    """

    exit_code = USER_CONTENT

    def __init__(self, key: str, /, **values: object) -> None:
        self.key, self.values = key, values
        super().__init__(key)

    @property
    def code(self) -> str:
        """The stable part after the room, as programs read it: ``unknown-key``."""
        return self.key.partition(".")[2]

    def __str__(self) -> str:
        return sentence(self.key, **self.values)


class UsageError(LoaError):
    """The command was called in a way it does not understand (exit code 2)."""

    exit_code = USAGE


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong (or doubtful) in a file of the officer's, at its place.

    ``line`` and ``column`` count from 1, in characters as an editor shows them; ``message`` is a whole
    sentence in the officer's language, with the mend where there is one.
    """

    file: str
    line: int
    column: int
    severity: Literal["error", "warning"]
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.code}: {self.message}"


class ContentError(LoaError):
    """The officer's files have errors; ``problems`` names every one of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        errors = sum(problem.severity == "error" for problem in self.problems)
        super().__init__("errors.content", errors=errors)
