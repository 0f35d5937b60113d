"""Which pictures belong to which reports."""

from collections.abc import Sequence

from engine.areas.registry import Registry
from engine.reports import places
from engine.reports.charts.bars import by_place, funnel
from engine.reports.charts.chart import Chart
from engine.reports.charts.course import course
from engine.reports.charts.map import map_of
from engine.reports.charts.shapes import Shapes
from engine.reports.charts.values import by_value
from engine.reports.charts.years import years
from engine.reports.places import Place
from engine.reports.report import Report


def pictures(reports: Sequence[Report], registry: Registry, shapes: Shapes | None = None) -> list[Chart]:
    """The funnel of all, and what each report along one dimension can be drawn as; nothing for one that cannot.

    Of reports by district and by commune the map shows the communes, where there are any with a place of their own.
    """
    found: list[Chart | None] = [funnel(reports[0])] if reports else []
    mapped = {one.asked.by: one for one in reports if one.asked.second is None}
    for report in reports:
        if report.asked.second is not None:
            continue
        if report.asked.by == "day":
            found.append(course(report))
        elif report.asked.by in ("district", "commune"):
            names = names_of(registry, report)
            if report.asked.by == "district" or len(mapped) == 1:
                found.append(by_place(report, names))
            if report.asked.by == "commune" or not _has_places(mapped.get("commune")):
                found.append(map_of(report, names, registry, shapes))
        else:
            found.append(by_value(report))
    return [one for one in found if one is not None]


def side_by_side(earlier: Report, later: Report, registry: Registry) -> list[Chart]:
    """Two reports by district beside each other, each called by its campaign."""
    chart = years((earlier.campaign, earlier), (later.campaign, later), names_of(registry, earlier, later))
    return [chart] if chart is not None else []


def _has_places(report: Report | None) -> bool:
    return report is not None and any(isinstance(row.key, Place) and row.key.code for row in report.rows)


def names_of(registry: Registry, *reports: Report) -> dict[Place, str]:
    """How the places of reports are written."""
    found = [row.key for report in reports for row in report.rows if isinstance(row.key, Place)]
    return places.labels(registry, list(dict.fromkeys(found)))
