"""All figures of an official report, gathered once; its sentences, tables and pictures are made of these alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeAlias

from engine.content.campaign import Campaign
from engine.content.organisation import Organisation, ReportHeading
from engine.reports.activities import ActivityReport
from engine.reports.as_table import marks
from engine.reports.broadcasts import BroadcastReport
from engine.reports.dimensions import By
from engine.reports.figures import Figures
from engine.reports.measured import Measured
from engine.reports.posts import PostReport
from engine.reports.report import Report

Ask: TypeAlias = Callable[[By], Report]


class Reason(NamedTuple):
    """Why deliveries failed, in an officer's words, and how many."""

    words: str
    deliveries: int


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the report says. ``reasons``: the most frequent first."""

    keys: tuple[str, ...]
    campaigns: tuple[Campaign, ...]  # as approved; may lack those of which neither file nor run is left
    hotlines: tuple[str, ...]
    organisation: Organisation
    heading: ReportHeading
    districts: Report
    communes: Report
    days: Report
    channels: Report
    activities: ActivityReport | None = None  # by district
    reasons: tuple[Reason, ...] = ()
    apart: tuple[Report, ...] = ()  # of two campaigns: each by itself, by district
    posts: PostReport | None = None  # by district
    broadcasts: BroadcastReport | None = None  # by district
    measures: tuple[Measured, ...] = ()  # each of the whole campaign

    @property
    def marks(self) -> list[str]:
        """What stands below every page: the threshold of publication units, and the id of a frozen report."""
        return marks(self.districts)

    @property
    def totals(self) -> Figures:
        """Of the whole report."""
        return self.days.totals

    @property
    def as_of(self) -> datetime:
        """The instant of the figures, in local time."""
        return self.districts.as_of

    @property
    def titles(self) -> tuple[str, ...]:
        """What the campaigns are called; a key where nothing else is known."""
        known = {one.key: one.title for one in self.campaigns}
        return tuple(known.get(key, key) for key in self.keys)


def gather(
    ask: Ask,
    keys: Sequence[str],
    campaigns: Sequence[Campaign],
    hotlines: Sequence[str],
    organisation: Organisation,
    heading: ReportHeading,
    *,
    activities: ActivityReport | None = None,
    reasons: Sequence[Reason] = (),
    apart: Sequence[Report] = (),
    posts: PostReport | None = None,
    broadcasts: BroadcastReport | None = None,
    measures: Sequence[Measured] = (),
) -> Gathered:
    """Ask for each dimension once. ``ask`` gives the report along one: what is passed on, by publication units."""
    return Gathered(
        tuple(keys), tuple(campaigns), tuple(hotlines), organisation, heading,
        ask("district"), ask("commune"), ask("day"), ask("channel"), activities, tuple(reasons), tuple(apart),
        posts, broadcasts, tuple(measures),
    )  # fmt: skip
