"""Posts and broadcasts as sheets: what stands beside deliveries and is never added to them. Pure."""

from engine.areas.registry import Registry
from engine.i18n import sentence
from engine.reports import broadcasts
from engine.reports.broadcasts import BroadcastReport
from engine.reports.posts import PostReport, labels
from engine.reports.sheets import Cell, Column, Sheet, printable


def posts_sheet(report: PostReport, registry: Registry | None, campaign: str) -> Sheet:
    """What became of posts and what people made of them; without a dimension, one line called ``campaign``.

    A figure that no vendor told stays empty, which is not zero.
    """
    by = report.asked.by
    names = list(report.totals.document())
    columns = (
        Column(sentence(f"reports.head-{by or 'campaign'}"), "word"),
        *(Column(sentence(f"reports.post-{name}"), "count") for name in names),
    )
    lines = zip(labels(report, registry), (figures for _, figures in report.lines), strict=True)
    rows = tuple(_line(name, figures.document()) for name, figures in lines)
    title = sentence("reports.posts-title", dimension=sentence(f"reports.by-{by}") if by else "").strip()
    notes = (sentence("reports.posts-reach"),)
    totals = report.totals.document()
    if by is None:
        return Sheet("posts", title, columns, (_line(campaign, totals),), None, notes)
    return Sheet("posts", title, columns, rows, _line(sentence("reports.total"), totals), notes)


def broadcasts_sheet(report: BroadcastReport, registry: Registry | None, campaign: str) -> Sheet:
    """What loudspeakers did; along what broadcasts do not have, one line called ``campaign``."""
    by = report.by if report.lines else None
    columns = (
        Column(sentence(f"reports.head-{by or 'campaign'}"), "word"),
        *(Column(broadcasts.head_of(name), "count") for name in broadcasts.COUNTS),
    )
    title = sentence("reports.broadcasts-title", dimension=sentence(f"reports.by-{by}") if by else "").strip()
    totals = report.totals.document()
    notes = (sentence("reports.broadcasts-apart"),)
    if by is None:
        return Sheet("broadcasts", title, columns, (_line(campaign, totals),), None, notes, whole=True)
    lines = zip(broadcasts.labels(report, registry), (heard for _, heard in report.lines), strict=True)
    rows = tuple(_line(name, heard.document()) for name, heard in lines)
    return Sheet("broadcasts", title, columns, rows, _line(sentence("reports.total"), totals), notes, whole=True)


def _line(name: str, figures: dict[str, int] | dict[str, int | None]) -> tuple[Cell, ...]:
    return (printable(name), *figures.values())
