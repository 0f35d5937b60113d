"""The tables of a report's page: deliveries, two reports side by side, measures, posts, loudspeakers, work by hand."""

from collections.abc import Iterable, Mapping, Sequence

from engine.areas import registry as areas
from engine.areas.registry import Registry
from engine.content.activity_kinds import kind_label, measure_label
from engine.i18n import number, sentence
from engine.reports import activities_written, places, posts
from engine.reports.activities import ActivityLine, ActivityReport
from engine.reports.as_table import ALWAYS, NOTHING, by_words, cells, words_of
from engine.reports.beside import SIDES, Beside, BesideRow
from engine.reports.broadcasts import COUNTS, BroadcastReport, Heard
from engine.reports.counting import Keys
from engine.reports.dimensions import AREAS
from engine.reports.figures import COLUMNS, Figures
from engine.reports.measured import Measured, Values
from engine.reports.measured_written import SHOWN_BESIDE, beside_cell, cell_of, communes_said, heads_of
from engine.reports.places import Place
from engine.reports.posts import PostFigures, PostReport
from engine.reports.report import Report
from engine.web.page import percent
from engine.web.pictures import bar
from engine.web.tables import Head, Line, Table, head

_POSTS = ("posts", "published", "reach", "reactions")  # shown also where they are zero everywhere
_WORDS = ("status", "reason", "advice")


def deliveries(report: Report) -> Table:
    """As the screen of ``loa report`` has it: columns that are zero in every row are left out and named."""
    totals = report.totals.document()
    shown = [name for name in COLUMNS if name in ALWAYS or totals[name]]
    names = _named(report.asked.dimensions, [row.keys for row in report.rows])
    lines = tuple(_figures(name, row.figures, shown) for name, row in zip(names, report.rows, strict=True))
    left_out = ", ".join(sentence(f"reports.head-{name}") for name in COLUMNS if name not in shown)
    notes = [sentence("reports.left-out", columns=left_out)] if left_out else []
    return Table(
        "deliveries",
        sentence("web.result", dimension=by_words(report.asked.dimensions)),
        _heads(report.asked.dimensions),
        tuple(head(name) for name in shown),
        lines,
        _figures((sentence("reports.total"),), report.totals, shown),
        (*notes, sentence("reports.turns"), sentence("reports.not-read")),
        csv="deliveries",
    )


def _figures(names: tuple[str, ...], figures: Figures, shown: list[str]) -> Line:
    document = figures.document()
    values = tuple(document[name] for name in shown)
    return Line(names, tuple(cells(figures, shown)), values, bar(figures.delivery_rate))


MOST_ACROSS = 31  # a month of days; a table of more is read line by line


