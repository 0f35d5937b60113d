"""What loudspeakers did: asked, confirmed, broadcasts, minutes and communes covered, along one dimension.

A block beside the deliveries' figures: a delivery is the message with the link, a broadcast is what was read aloud.
Two relays of a commune who each read a script are two broadcasts, and one commune.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from rich.console import Console
from sqlalchemy import Row

from engine.areas.registry import Registry
from engine.clock import VIETNAM
from engine.i18n import number, sentence
from engine.reports import places
from engine.reports.places import Place
from engine.reports.report import Asked
from engine.reports.screen import plain_table
from engine.store import broadcasts
from engine.store.database import Database

DIMENSIONS = ("district", "commune", "step", "day")
COUNTS = ("planned", "confirmed", "times", "minutes", "communes_planned", "communes")


class Heard(NamedTuple):
    """Figures of some broadcasts. ``minutes`` = those of the script × how often it was read."""

    planned: int = 0
    confirmed: int = 0
    times: int = 0
    minutes: int = 0
    communes_planned: int = 0
    communes: int = 0

    def document(self) -> dict[str, int]:
        """The figures by name (``COUNTS``)."""
        return self._asdict()


@dataclass(slots=True)
class Counting:
    """Figures while they are counted: a commune counts once, however many of its relays read."""

    planned: int = 0
    confirmed: int = 0
    times: int = 0
    minutes: int = 0
    asked: set[object] = field(default_factory=set, repr=False)
    covered: set[object] = field(default_factory=set, repr=False)

    def add(self, row: Row[Any], commune: object) -> None:
        """Count one broadcast, of a relay in ``commune``."""
        self.planned += 1
        self.asked.add(commune)
        if row.times is not None:
            self.confirmed += 1
            self.times += row.times
            self.minutes += row.times * row.minutes
            self.covered.add(commune)

    @property
    def heard(self) -> Heard:
        """What came of it."""
        return Heard(self.planned, self.confirmed, self.times, self.minutes, len(self.asked), len(self.covered))


@dataclass(frozen=True, slots=True)
class BroadcastReport:
    """Lines in their settled order (none for a dimension that broadcasts do not have), and all of it together."""

    by: str
    lines: tuple[tuple[Place | str, Heard], ...]
    totals: Heard

    def document(self) -> dict[str, Any]:
        """What stands under ``loudspeaker`` of the report's document."""
        name = "area" if self.by in ("district", "commune") else self.by
        rows = [
            {name: key.document() if isinstance(key, Place) else key} | heard.document() for key, heard in self.lines
        ]
        return {"loudspeaker": {"rows": rows, "totals": self.totals.document()}}


def make_broadcast_report(database: Database, registry: Callable[[], Registry], asked: Asked) -> BroadcastReport | None:
    """The broadcasts of ``asked.campaigns`` on the days asked for; None without any.

    A broadcast counts on the local day for which it was planned. A cancelled run's broadcasts count only where they
    were read all the same.
    """
    with database.read() as connection:
        rows = [row for key in asked.campaigns for row in broadcasts.of_campaign(connection, key)]
    rows = [row for row in rows if _within(asked, _day(row)) and (not row.called_off or row.times is not None)]
    if not rows:
        return None
    key_of = _key(registry, asked, several=len(asked.campaigns) > 1)
    totals, lines = Counting(), dict[Place | str, Counting]()
    for row in rows:
        commune = (row.era, row.commune)
        totals.add(row, commune)
        if key_of is not None:
            lines.setdefault(key_of(row), Counting()).add(row, commune)
    found = _in_order((key, counted.heard) for key, counted in lines.items())
    return BroadcastReport(asked.by, tuple(found), totals.heard)


def _key(registry: Callable[[], Registry], asked: Asked, *, several: bool) -> Callable[[Row[Any]], Place | str] | None:
    if asked.by in ("district", "commune"):
        fold = places.districts(registry()) if asked.by == "district" else places.communes(registry(), asked.era)
        return lambda row: fold(row.era, row.commune)
    if asked.by == "step":
        return lambda row: f"{row.campaign}/{row.step}" if several else str(row.step)
    if asked.by == "day":
        return lambda row: _day(row).isoformat()
    return None


def _day(row: Row[Any]) -> date:
    found: date = row.planned_at.astimezone(VIETNAM).date()
    return found


def _within(asked: Asked, day: date) -> bool:
    return (asked.since is None or day >= asked.since) and (asked.until is None or day <= asked.until)


def _in_order(lines: Iterable[tuple[Place | str, Heard]]) -> list[tuple[Place | str, Heard]]:
    return sorted(lines, key=lambda line: line[0].order if isinstance(line[0], Place) else (False, line[0]))


def labels(report: BroadcastReport, registry: Registry | None) -> list[str]:
    """What stands at the beginning of each line; ``registry`` tells places of one name apart."""
    found = [key for key, _ in report.lines if isinstance(key, Place)]
    by_place = places.labels(registry, found) if registry is not None else {}
    return [by_place.get(key, key.name) if isinstance(key, Place) else _word(report.by, key) for key, _ in report.lines]


def _word(by: str, key: str) -> str:
    return "/".join(reversed(key.split("-"))) if by == "day" else key


def show_broadcasts(console: Console, report: BroadcastReport, registry: Registry | None) -> None:
    """Print the lines, then the totals; ``registry`` is needed for areas."""
    if report.lines:
        console.print(sentence("reports.broadcasts-title", dimension=sentence(f"reports.by-{report.by}")))
        table = plain_table()
        table.add_column("")
        _columns(table)
        for name, (_, heard) in zip(labels(report, registry), report.lines, strict=True):
            table.add_row(name, *_figures(heard))
        console.print(table)
    console.print(sentence("reports.broadcasts-total"))
    table = plain_table()
    _columns(table)
    table.add_row(*_figures(report.totals))
    console.print(table)


def head_of(name: str) -> str:
    """What stands above a figure."""
    return sentence(f"reports.broadcasts-{name.replace('_', '-')}")


def _columns(table: Any) -> None:
    for name in COUNTS:
        table.add_column(head_of(name), justify="right")


def _figures(heard: Heard) -> list[str]:
    return [number(value) for value in heard.document().values()]
