"""What is told of a question: on a screen, as one JSON document, as one table of CSV."""

import io
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from engine.areas import registry as areas
from engine.i18n import sentence
from engine.reports.activities import ActivityReport
from engine.reports.activities_written import activities_csv, show_activities
from engine.reports.as_csv import csv_text
from engine.reports.beside import Beside
from engine.reports.broadcasts import BroadcastReport, show_broadcasts
from engine.reports.dimensions import AREAS
from engine.reports.measured import Measured
from engine.reports.posts import PostReport
from engine.reports.posts_written import posts_csv, show_posts
from engine.reports.report import Report
from engine.reports.screen import console_for

if TYPE_CHECKING:
    from rich.console import Console

_BOM = b"\xef\xbb\xbf"  # so that Excel reads a file of ours as UTF-8; on a pipe it would be a stray character


class Tellable(Protocol):
    """What can be told: as one JSON document, as one table of CSV, or on a screen."""

    def document(self) -> dict[str, Any]:
        """One JSON document."""

    def csv(self, line_end: str = "\n") -> str:
        """One table."""

    def show(self, console: "Console") -> None:
        """Everything, for people."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is told: the reports of deliveries, activities, posts. ``activities`` is None without such files."""

    by: str
    campaign: str
    as_of: datetime
    deliveries: Report | None
    activities: ActivityReport | None
    posts: PostReport | None = None
    broadcasts: BroadcastReport | None = None

    def document(self) -> dict[str, Any]:
        """The contract's document; activities and posts stand in keys of their own, if there are any."""
        by_hand = self.activities.document() if self.activities else {}
        if self.broadcasts is not None:
            by_hand = self.broadcasts.document() | by_hand
        on_pages = self.posts.document() if self.posts and not self.posts.empty else {}
        if self.deliveries is not None:
            return self.deliveries.document() | by_hand | on_pages
        about = {"campaign": self.campaign, "by": self.by, "as_of": self.as_of.isoformat(timespec="seconds")}
        if self.posts is not None:
            return about | self.posts.document()
        return about | (by_hand or {"activities": [], "activity_totals": [], "activities_left_out": 0})

    def csv(self, line_end: str = "\n") -> str:
        """One table: the deliveries', or with ``--what activities`` the other."""
        if self.deliveries is not None:
            return csv_text(self.deliveries, line_end=line_end)
        if self.posts is not None:
            return posts_csv(self.posts, line_end=line_end)
        return activities_csv(self.activities, line_end=line_end) if self.activities else ""

    def show(self, console: "Console") -> None:
        """Deliveries first, then what was read aloud and done by hand, then posts."""
        from engine.reports.as_table import show_table

        registry = areas.load() if set(self.by.split(",")) & set(AREAS) else None
        if self.deliveries is not None:
            show_table(console, self.deliveries, registry)
        elif self.posts is not None and self.posts.empty:
            console.print(sentence("cli_posts.none"))
        elif self.posts is None and (self.activities is None or self.activities.empty):
            console.print(sentence("cli_report.no-activities"))
        if self.broadcasts is not None:
            show_broadcasts(console, self.broadcasts, registry)
        if self.activities is not None:
            show_activities(console, self.activities, registry)
        if self.posts is not None:
            show_posts(console, self.posts, registry)


@dataclass(frozen=True, slots=True)
class ToldDerived:
    """A measure, or two reports side by side."""

    made: Measured | Beside

    def document(self) -> dict[str, Any]:
        """One JSON document."""
        return self.made.document()

    def csv(self, line_end: str = "\n") -> str:
        """One table."""
        from engine.reports.beside_written import beside_csv
        from engine.reports.measured_written import measured_csv

        if isinstance(self.made, Measured):
            return measured_csv(self.made, line_end=line_end)
        return beside_csv(self.made, line_end=line_end)

    def show(self, console: "Console") -> None:
        """The table with its notes."""
        from engine.reports.beside_written import show_beside
        from engine.reports.measured_written import show_measured

        dimensions = self.made.dimensions if isinstance(self.made, Measured) else self.made.this.asked.dimensions
        registry = areas.load() if set(dimensions) & set(AREAS) else None
        if isinstance(self.made, Measured):
            show_measured(console, self.made, registry)
        else:
            show_beside(console, self.made, registry)


def text_content(told: Tellable, form: str) -> bytes:
    """``table``, ``csv`` or ``json`` as the bytes of a file; CSV with a byte order mark and CRLF, as Excel expects."""
    if form == "json":
        return (json.dumps(told.document(), ensure_ascii=False, indent=2) + "\n").encode()
    if form == "csv":
        return _BOM + told.csv("\r\n").encode()
    written = io.StringIO()
    told.show(console_for(written))
    return written.getvalue().encode()
