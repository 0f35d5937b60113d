"""What goes wrong on purpose in a rehearsal: power cuts, senders that nobody can reach, a wall clock that jumps.

Instants are true ones: what the time really is, whatever the machine's clock says.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from engine.clock import VIETNAM, parse_instant
from engine.content.values import read_date, read_duration
from engine.errors import LoaError, UsageError

_SHORT = {"h": "hours", "m": "minutes", "s": "seconds", "d": "days"}
_JUMP = re.compile(r"(?P<at>.+?)\s+(?P<sign>[+\-−±])\s*(?P<by>\d.*)")
_SHORT_LENGTH = re.compile(r"(\d+)\s*([hmsd])")
_LOCAL = re.compile(r"(?P<day>\d{1,2}/\d{1,2}/\d{4})(?:\s+(?P<hour>\d{1,2}):(?P<minute>\d{2}))?")


@dataclass(frozen=True, slots=True)
class Outage:
    """The whole process is dead from ``start`` to ``end``, or one ``sender`` cannot be reached."""

    start: datetime
    end: datetime
    sender: str | None = None


@dataclass(frozen=True, slots=True)
class ClockJump:
    """The machine's wall clock is moved by ``by`` at ``at``, and stays wrong until it is moved again."""

    at: datetime
    by: timedelta


@dataclass(frozen=True, slots=True)
class Faults:
    """All that goes wrong in one rehearsal. Times below are seconds since 1970, true ones."""

    outages: tuple[Outage, ...] = ()
    jumps: tuple[ClockJump, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.outages or self.jumps)

    def down_until(self, true: float) -> float | None:
        """When the process comes back that is dead at ``true``; None while it lives."""
        return self._until(true, None)

    def unreachable(self, sender: str, true: float) -> bool:
        """Whether nobody can reach ``sender`` at that time."""
        return self._until(true, sender) is not None

    def _until(self, true: float, sender: str | None) -> float | None:
        ends = [
            outage.end.timestamp()
            for outage in self.outages
            if outage.sender == sender and outage.start.timestamp() <= true < outage.end.timestamp()
        ]
        return max(ends, default=None)

    def jump(self, after: float, until: float) -> float:
        """By how many seconds the wall clock is moved after ``after`` up to and with ``until``."""
        return sum(jump.by.total_seconds() for jump in self.jumps if after < jump.at.timestamp() <= until)

    def next_change(self, true: float) -> float | None:
        """The next instant after ``true`` at which anything begins, ends or jumps."""
        return min((at for at in self._changes() if at > true), default=None)

    def _changes(self) -> Iterator[float]:
        for outage in self.outages:
            yield outage.start.timestamp()
            yield outage.end.timestamp()
        for jump in self.jumps:
            yield jump.at.timestamp()


def read_faults(outages: Sequence[str], jumps: Sequence[str], senders: Sequence[str]) -> Faults:
    """Faults as they are written on the command line; local time where no offset is given.

    ``[SENDER: ]FROM..TO`` and ``TIME ±LENGTH`` (``+1h``, ``-90 minutes``). Raises ``UsageError``.
    """
    return Faults(tuple(_outage(text, senders) for text in outages), tuple(_jump(text) for text in jumps))


def _outage(text: str, senders: Sequence[str]) -> Outage:
    named, colon, rest = text.partition(":")
    sender = named.strip() if colon and (named.strip() in senders or not named.strip()[:1].isdigit()) else None
    if sender is not None and sender not in senders:
        raise UsageError("rehearse.unknown-sender", sender=sender, known=", ".join(sorted(senders)))
    start, dots, end = (rest if sender is not None else text).partition("..")
    if not dots:
        raise UsageError("rehearse.bad-outage", text=text)
    try:
        found = Outage(_instant(start), _instant(end), sender)
    except LoaError:
        raise UsageError("rehearse.bad-outage", text=text) from None
    if found.end <= found.start:
        raise UsageError("rehearse.outage-backwards", text=text)
    return found


def _jump(text: str) -> ClockJump:
    found = _JUMP.fullmatch(text.strip())
    if found is None or found["sign"] == "±":
        raise UsageError("rehearse.bad-jump", text=text)
    short = _SHORT_LENGTH.fullmatch(found["by"].strip())
    try:
        length = timedelta(**{_SHORT[short[2]]: int(short[1])}) if short else read_duration(found["by"])
        return ClockJump(_instant(found["at"]), length if found["sign"] == "+" else -length)
    except (LoaError, OverflowError):
        raise UsageError("rehearse.bad-jump", text=text) from None


def _instant(text: str) -> datetime:
    local = _LOCAL.fullmatch(text.strip())
    if local is None:
        return parse_instant(text)
    try:
        at = time(int(local["hour"] or 0), int(local["minute"] or 0))
    except ValueError:
        raise LoaError("errors.bad-instant", text=text) from None
    return datetime.combine(read_date(local["day"]), at, VIETNAM)
