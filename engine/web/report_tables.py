"""The tables of deliveries: along one dimension or two, two reports side by side, and measures."""

from collections.abc import Iterable, Sequence

from engine.areas import registry as areas
from engine.areas.registry import Registry
from engine.i18n import number, sentence
from engine.reports.as_table import ALWAYS, NOTHING, by_words, cells, words_of
from engine.reports.beside import SIDES, Beside, BesideRow
from engine.reports.beside_written import SHOWN_BESIDE, beside_cell
from engine.reports.counting import Keys
from engine.reports.dimensions import AREAS
from engine.reports.figures import COLUMNS, Figures
from engine.reports.measured import Measured, Values
from engine.reports.measured_words import communes_said, heads_of, missing
from engine.reports.measured_written import cell_of
from engine.reports.places import Place
from engine.reports.report import Report
from engine.web.page import percent
from engine.web.pictures import bar
from engine.web.tables import Head, Line, Table, head

MOST_LINES = 1_000  # of a table on a page: all communes of the country by ten days were 21 MB and 9 s of processor
MOST_ACROSS = 31  # a month of days; a table of more is read line by line
_WORDS = ("status", "reason", "advice")


def deliveries(report: Report, most: int = MOST_LINES) -> Table:
    """As the screen of ``loa report`` has it: columns that are zero in every row are left out and named."""
    rows = report.rows[:most]
    totals = report.totals.document()
    shown = [name for name in COLUMNS if name in ALWAYS or totals[name]]
    names = _named(report.asked.dimensions, [row.keys for row in rows])
    lines = tuple(_figures(name, row.figures, shown) for name, row in zip(names, rows, strict=True))
    left_out = ", ".join(sentence(f"reports.head-{name}") for name in COLUMNS if name not in shown)
    notes = [sentence("reports.left-out", columns=left_out)] if left_out else []
    return Table(
        "deliveries",
        sentence("web.result", dimension=by_words(report.asked.dimensions)),
        heads_along(report.asked.dimensions),
        tuple(head(name) for name in shown),
        lines,
        _figures((sentence("reports.total"),), report.totals, shown),
        (*_cut(report.rows, most), *notes, sentence("reports.turns"), sentence("reports.not-read")),
        csv="deliveries",
    )


def _figures(names: tuple[str, ...], figures: Figures, shown: list[str]) -> Line:
    document = figures.document()
    values = tuple(document[name] for name in shown)
    return Line(names, tuple(cells(figures, shown)), values, bar(figures.delivery_rate))


def crossed(report: Report) -> Table | None:
    """Of a report along two dimensions, the second one across: delivered and its rate in each cell.

    None where that is no table (one column), or one that is too wide to be read.
    """
    by_first: dict[Place | str, list[Place | str]] = {}
    for row in report.rows:
        by_first.setdefault(row.key, []).append(row.keys[1])
    down, across = list(by_first), _merged(by_first.values())
    if not 1 < len(across) <= MOST_ACROSS:
        return None
    first, second = report.asked.dimensions
    registry = areas.load() if {first, second} & set(AREAS) else None
    found = {row.keys: row.figures for row in report.rows}
    lines = []
    shown = down[:MOST_LINES]
    for key, name in zip(shown, words_of(first, shown, registry), strict=True):
        mine = [found.get((key, other)) for other in across]
        lines.append(
            Line((name,), tuple(NOTHING if one is None else _delivered(one) for one in mine), (None,) * len(across))
        )
    return Table(
        "crossed",
        sentence("web.crossed", dimension=by_words(report.asked.dimensions)),
        heads_along((first,)),
        tuple(Head(word) for word in words_of(second, across, registry)),
        tuple(lines),
        notes=(*_cut(down, MOST_LINES), sentence("web.crossed-note")),
    )


