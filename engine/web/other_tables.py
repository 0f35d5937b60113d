"""The tables of what is no delivery: posts, what loudspeakers read, and work by hand."""

from collections.abc import Sequence

from engine.areas import registry as areas
from engine.content.activity_kinds import kind_label, measure_label
from engine.i18n import number, sentence
from engine.reports import activities_written, broadcasts, posts
from engine.reports.activities import ActivityLine, ActivityReport
from engine.reports.as_table import NOTHING
from engine.reports.broadcasts import COUNTS, BroadcastReport, Heard
from engine.reports.dimensions import AREAS
from engine.reports.posts import PostFigures, PostReport
from engine.web.page import percent
from engine.web.pictures import bar
from engine.web.report_tables import heads_along
from engine.web.tables import Line, Table, head

_POSTS = ("posts", "published", "reach", "reactions")  # shown also where they are zero everywhere


def on_pages(report: PostReport) -> Table:
    """Posts; what no vendor told is a dash."""
    totals = report.totals.document()
    shown = [name for name in totals if name in _POSTS or totals[name]]
    by = report.asked.by
    names = posts.labels(report, areas.load() if by in AREAS else None)
    lines = [_post((name,), figures, shown) for name, (_, figures) in zip(names, report.lines, strict=True)]
    return Table(
        "posts",
        sentence("reports.posts-title", dimension=sentence(f"reports.by-{by}") if by else "").strip(),
        heads_along((by,) if by else ()),
        tuple(head(f"post-{name}") for name in shown),
        tuple(lines),
        _post((sentence("reports.total"),), report.totals, shown),
        (sentence("reports.posts-reach"),),
        csv="posts",
    )


def _post(names: tuple[str, ...], figures: PostFigures, shown: list[str]) -> Line:
    document = figures.document()
    return _counted(names, [document[name] for name in shown])


def read_aloud(report: BroadcastReport) -> Table:
    """What loudspeakers did."""
    names = broadcasts.labels(report, areas.load() if report.by in AREAS else None)
    lines = [_heard((name,), heard) for name, (_, heard) in zip(names, report.lines, strict=True)]
    return Table(
        "broadcasts",
        sentence("reports.broadcasts-title", dimension=sentence(f"reports.by-{report.by}") if lines else "").strip(),
        heads_along((report.by,) if lines else ()),
        tuple(head(f"broadcasts-{name}") for name in COUNTS),
        tuple(lines),
        _heard((sentence("reports.total"),), report.totals),
        (sentence("reports.broadcasts-apart"),),
    )


def _heard(names: tuple[str, ...], heard: Heard) -> Line:
    return _counted(names, list(heard.document().values()))


def by_hand(report: ActivityReport) -> Table:
    """What was done by hand, planned beside done; a line a kind and measure, and nothing added up."""
    by = report.asked.by
    named = by not in (None, "kind")
    names = activities_written.labels(report, areas.load() if by in AREAS else None) if named else []
    lines = report.lines if by else report.totals
    kinds = [(kind_label(line.kind), measure_label(line.measure)) for line in lines]
    abouts = [(name, *kind) for name, kind in zip(names, kinds, strict=True)] if named else kinds
    notes = [sentence("reports.activities-apart")]
    if report.left_out:
        notes.append(sentence("reports.activities-left-out", rows=number(report.left_out)))
    figures = ("planned", "done", "done_rate")
    return Table(
        "activities",
        sentence("reports.activities-title", dimension=sentence(f"reports.by-{by}") if by else "").strip(),
        (
            *(heads_along((by,)) if named and by else ()),
            *(sentence(f"reports.head-{one}") for one in ("kind", "measure")),
        ),
        tuple(head(f"activities-{name}") for name in figures),
        tuple(_activity(about, line) for about, line in zip(abouts, lines, strict=True)),
        notes=tuple(notes),
        csv="activities",
    )


def _activity(names: tuple[str, ...], line: ActivityLine) -> Line:
    counted = _counted(names, [line.planned, line.done])
    drawn = bar(line.rate) if line.rate is not None else None
    return Line(names, (*counted.cells, percent(line.rate, 1)), (*counted.values, line.rate), drawn)


def _counted(names: tuple[str, ...], values: Sequence[int | None]) -> Line:
    return Line(names, tuple(NOTHING if one is None else number(one) for one in values), tuple(values))
