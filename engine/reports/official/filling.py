"""What can be filled into the form of an official report: the names that a template may use. Pure but for charts.

docs/forms.md lists them; a test compares the two.
"""

from collections.abc import Sequence
from typing import Any

from engine.areas.registry import Registry
from engine.i18n import number, sentence
from engine.reports.charts.bars import by_place, funnel
from engine.reports.charts.course import course
from engine.reports.charts.map import map_of
from engine.reports.charts.shapes import Shapes
from engine.reports.charts.shares import percent, shares
from engine.reports.figures import Figures
from engine.reports.official import appendices, words, words_beside
from engine.reports.official.gathered import Gathered
from engine.reports.pictures import names_of, side_by_side
from engine.reports.places import Place
from engine.reports.report import Report
from engine.reports.sheets import printable
from engine.status import Status

_SIGN = "BC"


def filling(gathered: Gathered, registry: Registry, shapes: Shapes | None = None) -> dict[str, Any]:
    """Name → value for the template; a picture's ``image`` is a ``Chart``, which the writer draws."""
    names = names_of(registry, gathered.districts, gathered.communes)
    heading, organisation = gathered.heading, gathered.organisation
    day = gathered.as_of.date()
    signer = heading.signer
    recipients = [f"- {one};" for one in heading.recipients if not _is_file(one)]
    told = {
        "parent": organisation.parent or "",
        "organisation": organisation.name,
        "number": sentence("official.number", sign=heading.document_sign or _SIGN),
        "place_and_date": words.place_and_date(heading.place or _place(organisation.province, registry), day),
        "dated": sentence("official.dated", year=day.year),
        "subject": words.subject(gathered),
        "opening": words.opening(gathered),
        "situation": words.situation(gathered, names),
        "results": _results(gathered, names, registry, shapes),
        "shortcomings": words.shortcomings(gathered, names),
        "directions": words.directions(gathered, names),
        "closing": sentence("official.closing", owner=organisation.name),
        "recipients": [*recipients, _file(heading.recipients)],
        "authority": [line for line in (signer.authority, signer.acting, signer.position) if line],
        "signer": signer.name or "",
        "districts": _rows(gathered.districts, names),
        "districts_total": _line("", sentence("reports.total"), gathered.districts.totals),
        "communes": _rows(gathered.communes, names),
        "communes_total": _line("", sentence("reports.total"), gathered.communes.totals),
        **appendices.beside(gathered, registry),
        "units": sentence("official.units") if gathered.districts.published is not None else "",
        "marks": " ".join(gathered.marks),
        "as_of": f"{gathered.as_of:%H:%M} {words.decree_date(day)}",
    }
    return {name: _clean(value) for name, value in told.items()}


def _place(province: str, registry: Registry) -> str:
    name = registry.get("2025", province).name
    for kind in ("Tỉnh ", "Thành phố "):
        name = name.removeprefix(kind)
    return name


def _is_file(recipient: str) -> bool:
    return recipient.replace(":", "").replace(".", "").casefold().split()[:1] == ["lưu"]


def _file(recipients: Sequence[str]) -> str:
    """``- Lưu: VT, …``: the last line, with the only full stop."""
    kept = next((one for one in recipients if _is_file(one)), None)
    if kept is None:
        return sentence("official.keep-file")
    return f"- Lưu: {kept.strip().rstrip('.').replace(':', ' ').partition(' ')[2].strip()}."


def _results(
    gathered: Gathered, names: dict[Place, str], registry: Registry, shapes: Shapes | None
) -> list[dict[str, Any]]:
    charts = (
        (sentence("official.heading-all"), words.results(gathered), (funnel(gathered.days), course(gathered.days))),
        (
            sentence("official.heading-places"),
            words.by_place(gathered, names),
            (
                by_place(gathered.districts, names),
                map_of(_mapped(gathered), names, registry, shapes),
                *(side_by_side(*gathered.apart, registry) if len(gathered.apart) == 2 else ()),
            ),
        ),
        (sentence("official.heading-activities"), words.activities(gathered), ()),
        (sentence("official.heading-posts"), words_beside.posts(gathered), ()),
        (sentence("official.heading-broadcasts"), words_beside.broadcasts(gathered), ()),
    )
    parts: list[dict[str, Any]] = []
    figure = 0
    for heading, lines, wanted in charts:
        pictures: list[dict[str, Any]] = []
        for chart in wanted:
            if chart is not None:
                figure += 1
                caption = sentence("official.figure", number=figure, title=chart.title)
                pictures.append({"image": chart, "caption": caption})
        if lines or pictures:
            parts.append({"heading": f"{len(parts) + 1}. {heading}", "lines": lines, "pictures": pictures})
    return parts


def _mapped(gathered: Gathered) -> Report:
    """Communes, where they can be seen apart; else districts."""
    communes = [row.key for row in gathered.communes.rows if isinstance(row.key, Place) and row.key.code]
    return gathered.communes if communes else gathered.districts


def _rows(report: Report, names: dict[Place, str]) -> list[dict[str, str]]:
    return [
        _line(number(place), names.get(row.key, row.key.name), row.figures)
        for place, row in enumerate(report.rows, 1)
        if isinstance(row.key, Place)
    ]


def _line(place: str, name: str, figures: Figures) -> dict[str, str]:
    parts = shares(figures)
    return {
        "place": place,
        "name": name,
        "targeted": number(figures.targeted),
        "left_out": number(figures.targeted - parts.to_send),
        "to_send": number(parts.to_send),
        "delivered": number(parts.delivered),
        "failed": number(figures.statuses[Status.FAILED]),
        "expired": number(figures.statuses[Status.EXPIRED]),
        "waiting": number(parts.waiting),
        "rate": percent(parts.delivered, parts.to_send),
    }


def _clean(value: Any) -> Any:
    """Without characters that no Word file may hold."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [_clean(one) for one in value]
    if isinstance(value, dict):
        return {name: _clean(one) for name, one in value.items()}
    return value
