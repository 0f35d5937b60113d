"""Rows that were not imported, kept beside the list: its own columns and the reason, to be mended and sent again."""

import csv
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from engine.errors import LoaError, reason_of
from engine.i18n import language
from engine.pipeline.contact_columns import REASON_HEADERS, Columns

_ADDRESS = re.compile(r"[^\s@,;<>\"]+@[^\s@,;<>\"]+")


class RejectedFile:
    """``<file>.rejected.csv``: UTF-8 with BOM (Excel needs it), readable by its owner only.

    Written under another name and put in place at the end, so a broken import leaves the last one as it was.
    """

    def __init__(self, listed: Path, columns: Columns, separator: str) -> None:
        self.path = listed.with_name(f"{listed.name}.rejected.csv")
        self._part = listed.with_name(f"{listed.name}.rejected.csv.part")
        self._columns, self._separator = columns, separator
        self._email = columns.places.get("email")
        self._opened: TextIO | None = None
        self._rows = 0

    def open(self) -> None:
        """Begin the file, while nothing is stored yet. Raises ``LoaError`` (``contacts.cannot-write``)."""
        try:
            with suppress(FileNotFoundError):
                self._part.unlink()
            handle = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise LoaError("contacts.cannot-write", file=self.path, reason=reason_of(error)) from None
        self._opened = os.fdopen(handle, "w", encoding="utf-8-sig", errors="replace", newline="")
        self._writer = csv.writer(self._opened, delimiter=self._separator)
        self._write(self._columns.header, REASON_HEADERS[language()])

    def add(self, cells: Sequence[str], reasons: Sequence[str]) -> None:
        """Keep one row with why it was rejected, without e-mail addresses: they stay in the list alone."""
        kept = list(cells)
        if self._email is not None:
            kept = [_ADDRESS.sub("", cell) for cell in kept]  # shifted columns and open quotes put them anywhere
            kept[self._email : self._email + 1] = [""] if self._email < len(kept) else []
        self._write(kept, " ".join(reasons))
        self._rows += 1

    def _write(self, cells: Sequence[str], reason: str) -> None:
        kept = list(cells) + [""] * (len(self._columns.header) - len(cells))
        if self._columns.reason is not None:
            del kept[self._columns.reason]
        try:
            self._writer.writerow([*kept, reason])
        except OSError as error:
            raise LoaError("contacts.rejected-full", file=self.path, reason=reason_of(error)) from None

    def close(self, *, keep: bool) -> Path | None:
        """Put the file in place (``keep``) or throw it away; without rejected rows an earlier one goes too."""
        if self._opened is None:
            return None
        try:
            self._opened.close()
            if keep and self._rows:
                self._part.replace(self.path)
                return self.path
            self._part.unlink()
            if keep:
                self.path.unlink(missing_ok=True)
        except OSError as error:
            if keep:
                raise LoaError("contacts.rejected-full", file=self.path, reason=reason_of(error)) from None
        return None