def crossed(report: Report) -> Table | None:
    """Of a report along two dimensions, the second one across: delivered and its rate in each cell. None: too wide."""
    by_first: dict[Place | str, list[Place | str]] = {}
    for row in report.rows:
        by_first.setdefault(row.key, []).append(row.keys[1])
    down, across = list(by_first), _merged(by_first.values())
    if len(across) > MOST_ACROSS:
        return None
    first, second = report.asked.dimensions
    registry = areas.load() if {first, second} & set(AREAS) else None
    found = {row.keys: row.figures for row in report.rows}
    lines = []
    for key, name in zip(down, words_of(first, down, registry), strict=True):
        mine = [found.get((key, other)) for other in across]
        lines.append(
            Line((name,), tuple(NOTHING if one is None else _delivered(one) for one in mine), (None,) * len(across))
        )
    return Table(
        "crossed",
        sentence("web.crossed", dimension=by_words(report.asked.dimensions)),
        _heads((first,)),
        tuple(Head(word) for word in words_of(second, across, registry)),
        tuple(lines),
        notes=(sentence("web.crossed-note"),),
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
    names = _named(dimensions, [row.keys for row in told.rows])
    heads = tuple(
        Head(side, name, sentence(f"reports.head-{name}")) for name in SHOWN_BESIDE for side in sides
    )
    return Table(
        "beside",
        sentence("web.beside-title", dimension=by_words(dimensions), this=sides[0], beside=sides[1]),
        _heads(dimensions),
        heads,
        tuple(_beside(name, row) for name, row in zip(names, told.rows, strict=True)),
        _beside((sentence("reports.total"),), told.totals),
        (sentence("web.beside-days"), sentence("reports.turns"), sentence("reports.not-read")),
        csv="beside",
    )


def _beside(names: tuple[str, ...], row: BesideRow) -> Line:
    numbers = row.numbers()
    pairs = [(name, side, numbers[side][name]) for name in SHOWN_BESIDE for side in SIDES]
    return Line(names, tuple(beside_cell(*one) for one in pairs), tuple(value for _, _, value in pairs))


def measured(told: Measured) -> Table:
    """A measure with what it says beside its figures; reasons with what to do about each."""
    heads = heads_of(told)
    names = _named(told.dimensions, [row.keys for row in told.rows])
    lines = tuple(_measured(heads, name, row.values) for name, row in zip(names, told.rows, strict=True))
    retired = [sentence("reports.retired", runs=number(told.retired))] if told.retired else []
    reasons = told.what == "reasons"
    return Table(
        told.what,
        f"{sentence(f'reports.what-{told.what}')} {by_words(told.dimensions)}".strip(),
        _heads(told.dimensions),
        tuple(Head(sentence(f"reports.head-{one}")) if one in _WORDS else head(one) for one in heads),
        lines,
        None if reasons else _measured(heads, (sentence("reports.total"),), told.totals),
        (*retired, *communes_said(told), sentence(f"reports.note-{told.what}")),
        folds=reasons,
        csv=told.what,
    )


def _measured(heads: Sequence[str], names: tuple[str, ...], values: Values) -> Line:
    figures = [values.get(f"{one}_s" if one.startswith("delay_") else one) for one in heads]
    rate = values.get("coverage_rate")
    return Line(
        names,
        tuple(cell_of(one, values) for one in heads),
        tuple(one if isinstance(one, int | float) else None for one in figures),
        bar(rate) if isinstance(rate, float) else None,
    )


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
        _heads((by,) if by else ()),
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
    keys = [key for key, _ in report.lines]
    found = places.labels(areas.load(), [key for key in keys if isinstance(key, Place)]) if report.by in AREAS else {}
    names = [_word(report.by, key, found) for key in keys]
    lines = [_heard((name,), heard) for name, (_, heard) in zip(names, report.lines, strict=True)]
    return Table(
        "broadcasts",
        sentence("reports.broadcasts-title", dimension=sentence(f"reports.by-{report.by}") if lines else "").strip(),
        _heads((report.by,) if lines else ()),
        tuple(head(f"broadcasts-{name}") for name in COUNTS),
        tuple(lines),
        _heard((sentence("reports.total"),), report.totals),
    )


def _heard(names: tuple[str, ...], heard: Heard) -> Line:
    return _counted(names, list(heard.document().values()))


def _word(by: str, key: Place | str, labels: Mapping[Place, str]) -> str:
    if isinstance(key, Place):
        return labels.get(key, key.name)
    return "/".join(reversed(key.split("-"))) if by == "day" else key


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
        (*(_heads((by,)) if named and by else ()), *(sentence(f"reports.head-{one}") for one in ("kind", "measure"))),
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


def _heads(dimensions: Iterable[str]) -> tuple[str, ...]:
    return tuple(sentence(f"reports.head-{by}") for by in dimensions)


def _named(dimensions: Sequence[str], keys: Sequence[Keys]) -> list[tuple[str, ...]]:
    """The names of lines, from what they are counted under."""
    registry: Registry | None = areas.load() if set(dimensions) & set(AREAS) else None
    columns = [words_of(by, [one[place] for one in keys], registry) for place, by in enumerate(dimensions)]
    return list(zip(*columns, strict=True))
