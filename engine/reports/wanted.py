"""What somebody asks of a report, in their own words, and which of it means something. Pure."""

from dataclasses import dataclass
from datetime import date
from typing import Literal, cast

from engine.areas.area import Era
from engine.errors import UsageError
from engine.reports.activities import ACTIVITY_DIMENSIONS
from engine.reports.dimensions import AREAS, OF_RUNS, By, read_by
from engine.reports.measured import MEASURES, Measure, measurable, publishable
from engine.reports.posts import POST_DIMENSIONS

Part = Literal["all", "deliveries", "activities", "posts"]
PARTS: tuple[Part, ...] = ("all", "deliveries", "activities", "posts")
WHATS = (*PARTS, *MEASURES)
ONLY_ACTIVITIES = ("kind", "unit")  # dimensions that deliveries do not have
DEFAULT: By = "district"  # along what a frozen report is told where nobody says


@dataclass(frozen=True, slots=True)
class Wanted:
    """The words of one question. ``campaigns`` are names as they were typed, ``frozen`` the id of a frozen report.

    ``since`` and ``until`` are local dates on which runs were due, both included.
    """

    campaigns: tuple[str, ...]
    by: str | None = None
    what: str | None = None
    era: Era = "2025"
    since: date | None = None
    until: date | None = None
    beside: str | None = None
    publish: bool = False
    frozen: str | None = None

    @property
    def derived(self) -> str | None:
        """The measure that is asked for, or ``beside``; None for a report itself."""
        return self.what if self.what in MEASURES else "beside" if self.beside is not None else None

    @property
    def along(self) -> str | None:
        """The dimensions as they were typed; of a frozen report, what it is told along where nobody says."""
        return self.by or (DEFAULT if self.frozen is not None else None)


def check_told(wanted: Wanted) -> None:
    """Raises ``UsageError`` for words that mean nothing together, before anything is opened."""
    if wanted.derived:
        derived_dimensions(wanted)
        return
    by = wanted.along
    if by is None:
        raise ValueError("a report has a dimension")
    if part_of(wanted.what, by) != "activities" and not wanted.campaigns and wanted.frozen is None:
        raise UsageError("cli_report.which-campaign")


def part_of(what: str | None, by: str) -> Part:
    """What is told along ``by``. Kinds and units are of activities alone, sender and the like of deliveries alone.

    Raises ``UsageError`` for a part that has no such dimension.
    """
    if by in ONLY_ACTIVITIES:
        if what == "deliveries":
            raise UsageError("cli_report.only-activities", by=by)
        return "activities"
    if what == "posts" and by not in POST_DIMENSIONS:
        raise UsageError("cli_report.not-of-posts", by=by, choices=", ".join(POST_DIMENSIONS))
    if what == "activities" and by not in ACTIVITY_DIMENSIONS:
        raise UsageError("cli_report.only-deliveries", by=by, choices=", ".join(ACTIVITY_DIMENSIONS))
    return cast("Part", what or "all")


def derived_dimensions(wanted: Wanted) -> tuple[By, ...]:
    """Along what a measure, or two reports side by side, are told. Raises ``UsageError`` for what they cannot be."""
    dimensions = read_by(wanted.by) if wanted.by is not None else ()
    if dimensions is None:
        raise UsageError("cli_report.only-activities", by=wanted.by)
    measure = next((one for one in MEASURES if one == wanted.what), None)
    if measure is not None and not measurable(measure, dimensions):
        choices = ("district", "commune") if measure == "coverage" else OF_RUNS
        raise UsageError("cli_report.not-measured", what=measure, by=wanted.by, choices=", ".join(choices))
    if not wanted.campaigns and wanted.frozen is None:
        raise UsageError("cli_report.which-campaign")
    if wanted.beside is not None:
        if wanted.what not in (None, "all", "deliveries"):
            raise UsageError("cli_report.beside-deliveries", what=wanted.what)
        if not dimensions:
            raise UsageError("cli_report.beside-needs-by")
    if wanted.publish:
        _check_published(wanted, measure, dimensions)
    return dimensions


def _check_published(wanted: Wanted, measure: Measure | None, dimensions: tuple[By, ...]) -> None:
    if measure is None:  # beside: words that both campaigns have are told together in each in its own way
        if set(dimensions) - {*AREAS, *OF_RUNS}:
            choices = ", ".join((*AREAS, *OF_RUNS))
            raise UsageError("cli_report.beside-not-published", by=wanted.by, choices=choices)
    elif not publishable(measure, dimensions, cut=wanted.since or wanted.until):
        if measure == "coverage":
            raise UsageError("cli_report.coverage-whole")
        raise UsageError("cli_report.not-published", what=measure, by=wanted.by, choices=", ".join(OF_RUNS))
