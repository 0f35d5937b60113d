"""Log lines for the people who run the machine: to stderr, with nothing that names a person.

Redaction is one processor, the last before printing: whatever looks like a number somebody could be
called on, an e-mail address, or a secret, is masked even when a caller forgot. Code still must not log names.
"""

import logging
import os
import re
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

# structlog imports its renderer for developers in any case, and that one rich where it finds it: 0.1 s of every command
# for what is not used here. So it finds none.
_rich = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment]
try:
    import structlog
finally:
    if _rich is None:
        del sys.modules["rich"]
    else:
        sys.modules["rich"] = _rich

LARGEST = 5_000_000  # bytes of a log file before it is put aside

# Seven digits in a row or more (spaces, dots, dashes between them allowed) is treated as a phone number,
# unless it is plainly part of a longer word such as a vendor's id.
_NUMBER = re.compile(r"(?<![0-9A-Za-z])\+?\d(?:[ .\-()]?\d){6,}(?![0-9A-Za-z])")
# The day of a run or of a file, as their names have it: mo-dau-2027-07-16, lang-son-30-7-2027-07-16-1. A second part of
# at most one digit, and a day and month before it only behind a word: eleven digits or ten that begin with 2 would be
# somebody's line otherwise. Whatever else stands in the same row of digits masks the whole of it.
_DAY = r"20[2-9]\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:-\d)?"
_DATED = re.compile(_DAY)
_DATED_NAME = re.compile(rf"(?:[12]\d|3[01]|0?[1-9])-(?:1[0-2]|0?[1-9])-{_DAY}")
_BEHIND_A_WORD = re.compile(r"[a-z]-\Z")
_ADDRESS = re.compile(r"[^\s@/:<>\"'(),;=]+@[^\s@/:<>\"'(),;=]+\.[^\s@/:<>\"'(),;=]+")
_SECRET = re.compile(
    r"(?i)\b(token|secret|password|authorization|auth|key|sig|signature)(\"?'?\s*[=:]\s*\"?'?)[^\s\"'&,;]+"
)


def redact(text: str) -> str:
    """``text`` with phone numbers, e-mail addresses and secrets masked."""
    return _NUMBER.sub(_masked, _ADDRESS.sub("[thư]", _SECRET.sub(r"\1\2[mật]", text)))


def _masked(found: re.Match[str]) -> str:
    """The mask, or the digits themselves where they are the day in the name of a run."""
    if _DATED.fullmatch(found[0]):
        return found[0]
    before = found.string[max(0, found.start() - 2) : found.start()]
    return found[0] if _BEHIND_A_WORD.match(before) and _DATED_NAME.fullmatch(found[0]) else "[số]"


def _redact_values(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in line.items():
        if key == "timestamp" or isinstance(value, int | float | bool | None):
            continue
        line[key] = redact(value if isinstance(value, str) else repr(value))
    return line


class _Stderr:
    """Whatever stderr is when a line is written: who replaces it for a while must not leave us with a closed one."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure(level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send log lines to stderr (or ``stream``) as ``key=value``; call once at the edge."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact_values,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", stream or _Stderr())),
        # What is cached would outlive the stream, and a command's own level the command.
        cache_logger_on_first_use=stream is None and level == logging.INFO,
    )


@contextmanager
def to_file(path: Path) -> Iterator[None]:
    """Send log lines to a file instead, for commands whose stderr is a person's (or cron's letter to one).

    One file of at most ``LARGEST`` bytes is kept beside it. Where it cannot be written there are no lines.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists() and path.stat().st_size > LARGEST:
            path.replace(path.with_suffix(".old.log"))
        path.touch()
    except OSError:
        path = Path(os.devnull)
    with path.open("a", encoding="utf-8", buffering=1) as stream:
        configure(stream=stream)
        try:
            yield
        finally:
            structlog.reset_defaults()


def get(room: str) -> Any:
    """The logger of a room."""
    return structlog.get_logger(room=room)
