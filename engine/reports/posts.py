"""What became of posts, and what people made of them: per old district, commune, campaign, step, day or channel.

Posts are few, so they are read as rows. A figure that no vendor told is None, which is not zero; reach is summed over
posts and counts whoever saw two of them twice, as the vendors do.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, cast

from sqlalchemy import RowMapping

from engine.areas.area import Era
from engine.areas.registry import Registry
from engine.clock import VIETNAM
from engine.reports import places
from engine.reports.places import Place
from engine.status import PostStatus
from engine.store import post_responses, posts
from engine.store.database import Database

PostBy = Literal["campaign", "district", "commune", "step", "day", "channel", "sender"]
POST_DIMENSIONS: tuple[PostBy, ...] = ("campaign", "district", "commune", "step", "day", "channel", "sender")
FIGURES = post_responses.FIGURES


@dataclass(frozen=True, slots=True)
class AskedPosts:
    """What is to be counted; ``by`` None: the totals alone. ``since`` and ``until`` are local dates of due times."""

    campaigns: tuple[str, ...]
    by: PostBy | None
    era: Era = "2025"
    since: date | None = None
    until: date | None = None


@dataclass(slots=True)
class PostFigures:
    """Posts by status, and how people answered those that are asked about."""

    statuses: Counter[str] = field(default_factory=Counter)
    answers: dict[str, int | None] = field(default_factory=lambda: dict.fromkeys(FIGURES))

    def add(self, status: str, answered: RowMapping | None) -> None:
        """Count one post, with the last word about it."""
        self.statuses[status] += 1
        for name in FIGURES:
            figure = answered[name] if answered is not None else None
            if figure is not None:
                self.answers[name] = (self.answers[name] or 0) + int(figure)

    def document(self) -> dict[str, int | None]:
        """The figures as JSON has them; ``posts`` is the sum of the statuses."""
        counts: dict[str, int | None] = {str(status): self.statuses[status] for status in PostStatus}
        return {"posts": self.statuses.total()} | counts | self.answers


@dataclass(frozen=True, slots=True)
class PostReport:
    """Lines in their settled order, and the totals."""

    asked: AskedPosts
    lines: tuple[tuple[Place | str, PostFigures], ...]
    totals: PostFigures

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self.totals.statuses

    def document(self) -> dict[str, Any]:
        """The keys that a report's JSON has for posts."""
        name = "area" if self.asked.by in ("district", "commune") else self.asked.by or ""
        lines = [
            {name: key.document() if isinstance(key, Place) else key} | figures.document()
            for key, figures in self.lines
        ]
        return {"posts": lines, "post_totals": self.totals.document()}


def make_post_report(database: Database, registry: Callable[[], Registry], asked: AskedPosts) -> PostReport:
    """Count the posts of ``asked.campaigns``. ``registry`` is called only when areas are asked for."""
    with database.read() as connection:
        rows = [row for row in posts.of_campaigns(connection, asked.campaigns) if _within(asked, row)]
        answers = post_responses.latest(connection, [row["id"] for row in rows])
        channels = posts.channels(connection, {row["run_id"] for row in rows})
    totals, found = PostFigures(), dict[Place | str, PostFigures]()
    key_of = _keys(asked, registry, channels) if rows else lambda row: ""
    for row in rows:
        totals.add(row["status"], answers.get(row["id"]))
        if asked.by is not None:
            found.setdefault(key_of(row), PostFigures()).add(row["status"], answers.get(row["id"]))
    in_order = list(found) if asked.by == "step" else sorted(found, key=_order)
    return PostReport(asked, tuple((key, found[key]) for key in in_order), totals)


def _within(asked: AskedPosts, row: RowMapping) -> bool:
    day = row["due"].astimezone(VIETNAM).date()
    return (asked.since is None or day >= asked.since) and (asked.until is None or day <= asked.until)


def _order(key: Place | str) -> tuple[bool, str, str]:
    return key.order if isinstance(key, Place) else (False, key, key)


def _keys(
    asked: AskedPosts, registry: Callable[[], Registry], channels: Mapping[int, str]
) -> Callable[[RowMapping], Place | str]:
    """What of a post a line is about."""
    if asked.by in ("district", "commune"):
        return _place_of(asked, registry())
    if asked.by == "day":
        return lambda row: row["due"].astimezone(VIETNAM).date().isoformat()
    if asked.by == "channel":
        return lambda row: channels[row["run_id"]]
    if asked.by == "step" and len(asked.campaigns) > 1:
        return lambda row: f"{row['campaign']}/{row['step']}"
    return lambda row: str(row[asked.by or "campaign"])


def _place_of(asked: AskedPosts, registry: Registry) -> Callable[[RowMapping], Place]:
    """A province's page stands for the whole province: nobody can tell its posts' communes."""
    fold = places.districts(registry) if asked.by == "district" else places.communes(registry, asked.era)

    def place(row: RowMapping) -> Place:
        era, code = cast("Era", row["era"]), row["area"]
        if registry.has(era, code) and registry.get(era, code).level == "province":
            return Place(era, code, registry.get(era, code).name)
        return fold(era, code)

    return place


def labels(report: PostReport, registry: Registry | None) -> Sequence[str]:
    """What stands at the beginning of each line."""
    found = [key for key, _ in report.lines if isinstance(key, Place)]
    by_place = places.labels(registry, found) if registry is not None else {}
    return [
        by_place.get(key, key.name) if isinstance(key, Place) else _word(report.asked.by, key)
        for key, _ in report.lines
    ]


def _word(by: str | None, key: str) -> str:
    return f"{date.fromisoformat(key):%d/%m/%Y}" if by == "day" else key