def _merged(lists: Iterable[Sequence[Place | str]]) -> list[Place | str]:
    """All keys, in the order that each of the lists has its own in."""
    found: list[Place | str] = []
    for one in lists:
        at = 0
        for key in one:
            if key not in found:
                found.insert(at, key)
            at = found.index(key) + 1
    return found


def _delivered(figures: Figures) -> str:
    if not figures.addressed:
        return NOTHING
    return f"{number(figures.document()['delivered'] or 0)} ({percent(figures.delivery_rate, 1)})"


def beside(told: Beside) -> Table:
    """Two reports, line by line, with the difference."""
    dimensions = told.this.asked.dimensions
    sides = (told.this.campaign, told.beside.campaign, sentence("reports.beside-difference"))
    rows = told.rows[:MOST_LINES]
    names = _named(dimensions, [row.keys for row in rows])
    heads = tuple(Head(side, name, sentence(f"reports.head-{name}")) for name in SHOWN_BESIDE for side in sides)
    return Table(
        "beside",
        sentence("web.beside-title", dimension=by_words(dimensions), this=sides[0], beside=sides[1]),
        heads_along(dimensions),
        heads,
        tuple(_beside(name, row) for name, row in zip(names, rows, strict=True)),
        _beside((sentence("reports.total"),), told.totals),
        (
            *_cut(told.rows, MOST_LINES),
            sentence("web.beside-days"),
            sentence("reports.turns"),
            sentence("reports.not-read"),
        ),
        csv="beside",
    )


def _beside(names: tuple[str, ...], row: BesideRow) -> Line:
    numbers = row.numbers()
    pairs = [(name, side, numbers[side][name]) for name in SHOWN_BESIDE for side in SIDES]
    return Line(names, tuple(beside_cell(*one) for one in pairs), tuple(value for _, _, value in pairs))


def measured(told: Measured, most: int = MOST_LINES) -> Table:
    """A measure with what it says beside its figures; reasons with what to do about each."""
    heads, rows = heads_of(told), told.rows[:most]
    names = _named(told.dimensions, [row.keys for row in rows])
    lines = tuple(_measured(told, heads, name, row.values) for name, row in zip(names, rows, strict=True))
    reasons = told.what == "reasons"
    return Table(
        told.what,
        f"{sentence(f'reports.what-{told.what}')} {by_words(told.dimensions)}".strip(),
        heads_along(told.dimensions),
        tuple(Head(sentence(f"reports.head-{one}")) if one in _WORDS else head(one) for one in heads),
        lines,
        None if reasons else _measured(told, heads, (sentence("reports.total"),), told.totals),
        (*_cut(told.rows, most), *missing(told), *communes_said(told), sentence(f"reports.note-{told.what}")),
        folds=reasons,
        csv=told.what,
    )


def _measured(told: Measured, heads: Sequence[str], names: tuple[str, ...], values: Values) -> Line:
    figures = [values.get(f"{one}_s" if one.startswith("delay_") else one) for one in heads]
    rate = values.get("coverage_rate")
    return Line(
        names,
        tuple(cell_of(told, one, values) for one in heads),
        tuple(one if isinstance(one, int | float) else None for one in figures),
        bar(rate) if isinstance(rate, float) else None,
    )


def _cut(rows: Sequence[object], most: int) -> list[str]:
    """What there is to say of the lines that a page leaves out."""
    if len(rows) <= most:
        return []
    return [sentence("web.lines-left-out", rows=number(len(rows)), shown=number(most))]


def heads_along(dimensions: Iterable[str]) -> tuple[str, ...]:
    """The heads of the columns that say what a line is about."""
    return tuple(sentence(f"reports.head-{by}") for by in dimensions)


def _named(dimensions: Sequence[str], keys: Sequence[Keys]) -> list[tuple[str, ...]]:
    """The names of lines, from what they are counted under."""
    registry: Registry | None = areas.load() if set(dimensions) & set(AREAS) else None
    columns = [words_of(by, [one[place] for one in keys], registry) for place, by in enumerate(dimensions)]
    return list(zip(*columns, strict=True))
