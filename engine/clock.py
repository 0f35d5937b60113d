"""Two kinds of time, and the only module that reads a clock.

The campaign clock rules due times, gates and vendor times; ``LOA_CLOCK`` (an ISO instant) starts it
elsewhere, and it runs on from there. Real and monotonic seconds rule leases, timeouts, back-off and rates, and
nothing turns them but a rehearsal, in which no time passes by itself (``SteppedTime``). Everything below the edges
takes a ``Clock``, ``Seconds`` or an instant as an argument.
"""

import os
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from engine.errors import LoaError

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
_LINUX_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """What the engine needs of a campaign clock."""

    def now(self) -> datetime:
        """The campaign's present instant, aware, in UTC."""
        ...


class Seconds(Protocol):
    """What the engine needs of the machine's seconds."""

    def real(self) -> float:
        """Real seconds since 1970, shared by processes and machines."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        ...

    def boot(self) -> str:
        """Whose monotonic seconds these are: values of two boots, or of two machines, say nothing of each other."""
        ...


class SystemClock:
    """The machine's wall clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(slots=True)
class TurnedClock:
    """A clock that starts at ``start`` and runs on at the real pace; ``turn`` moves it (rehearsals, tests)."""

    start: datetime
    _since: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.turn(self.start)

    def now(self) -> datetime:
        return self.start + timedelta(seconds=time.monotonic() - self._since)

    def turn(self, instant: datetime) -> None:
        """Let ``instant`` (aware) be now."""
        if instant.tzinfo is None:
            raise ValueError("a clock needs an aware instant")
        self.start, self._since = instant.astimezone(UTC), time.monotonic()


@dataclass(slots=True)
class StoppedClock:
    """A clock that stands until it is moved: for tests and for planning at a given time."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant


@dataclass(slots=True)
class SteppedTime:
    """A campaign clock and the machine's seconds in one, standing until they are moved: for rehearsals.

    ``true`` is what the time really is (seconds since 1970), ``ahead`` by how much the machine's wall clock is wrong.
    The campaign clock and real seconds show the wall clock; monotonic seconds follow the true time alone.
    """

    true: float
    ahead: float = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.true + self.ahead, UTC)

    def real(self) -> float:
        return self.true + self.ahead

    def monotonic(self) -> float:
        return self.true

    def boot(self) -> str:
        return "stepped"

    def pass_to(self, true: float) -> None:
        """Let ``true`` be now; ``ValueError`` for an instant that has passed."""
        if true < self.true:
            raise ValueError("time does not go back; a wall clock does: ``ahead``")
        self.true = true


class MachineSeconds:
    """The seconds of this machine."""

    def real(self) -> float:
        return real()

    def monotonic(self) -> float:
        return monotonic()

    def boot(self) -> str:
        return boot()


def monotonic() -> float:
    """Seconds that only ever grow; for leases, timeouts, back-off and rates."""
    return time.monotonic()


@cache
def boot() -> str:
    """An id of this machine's present boot, which monotonic seconds count from.

    Linux names it. Where nobody does it is this process's own: monotonic seconds are then compared within it only.
    """
    try:
        return _LINUX_BOOT.read_text(encoding="ascii").strip() or uuid.uuid4().hex
    except (OSError, ValueError):
        return uuid.uuid4().hex


def parse_instant(text: str) -> datetime:
    """An ISO instant in UTC; without an offset it is Vietnamese local time.

    Raises ``LoaError`` (``errors.bad-instant``) for anything else.
    """
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        raise LoaError("errors.bad-instant", text=text) from None
    return (instant if instant.tzinfo else instant.replace(tzinfo=VIETNAM)).astimezone(UTC)


def campaign_clock() -> Clock:
    """The process's campaign clock: the machine's, unless ``LOA_CLOCK`` starts it elsewhere."""
    turned = os.environ.get("LOA_CLOCK", "").strip()
    return TurnedClock(parse_instant(turned)) if turned else SystemClock()


def real() -> float:
    """Real seconds since 1970, shared by processes and machines; nothing turns it. For leases and rates."""
    return time.time()
