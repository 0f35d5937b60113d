"""The ledger: one JSON line for every message accepted, written before the message is answered.

It is a test instrument. Unlike anything else the engine writes it holds phone numbers and texts, so that a
test can compare what arrived with what was reported; its mode is 0600. Use it with synthetic people only.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.errors import LoaError, reason_of
from engine.sandbox.messages import Message, MessageLog

_BINARY = getattr(os, "O_BINARY", 0)  # Windows would write \r\n


class Ledger:
    """An append-only file. Opening it replays what it holds into ``log``, so a killed server comes back whole.

    Raises ``LoaError``: ``sandbox.ledger-unusable`` (cannot be opened or read), ``sandbox.ledger-line`` (a
    line that is no ledger line). A torn last line, the trace of a kill in mid-write, was never answered and is
    cut off.
    """

    def __init__(self, path: Path, log: MessageLog) -> None:
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _BINARY, 0o600)
            if hasattr(os, "fchmod"):
                os.fchmod(self._file, 0o600)
            self._size = self._replay(path, log)
            os.ftruncate(self._file, self._size)
        except OSError as error:
            raise LoaError("sandbox.ledger-unusable", file=path, why=reason_of(error)) from error

    def _replay(self, path: Path, log: MessageLog) -> int:
        """Add every whole line to ``log``; gives the length of the file up to the last whole line."""
        whole = 0
        with path.open("rb") as opened:
            for number, line in enumerate(opened, 1):
                if not line.endswith(b"\n"):
                    break
                try:
                    log.add(_message(json.loads(line), log))
                except (ValueError, KeyError, TypeError):
                    raise LoaError("sandbox.ledger-line", file=path, line=number) from None
                whole += len(line)
        return whole

    def write(self, message: Message) -> None:
        """Hand the line to the operating system. Raises ``OSError`` and leaves no part of it when that fails.

        One system call, about 20 µs with the JSON, and it outlives a kill of the process; a power cut is not
        this file's business.
        """
        line = (json.dumps(_line(message), ensure_ascii=False) + "\n").encode()
        try:
            written = os.write(self._file, line)
            if written != len(line):  # the disk is full: a half line would spoil every line after it
                raise OSError(28, os.strerror(28))
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += written

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def _line(message: Message) -> dict[str, Any]:
    instant = datetime.fromtimestamp(message.created_ms // 1000, UTC)
    return {
        "sid": message.sid,
        "to": message.to,
        "from": message.sender,
        "body": message.body,
        "at": instant.replace(microsecond=message.created_ms % 1000 * 1000).isoformat(timespec="milliseconds"),
        "status_callback": message.callback,
        "validity": message.validity,
        "account": message.account,
        "messaging_service": message.service,
    }


def _message(line: dict[str, Any], log: MessageLog) -> Message:
    instant = datetime.fromisoformat(line["at"])
    return Message(
        sid=line["sid"],
        account=line["account"],
        to=line["to"],
        sender=line["from"],
        service=line["messaging_service"],
        body=line["body"],
        created_ms=int(instant.replace(microsecond=0).timestamp()) * 1000 + instant.microsecond // 1000,
        callback=line["status_callback"],
        validity=line["validity"],
        trait=log.model.trait(line["to"]),
        place=len(log),
    )
