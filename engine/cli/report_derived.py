"""``loa report --what coverage`` and its like, and ``--beside``: figures derived, or set beside others."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, cast

from engine.areas import registry as areas
from engine.areas.area import Era
from engine.errors import UsageError
from engine.pipeline.process import opened
from engine.reports import campaigns as keys
from engine.reports.beside import Beside, other_year
from engine.reports.dimensions import AREAS, OF_RUNS, By, read_by
from engine.reports.measured import MEASURES, Measure, Measured, measurable
from engine.reports.measures import measure
from engine.reports.report import Asked, make_report
from engine.reports.tally_queries import campaigns_with_runs, runs_of
from engine.settings import from_environment

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class ToldDerived:
    """A measure, or two reports side by side."""

    made: Measured | Beside

    def document(self) -> dict[str, Any]:
        """One JSON document."""
        return self.made.document()

    def csv(self, line_end: str = "\n") -> str:
        """One table."""
        from engine.reports.measured_written import beside_csv, measured_csv

        if isinstance(self.made, Measured):
            return measured_csv(self.made, line_end=line_end)
        return beside_csv(self.made, line_end=line_end)

    def show(self, console: "Console") -> None:
        """The table with its notes."""
        from engine.reports.measured_written import show_beside, show_measured

        dimensions = self.made.dimensions if isinstance(self.made, Measured) else self.made.this.asked.dimensions
        registry = areas.load() if set(dimensions) & set(AREAS) else None
        if isinstance(self.made, Measured):
            show_measured(console, self.made, registry)
        else:
            show_beside(console, self.made, registry)


@dataclass(frozen=True, slots=True)
class Derived:
    """What the officer asked for on the command line."""

    campaigns: tuple[str, ...]
    by: str | None
    what: str | None
    era: Era
    since: date | None
    until: date | None
    beside: str | None

    def told(self) -> ToldDerived:
        """Work it out. Raises ``UsageError`` for what cannot be told along these dimensions."""
        dimensions = self._dimensions()
        if not self.campaigns:
            raise UsageError("cli_report.which-campaign")
        if self.beside is not None and self.what not in (None, "all", "deliveries"):
            raise UsageError("cli_report.beside-deliveries", what=self.what)
        with opened(settings := from_environment()) as process:
            with process.database.read() as connection:
                known = [*keys.in_folder(settings.workspace), *campaigns_with_runs(connection)]
            chosen, now = keys.chosen(self.campaigns, known), process.clock.now()
            first = dimensions[0] if dimensions else "campaign"
            asked = Asked(chosen, first, self.era, self.since, self.until, *dimensions[1:])
            if self.beside is None:
                what = cast("Measure", self.what)
                made = measure(process.database, areas.load, process.snapshot, what, asked, dimensions, now)
                return ToldDerived(made)
            [other] = keys.chosen([self.beside], known)
            with process.database.read() as connection:
                mine, theirs = runs_of(connection, chosen), runs_of(connection, (other,))
            years = theirs[0].due.year - mine[0].due.year if mine and theirs else 0
            reports = (
                make_report(process.database, areas.load, process.snapshot, one, now)
                for one in (asked, other_year(asked, other, years))
            )
            return ToldDerived(Beside(*reports))

    def _dimensions(self) -> tuple[By, ...]:
        dimensions = read_by(self.by) if self.by is not None else ()
        if dimensions is None:
            raise UsageError("cli_report.only-activities", by=self.by)
        if self.what in MEASURES and not measurable(self.what, dimensions):
            choices = ("district", "commune") if self.what == "coverage" else OF_RUNS
            raise UsageError("cli_report.not-measured", what=self.what, by=self.by, choices=", ".join(choices))
        return dimensions
