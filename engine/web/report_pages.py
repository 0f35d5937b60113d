"""*Báo cáo*: the figures along one dimension or two, as charts, a map and tables, and the files to take away.

Exact, for the officers' own eyes, and the pages say so: what is passed on is made with publication units.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from engine.i18n import sentence
from engine.pipeline.dashboard_users import record
from engine.reports.beside import Beside
from engine.reports.defined import DEFINED, PART_OF, definition, label
from engine.reports.dimensions import DIMENSIONS
from engine.reports.measured import Measured
from engine.reports.report import Report
from engine.reports.told import Tellable, Told, ToldDerived
from engine.reports.wanted import ONLY_ACTIVITIES
from engine.web import downloads, other_tables, report_tables
from engine.web.charts import Charts
from engine.web.desk import Desk
from engine.web.elsewhere import Elsewhere, NotDone
from engine.web.page import page
from engine.web.pictures import Picture
from engine.web.report_asked import ALL, WHATS, Question, read_question
from engine.web.tables import Line, Table

EVERY = 10_000_000
MOST_LINES = 60  # of a figure's bars: a picture of more says nothing; the table has all of them


@dataclass(frozen=True, slots=True)
class Shown:
    """What was told, and its tables (none: there is nothing to count yet)."""

    told: Tellable
    tables: tuple[Table, ...]

    @property
    def about(self) -> Report | Measured | Told:
        """Whose moment and campaigns the page names."""
        if isinstance(self.told, ToldDerived):
            made = self.told.made
            return made.this if isinstance(made, Beside) else made
        assert isinstance(self.told, Told)
        return self.told


class ReportPages:
    """The pages, with what they have made elsewhere: charts in one process, files in another."""

    def __init__(self, desk: Desk, charts: Charts | None = None, files: Elsewhere | None = None) -> None:
        self._desk = desk
        self._charts = charts or Charts(desk.process.settings.workspace)
        self._files = files or Elsewhere()

    def report(self, request: Request) -> Response:
        """The form, and below it the report it asks for."""
        desk = self._desk
        known = desk.known()
        question = read_question(request.query_params, known)
        shown = _shown(desk, question)
        snapshots = desk.snapshots()
        drawn, why = self._drawn(shown)
        return page(
            request,
            "report.html",
            status=400 if question.problems else 200,
            question=question,
            problems=dict(question.problems),
            known=[(key, desk.title(key, snapshots)) for key in known],
            dimensions=DIMENSIONS,
            only_activities=ONLY_ACTIVITIES,
            parts=[(one, question.part(one)) for one in WHATS] if shown else [],
            shown=shown,
            pictures=drawn,
            no_pictures=why,
            files=downloads.choices(question) if shown else ([], []),
            only=lambda part: question.address("/report/file", format="csv", part=part),
        )

    def figure(self, request: Request) -> Response:
        """One figure: what it counts, what it does not mean, what late receipts do to it, and where it comes from."""
        name = request.path_params["name"]
        question = read_question(request.query_params, self._desk.known())
        if name not in PART_OF or question.problems:
            raise HTTPException(404)
        shown = _shown(self._desk, question, whole=True)
        column = _column(shown, name) if shown else None
        lines = sorted(column.lines, key=_largest) if column and PART_OF[name] == "deliveries" else []
        return page(
            request,
            "figure.html",
            name=name,
            label=label(name),
            definition=definition(name),
            question=question,
            dimensions=DIMENSIONS if question.what == ALL and not question.beside else (),
            shown=shown,
            table=column,
            lines=(lines or (column.lines if column else ()))[:MOST_LINES],
            left_out=max(0, len(column.lines) - MOST_LINES) if column else 0,
            alike=[(one, label(one)) for one in DEFINED[PART_OF[name]]],
        )

    def download(self, request: Request) -> Response:
        """The report as a file; who took it, and what it was about, is in the audit log."""
        desk, asked = self._desk, request.query_params
        question = read_question(asked, desk.known())
        form, publish = asked.get("format", ""), bool(asked.get("publish"))
        try:
            made = downloads.download(
                desk.process, self._files, question, form, asked.get("part", ""), publish=publish
            )  # fmt: skip
        except KeyError:
            raise HTTPException(404) from None
        user = request.scope["state"]["visit"].user
        detail = " ".join([form, "published" if publish else "exact", question.along, *question.campaigns])
        record(desk.process, "download", user, detail)
        named = {"content-disposition": f'attachment; filename="{made.name}"'}
        return Response(made.content, media_type=made.media, headers=named)

    def _drawn(self, shown: Shown | None) -> tuple[list[Picture], str]:
        """The page's pictures, or the sentence that stands in their place."""
        if shown is None:
            return [], ""
        reports, beside = _to_draw(shown.told)
        try:
            found = self._charts.of(reports, beside) if reports or beside else ()
        except NotDone as why:
            return [], sentence("web.no-charts", why=why)
        return [Picture(Markup(one.svg), one.title, one.text) for one in found], ""  # noqa: S704  (ours, escaped there)


def _to_draw(told: Tellable) -> tuple[Sequence[Report], Sequence[Report]]:
    if isinstance(told, ToldDerived) and isinstance(told.made, Beside):
        return (), (told.made.beside, told.made.this)
    if isinstance(told, Told) and told.deliveries is not None and told.deliveries.rows:
        return (told.deliveries,), ()
    return (), ()


def _shown(desk: Desk, question: Question, *, whole: bool = False) -> Shown | None:
    if question.wanted is None:
        return None
    told = desk.told(question.wanted)
    return Shown(told, tuple(_tables(told, EVERY if whole else report_tables.MOST_LINES)))


def _tables(told: Tellable, most: int) -> list[Table]:
    if isinstance(told, ToldDerived):
        made = told.made
        if isinstance(made, Beside):
            return [report_tables.beside(made)] if made.rows else []
        return [report_tables.measured(made, most)]
    assert isinstance(told, Told)
    found: list[Table] = []
    if told.deliveries is not None and told.deliveries.rows:
        if told.deliveries.asked.second is not None and most < EVERY:
            found += filter(None, [report_tables.crossed(told.deliveries)])
        found.append(report_tables.deliveries(told.deliveries, most))
    if told.posts is not None and not told.posts.empty:
        found.append(other_tables.on_pages(told.posts))
    if told.broadcasts is not None:
        found.append(other_tables.read_aloud(told.broadcasts))
    if told.activities is not None and not told.activities.empty:
        found.append(other_tables.by_hand(told.activities))
    return found


def _column(shown: Shown, name: str) -> Table | None:
    return next((found for table in shown.tables if (found := table.column(name)) is not None), None)


def _largest(line: Line) -> float:
    return -(line.values[0] or 0)
