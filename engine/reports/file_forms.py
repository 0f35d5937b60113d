"""Excel and HTML: which sheets and pictures go into the file that is asked for."""

from collections.abc import Sequence

from engine.areas import registry as areas
from engine.content.province import own_province
from engine.errors import LoaError
from engine.i18n import sentence
from engine.reports.activities import ActivityReport
from engine.reports.as_table import marks
from engine.reports.asking import Asking
from engine.reports.dimensions import By, read_by
from engine.reports.official.form import titles
from engine.reports.report import Report

_ALL: tuple[By, ...] = ("district", "commune", "day", "step", "channel")


def formed(form: str, asking: Asking, by: str | None, what: str | None) -> bytes:
    """The file's bytes: ``xlsx`` or ``html``. Raises ``LoaError`` where there is nothing, or a map cannot be used."""
    dimensions = read_by(by) if by else None
    wanted: list[tuple[By, ...]] = [dimensions] if dimensions else [] if by else [(one,) for one in _ALL]
    reports = [asking.report(*one) for one in wanted] if what in (None, "all", "deliveries") else []
    by_hand = _activities(asking, by) if what in (None, "all", "activities") and asking.frozen is None else None
    if not reports and by_hand is None:
        raise LoaError("cli_report.no-activities")
    return _xlsx(asking, reports, by_hand) if form == "xlsx" else _html(asking, reports, by_hand)


def _activities(asking: Asking, by: str | None) -> ActivityReport | None:
    found = asking.activities(by or "district")
    return None if found is None or found.empty else found


def _xlsx(asking: Asking, reports: Sequence[Report], by_hand: ActivityReport | None) -> bytes:
    from engine.reports.as_xlsx import xlsx
    from engine.reports.sheets import activities_sheet, deliveries_sheet

    registry = areas.load()
    sheets = [deliveries_sheet(one, registry, marks(one)) for one in reports]
    if by_hand is not None:
        sheets.append(activities_sheet(by_hand, registry))
    return xlsx(sheets, reports[0].as_of if reports else asking.process.clock.now())


def _html(asking: Asking, reports: Sequence[Report], by_hand: ActivityReport | None) -> bytes:
    from engine.reports.as_html import html
    from engine.reports.charts.shapes import load_shapes
    from engine.reports.pictures import pictures, side_by_side
    from engine.reports.sheets import activities_sheet, deliveries_sheet

    registry = areas.load()
    workspace = asking.process.settings.workspace
    shapes = load_shapes(workspace, registry, own_province(workspace, registry))
    whole = reports[0] if reports else asking.report("campaign")
    charts = pictures(reports, registry, shapes)
    if len(reports) > 1 and (two := asking.apart("district")):
        charts += side_by_side(two[0], two[1], registry)
    sheets = [deliveries_sheet(one, registry, marks(one)) for one in reports]
    if by_hand is not None:
        sheets.append(activities_sheet(by_hand, registry))
    title = sentence("forms.title", campaign=", ".join(titles(asking)))
    return html(title, whole.as_of, whole.totals, sheets, charts).encode()
