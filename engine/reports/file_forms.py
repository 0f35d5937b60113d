"""Excel and HTML: which sheets and pictures go into the file that is asked for."""

from collections.abc import Callable, Iterator, Sequence

from engine.areas import registry as areas
from engine.areas.registry import Registry
from engine.content.province import own_province
from engine.errors import LoaError
from engine.i18n import sentence
from engine.reports.as_table import marks
from engine.reports.asking import Asking
from engine.reports.charts.chart import Chart
from engine.reports.dimensions import By, read_by
from engine.reports.measured import Measure
from engine.reports.official.form import titles
from engine.reports.report import Report
from engine.reports.set_beside import set_beside
from engine.reports.sheets import Sheet, activities_sheet, deliveries_sheet
from engine.reports.sheets_beside import broadcasts_sheet, posts_sheet
from engine.reports.sheets_measured import beside_sheet, measured_sheet
from engine.reports.wanted import Wanted, derived_dimensions

_ALL: tuple[By, ...] = ("district", "commune", "day", "step", "channel")
# Along what each measure stands in a file of everything; where it may not be passed on like that, see ``_measures``.
_MEASURED: dict[Measure, tuple[By, ...]] = {
    "coverage": ("district",), "delay": ("step",), "reasons": (), "cost": ("district",), "opt-outs": ("step",),
}  # fmt: skip
Section = tuple[str, list[Sheet]]  # the heading's key, and what stands below it


def xlsx_form(asking: Asking, wanted: Wanted) -> bytes:
    """The workbook. Raises ``LoaError`` where there is nothing to put into it."""
    from engine.reports.as_xlsx import xlsx

    reports = _reports(asking, wanted)
    sheets = [sheet for _, part in _sections(asking, wanted, reports, numbers=True) for sheet in part]
    return xlsx(sheets, reports[0].as_of if reports else asking.as_of)


def html_form(asking: Asking, wanted: Wanted) -> bytes:
    """The page. Raises ``LoaError`` where there is nothing to put into it, or a map cannot be used."""
    from engine.reports.as_html import html

    reports = _reports(asking, wanted)
    sections = _sections(asking, wanted, reports, numbers=False)
    whole = reports[0] if reports else asking.report("campaign")
    title = sentence("forms.title", campaign=", ".join(titles(asking)))
    told = [(sentence(f"forms.section-{name}"), sheets) for name, sheets in sections]
    return html(title, whole.as_of, whole.totals, told, _charts(asking, reports)).encode()


def _reports(asking: Asking, wanted: Wanted) -> list[Report]:
    """The deliveries along what was asked for, or along everything that a file has a sheet for."""
    if wanted.derived or wanted.what not in (None, "all", "deliveries"):
        return []
    along = read_by(wanted.by) if wanted.by else None
    every: list[tuple[By, ...]] = [along] if along else [] if wanted.by else [(one,) for one in _ALL]
    return [asking.report(*one) for one in every]


def _charts(asking: Asking, reports: Sequence[Report]) -> list[Chart]:
    from engine.reports.charts.shapes import load_shapes
    from engine.reports.pictures import pictures, side_by_side

    registry = areas.load()
    workspace = asking.process.settings.workspace
    shapes = load_shapes(workspace, registry, own_province(workspace, registry))
    charts = pictures(reports, registry, shapes)
    if len(reports) > 1 and (two := asking.apart("district")):
        charts += side_by_side(two[0], two[1], registry)
    return charts


def _sections(asking: Asking, wanted: Wanted, reports: Sequence[Report], *, numbers: bool) -> list[Section]:
    registry = areas.load()
    parts: dict[str, Callable[[], list[Sheet]]] = {
        "deliveries": lambda: [deliveries_sheet(one, registry, marks(one)) for one in reports],
        "broadcasts": lambda: list(_broadcasts(asking, wanted, registry)),
        "activities": lambda: list(_activities(asking, wanted, registry)),
        "posts": lambda: list(_posts(asking, wanted, registry)),
        "measures": lambda: list(_measures(asking, wanted, registry, numbers=numbers)),
    }
    if wanted.derived:
        names = ["measures"]
    elif wanted.what in (None, "all"):
        names = [*parts] if wanted.by is None else [name for name in parts if name != "measures"]
    else:
        names = [str(wanted.what)]
    found = [(name, parts[name]()) for name in names]
    sections = [(name, sheets) for name, sheets in found if sheets]
    if not sections:
        raise LoaError("cli_posts.none" if wanted.what == "posts" else "cli_report.no-activities")
    return sections


def _posts(asking: Asking, wanted: Wanted, registry: Registry) -> Iterator[Sheet]:
    report = asking.posts(wanted.by or "district")
    if not report.empty:
        yield posts_sheet(report, registry, ", ".join(asking.campaigns))


def _broadcasts(asking: Asking, wanted: Wanted, registry: Registry) -> Iterator[Sheet]:
    along = read_by(wanted.by or "district")
    report = asking.broadcasts(along[0]) if along else None
    if report is not None:
        yield broadcasts_sheet(report, registry, ", ".join(asking.campaigns))


def _activities(asking: Asking, wanted: Wanted, registry: Registry) -> Iterator[Sheet]:
    report = asking.activities(wanted.by or "district")
    if report is not None and not report.empty:
        yield activities_sheet(report, registry)


def _measures(asking: Asking, wanted: Wanted, registry: Registry, *, numbers: bool) -> Iterator[Sheet]:
    """The one that is asked for, or each of them; people are published of the whole campaign only."""
    if wanted.beside is not None:
        yield beside_sheet(set_beside(asking, derived_dimensions(wanted), wanted.beside), registry)
    elif wanted.derived:
        what: Measure = next(one for one in _MEASURED if one == wanted.what)
        yield measured_sheet(asking.measured(what, *derived_dimensions(wanted)), registry, numbers=numbers)
    elif asking.has_measures:
        for what, along in _MEASURED.items():
            if what == "coverage" and asking.published:
                if asking.cut:
                    continue
                along = ()
            yield measured_sheet(asking.measured(what, *along), registry, numbers=numbers)
