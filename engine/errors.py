"""The one small family of errors. An error carries a stable code and the officer's sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.i18n import sentence

DONE, USER_CONTENT, USAGE, OUR_BUG = 0, 1, 2, 3


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
