"""One question, asked of one process: gives the report along any dimension, exact, in publication units or frozen."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from engine.areas import registry as areas
from engine.areas.area import Era
from engine.clock import VIETNAM
from engine.pipeline.process import Process
from engine.reports import campaigns as keys
from engine.reports import freezing
from engine.reports.activities import ACTIVITY_DIMENSIONS, ActivityReport, AskedActivities
from engine.reports.broadcasts import BroadcastReport, make_broadcast_report
from engine.reports.by_hand import planned_by_hand
from engine.reports.dimensions import By
from engine.reports.freezing import Notice
from engine.reports.frozen import Frozen
from engine.reports.measured import Measure, Measured
from engine.reports.measures import measure
from engine.reports.posts import POST_DIMENSIONS, AskedPosts, PostFigures, PostReport, make_post_report
from engine.reports.publication import Publication, publication_of
from engine.reports.report import Asked, Report, make_report
from engine.reports.tally_queries import campaigns_with_runs
from engine.reports.wanted import Wanted


@dataclass(slots=True)
class Asking:
    """What a report is made of, each part along the dimension that is asked for; all of it in the same units."""

    process: Process
    campaigns: tuple[str, ...]
    era: Era
    since: date | None
    until: date | None
    publish: bool
    frozen: Frozen | None = None
    publication: Publication | None = field(default=None)

    @property
    def as_of(self) -> datetime:
        """The instant of the figures, in local time."""
        if self.frozen is not None:
            return datetime.fromisoformat(self.frozen.content["as_of"])
        return self.process.clock.now().astimezone(VIETNAM)

    @property
    def published(self) -> bool:
        """Whether what is told is told in publication units: because it is asked for, or was frozen so."""
        return self.frozen.kept.published if self.frozen is not None else self.publish

    @property
    def cut(self) -> bool:
        """Whether only some days are asked for, or were frozen."""
        if self.frozen is not None:
            return bool(self.frozen.content["since"] or self.frozen.content["until"])
        return bool(self.since or self.until)

    @property
    def has_measures(self) -> bool:
        """Whether measures can be told: a report that was frozen by an older program has none."""
        return self.frozen is None or "measures" in self.frozen.content

    def report(self, *by: By) -> Report:
        """The deliveries along ``by``; all of one asking have the same units."""
        if self.frozen is not None:
            freezing.refuse_exact(self.frozen, publish=self.publish)
            return self.frozen.report(by, self.era)
        self.units()
        return self._made(self.campaigns, by, self.publication)

    def units(self) -> None:
        """Look up the publication units once, so that all that is made of this asking is told in the same."""
        if self.publish and self.publication is None and self.frozen is None:
            self.publication = self._publication(self.campaigns)

    def apart(self, by: By) -> list[Report]:
        """A report a campaign, each in its own units, where exactly two are asked for."""
        if len(self.campaigns) != 2 or self.frozen is not None:
            return []
        return [
            self._made((one,), (by,), self._publication((one,)) if self.publish else None) for one in self.campaigns
        ]

    def posts(self, by: str | None) -> PostReport:
        """Posts along ``by``; the totals alone along what posts do not have."""
        post_by = next((one for one in POST_DIMENSIONS if one == by), None)
        asked = AskedPosts(self.campaigns, post_by, self.era, self.since, self.until)
        if self.frozen is not None:
            return self.frozen.posts(asked) or PostReport(asked, (), PostFigures())
        return make_post_report(self.process.database, areas.load, asked)

    def broadcasts(self, by: By) -> BroadcastReport | None:
        """What loudspeakers did along ``by``; None without any."""
        if self.frozen is not None:
            return self.frozen.broadcasts(by, self.era)
        asked = Asked(self.campaigns, by, self.era, self.since, self.until)
        return make_broadcast_report(self.process.database, areas.load, asked)

    def activities(self, by: str | None) -> ActivityReport | None:
        """What was done by hand along ``by``; None where the workspace has no such files."""
        dimension = next((one for one in ACTIVITY_DIMENSIONS if one == by), None)
        asked = AskedActivities(self.campaigns, dimension, self.era, self.since, self.until)
        if self.frozen is not None:
            return self.frozen.activities(asked)
        return planned_by_hand(self.process.settings.workspace, asked)

    def measured(self, what: Measure, *by: By) -> Measured:
        """A measure along ``by``; without any, one figure for everything."""
        if self.frozen is not None:
            freezing.refuse_exact(self.frozen, publish=self.publish)
            return self.frozen.measured(what, by, self.era)
        self.units()
        process, first = self.process, by[0] if by else "campaign"
        asked = Asked(self.campaigns, first, self.era, self.since, self.until, *by[1:])
        now = process.clock.now()
        return measure(process.database, areas.load, process.snapshot, what, asked, by, now, self.publication)

    def _made(self, campaigns: tuple[str, ...], by: Sequence[By], publication: Publication | None) -> Report:
        process = self.process
        asked = Asked(campaigns, by[0], self.era, self.since, self.until, *by[1:])
        return make_report(process.database, areas.load, process.snapshot, asked, process.clock.now(), publication)

    def _publication(self, campaigns: tuple[str, ...]) -> Publication:
        return publication_of(self.process.database, areas.load, self.process.snapshot, campaigns)


def asking_of(process: Process, wanted: Wanted, notice: Notice, *, publish: bool) -> Asking:
    """The question with its campaigns found. Raises ``LoaError`` for a campaign or a frozen report nobody knows."""
    kept = None
    if wanted.frozen is not None:
        kept = freezing.reopened(process, wanted.frozen, notice, publish=publish)
    chosen = kept.campaigns if kept is not None else chosen_campaigns(process, wanted.campaigns)
    return Asking(process, chosen, wanted.era, wanted.since, wanted.until, publish, kept)


def chosen_campaigns(process: Process, names: Sequence[str]) -> tuple[str, ...]:
    """The keys that ``names`` mean. Raises ``LoaError`` (``pipeline.unknown-campaign``)."""
    with process.database.read() as connection:
        known = [*keys.in_folder(process.settings.workspace), *campaigns_with_runs(connection)]
    return keys.chosen(names, known)
