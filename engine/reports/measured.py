"""What is derived from the figures and the rows: one table, whatever the measure, and the names of its columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from engine.reports.counting import Keys
from engine.reports.definitions import DEFINITIONS
from engine.reports.dimensions import OF_RUNS, By, source_of
from engine.reports.publication import Publication
from engine.reports.report import key_document

Measure = Literal["coverage", "delay", "reasons", "cost", "opt-outs"]
# Measure → its columns, in order. docs/metrics.md says what each of them means.
MEASURES: dict[Measure, tuple[str, ...]] = {
    "coverage": ("people_targeted", "people_addressed", "people_reached", "coverage_rate"),
    "delay": (
        "delivered", "delay_median_s", "delay_median_from_s", "delay_median_to_s", "delay_p95_s", "delay_p95_from_s",
        "delay_p95_to_s",
    ),
    "reasons": ("status", "reason", "deliveries", "share"),
    "cost": ("delivered", "segments", "cost_vnd", "cost_per_delivered_vnd"),
    "opt-outs": ("delivered", "opt_outs", "opt_outs_per_1000"),
}  # fmt: skip
Values = Mapping[str, int | float | str | None]


def measurable(what: Measure, dimensions: tuple[By, ...]) -> bool:
    """Whether a measure can be told along these dimensions; without any, each can."""
    if what == "coverage":
        return dimensions in ((), ("district",), ("commune",))
    if what in ("delay", "reasons"):
        return all(by in OF_RUNS for by in dimensions)
    return not dimensions or source_of(dimensions) is not None


def publishable(what: Measure, dimensions: tuple[By, ...], *, cut: object = None) -> bool:
    """Whether a measure may leave the office along these dimensions, of all days or (``cut``) of some.

    People (coverage) are told of the whole campaign only, what they asked for (opt-outs) of no area; cost follows from
    published figures. docs/publication.md says why.
    """
    if what == "coverage":
        return dimensions == () and not cut
    return what == "cost" or all(by in OF_RUNS for by in dimensions)


@dataclass(frozen=True, slots=True)
class MeasuredRow:
    """One line: the values of the dimensions, and those of the measure's columns."""

    keys: Keys
    values: Values


@dataclass(frozen=True, slots=True)
class Measured:
    """One measure of one or several campaigns. ``more`` stands beside the rows in JSON.

    ``retired``: runs whose rows are gone by their retention, where the measure would need them (then it is None).
    """

    what: Measure
    campaign: str
    dimensions: tuple[By, ...]
    as_of: datetime
    rows: tuple[MeasuredRow, ...]
    totals: Values
    more: Mapping[str, Any] = field(default_factory=dict)
    retired: int = 0
    published: Publication | None = None  # in whose units, and of whose runs; None: exact figures, for the office
    frozen: str | None = None  # the id under which these figures are kept

    @property
    def columns(self) -> tuple[str, ...]:
        """The measure's columns."""
        return MEASURES[self.what]

    def document(self) -> dict[str, Any]:
        """As JSON; ``definitions`` says by which book it was counted."""
        document = {
            "campaign": self.campaign,
            "what": self.what,
            "by": ",".join(self.dimensions) or None,
            "as_of": self.as_of.isoformat(timespec="seconds"),
            "definitions": DEFINITIONS,
            "rows": [key_document(self.dimensions, row.keys) | dict(row.values) for row in self.rows],
            "totals": dict(self.totals),
            "retired_runs": self.retired,
            **self.more,
        }
        # exact figures are as they were before there were published ones: a document's keys are a contract
        document |= {"published": True} if self.published is not None else {}
        return document | ({"frozen": self.frozen} if self.frozen else {})
