"""*Báo cáo*: the figures along one dimension, each of them opening to what it counts, and the files to take away.

Exact, for the officers' own eyes, and the pages say so: what is passed on is made with publication units.
"""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from engine.areas import registry as areas
from engine.i18n import number, sentence
from engine.pipeline.dashboard_users import record
from engine.reports.as_table import ALWAYS, cells, labels
from engine.reports.figures import COLUMNS, Figures
from engine.reports.report import DIMENSIONS, Report, make_report
from engine.web.desk import Desk
from engine.web.downloads import FORMS
from engine.web.page import page, percent
from engine.web.pictures import bar, bars
from engine.web.report_asked import Question, read_question

AREAS = ("district", "commune")
MOST_BARS = 60  # a picture of more says nothing; the table has all of them


def report(desk: Desk, request: Request) -> Response:
    """The form, and below it the report it asks for."""
    known = desk.known()
    question = read_question(request.query_params, known)
    made = _made(desk, question)
    snapshots = desk.snapshots()
    return page(
        request,
        "report.html",
        status=400 if question.problems else 200,
        question=question,
        problems=dict(question.problems),
        known=[(key, desk.title(key, snapshots)) for key in known],
        dimensions=DIMENSIONS,
        report=made,
        table=_table(made) if made else None,
        forms=FORMS,
    )


def figure(desk: Desk, request: Request) -> Response:
    """One figure: what it counts, what it does not mean, and where it comes from."""
    name = request.path_params["name"]
    question = read_question(request.query_params, desk.known())
    if name not in COLUMNS or question.problems:
        raise HTTPException(404)
    made = _made(desk, question)
    return page(
        request,
        "figure.html",
        name=name,
        question=question,
        dimensions=DIMENSIONS,
        report=made,
        total=_written(made.totals, name) if made else None,
        bars=_bars(made, name) if made else [],
        left_out=max(0, len(made.rows) - MOST_BARS) if made else 0,
        columns=COLUMNS,
    )


def download(desk: Desk, request: Request) -> Response:
    """The report as a file; who took it, and what it was about, is in the audit log."""
    question = read_question(request.query_params, desk.known())
    form = FORMS.get(request.query_params.get("format", ""))
    made = _made(desk, question)
    if made is None or form is None:
        raise HTTPException(404)
    content = form.write(made)
    user = request.scope["state"]["visit"].user
    record(desk.process, "download", user, f"{form.name} {question.by} {' '.join(question.campaigns)}")
    file = f"bao-cao-{question.campaigns[0]}-{question.by}-{made.as_of:%Y%m%d-%H%M}.{form.name}"
    return Response(content, media_type=form.media, headers={"content-disposition": f'attachment; filename="{file}"'})


def _made(desk: Desk, question: Question) -> Report | None:
    if question.asked is None:
        return None
    process = desk.process
    return make_report(process.database, areas.load, process.snapshot, question.asked, process.clock.now())


def _names(made: Report) -> list[str]:
    return labels(made, areas.load() if made.asked.by in AREAS else None)


def _table(made: Report) -> dict[str, object]:
    """The table as the screen of ``loa report`` has it: columns that are zero in every row are left out and named."""
    totals = made.totals.document()
    shown = [name for name in COLUMNS if name in ALWAYS or totals[name]]
    rates = [row.figures.delivery_rate for row in made.rows]
    return {
        "columns": shown,
        "rows": [
            (name, cells(row.figures, shown), bar(rate))
            for name, row, rate in zip(_names(made), made.rows, rates, strict=True)
        ],
        "totals": cells(made.totals, shown),
        "total_bar": bar(made.totals.delivery_rate),
        "left_out": ", ".join(sentence(f"reports.head-{name}") for name in COLUMNS if name not in shown),
    }


def _bars(made: Report, name: str) -> list[tuple[object, str]]:
    """(bar, share of the sum) of each row, the largest first; a rate has no share."""
    document = [row.figures.document()[name] or 0 for row in made.rows]
    found = sorted(zip(_names(made), document, made.rows, strict=True), key=lambda one: -one[1])[:MOST_BARS]
    whole = made.totals.document()[name] or 0
    drawn = bars([(label, float(value), _written(row.figures, name)) for label, value, row in found])
    is_rate = name == "delivery_rate"
    shares = ["" if is_rate or not whole else percent(value / whole, 1) for _, value, _ in found]
    return list(zip(drawn, shares, strict=True))


def _written(figures: Figures, name: str) -> str:
    value = figures.document()[name]
    return percent(value, 1) if name == "delivery_rate" else number(value or 0)
