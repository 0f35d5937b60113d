"""What a rehearsed campaign does beside its messages to people: posts, loudspeakers, and what is planned by hand.

All of it by old district, so that one rehearsal shows every road of the campaign in the lines of one report.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from engine.areas import registry as areas
from engine.reports.activities import ActivityReport, AskedActivities
from engine.reports.activities_written import show_activities
from engine.reports.broadcasts import BroadcastReport, make_broadcast_report, show_broadcasts
from engine.reports.by_hand import planned_by_hand
from engine.reports.posts import AskedPosts, PostReport, make_post_report
from engine.reports.posts_written import show_posts
from engine.reports.report import Asked
from engine.store.database import Database


@dataclass(frozen=True, slots=True)
class OtherChannels:
    """The three of them; None or empty where the campaign has none."""

    posts: PostReport
    broadcasts: BroadcastReport | None
    activities: ActivityReport | None

    def document(self) -> dict[str, Any]:
        """The same keys as in ``loa report``; none for what the campaign does not have."""
        found = self.posts.document() if not self.posts.empty else {}
        found |= self.broadcasts.document() if self.broadcasts is not None else {}
        return found | (self._by_hand.document() if self._by_hand is not None else {})

    def show(self, console: Console) -> None:
        """Print what there is, in the order in which a report has it."""
        registry = areas.load()
        if self.broadcasts is not None:
            show_broadcasts(console, self.broadcasts, registry)
        if not self.posts.empty:
            show_posts(console, self.posts, registry)
        if self._by_hand is not None:
            show_activities(console, self._by_hand, registry)

    @property
    def _by_hand(self) -> ActivityReport | None:
        return self.activities if self.activities is not None and not self.activities.empty else None


def other_channels(database: Database, workspace: Path, campaign: str) -> OtherChannels:
    """What the campaign did in ``database`` (the copy, while there is one), and its plans in the workspace's files."""
    return OtherChannels(
        make_post_report(database, areas.load, AskedPosts((campaign,), "district")),
        make_broadcast_report(database, areas.load, Asked((campaign,), "district")),
        planned_by_hand(workspace, AskedActivities((campaign,), "district")),
    )
