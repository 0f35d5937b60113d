"""Log lines for the people who run the machine: to stderr, with nothing that names a person.

Redaction is one processor, the last before printing: whatever looks like a number somebody could be
called on, or a secret, is masked even when a caller forgot. Code still must not log names.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

# Seven digits in a row or more (spaces, dots, dashes between them allowed) is treated as a phone number,
# unless it is plainly part of a longer word such as a vendor's id.
_NUMBER = re.compile(r"(?<![0-9A-Za-z])\+?\d(?:[ .\-()]?\d){6,}(?![0-9A-Za-z])")
_SECRET = re.compile(
    r"(?i)\b(token|secret|password|authorization|auth|key|sig|signature)(\"?'?\s*[=:]\s*\"?'?)[^\s\"'&,;]+"
)


def redact(text: str) -> str:
    """``text`` with phone numbers and secrets masked."""
    return _NUMBER.sub("[số]", _SECRET.sub(r"\1\2[mật]", text))


def _redact_values(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in line.items():
        if key == "timestamp" or isinstance(value, int | float | bool | None):
            continue
        line[key] = redact(value if isinstance(value, str) else repr(value))
    return line


def configure(level: int = logging.INFO) -> None:
    """Send log lines to stderr as ``key=value``; call once at the edge."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact_values,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def get(room: str) -> Any:
    """The logger of a room."""
    return structlog.get_logger(room=room)
