"""The course of a campaign: what was to go out on each day, and what became of it."""

from collections.abc import Sequence
from datetime import date
from typing import Any, TypeAlias

from engine.i18n import number, sentence
from engine.reports.charts import look
from engine.reports.charts.chart import Chart
from engine.reports.charts.shares import Shares, percent, shares
from engine.reports.report import Report

_Day: TypeAlias = tuple[date, Shares]
_PARTS = ("delivered", "lost", "waiting")
_MOST_LABELS = 16  # beyond these the figures above the bars would touch


def course(report: Report) -> Chart | None:
    """Bars by the day on which runs were due, from a report ``by`` day; None without rows."""
    if not report.rows:
        return None
    days = [(date.fromisoformat(str(row.key)), shares(row.figures)) for row in report.rows]
    title = sentence("charts.course-title")
    return Chart("course", title, _text(report, days), _definition(days))


def _text(report: Report, days: Sequence[_Day]) -> str:
    whole = shares(report.totals)
    most_day, most = max(days, key=lambda one: one[1].to_send)
    return sentence(
        "charts.course-text",
        first=f"{days[0][0]:%d/%m/%Y}",
        last=f"{days[-1][0]:%d/%m/%Y}",
        days=number(len(days)),
        to_send=number(whole.to_send),
        delivered=number(whole.delivered),
        rate=percent(whole.delivered, whole.to_send),
        lost=number(whole.lost),
        waiting=number(whole.waiting),
        most_day=f"{most_day:%d/%m/%Y}",
        most=number(most.to_send),
    )


def _definition(days: Sequence[_Day]) -> dict[str, Any]:
    import altair as alt

    names = {part: sentence(f"charts.part-{part}") for part in _PARTS}
    several_years = len({day.year for day, _ in days}) > 1
    written = [f"{day:%d/%m/%y}" if several_years else f"{day:%d/%m}" for day, _ in days]
    values = [
        {"day": label, "part": names[part], "place": place, "count": getattr(parts, part)}
        for label, (_, parts) in zip(written, days, strict=True)
        for place, part in enumerate(_PARTS)
    ]
    x = alt.X("day:O", sort=written, title=sentence("charts.axis-day"), axis=alt.Axis(labelAngle=0, labelOverlap=True))
    bars = (
        alt.Chart(look.data(values))
        .mark_bar(stroke=look.INK, strokeWidth=0.8)
        .encode(
            x=x,
            y=alt.Y("count:Q", title=sentence("charts.axis-turns"), axis=alt.Axis(tickCount=5, format=",d")),
            color=alt.Color(
                "part:N",
                title=None,
                sort=list(names.values()),
                scale=alt.Scale(domain=list(names.values()), range=[look.DARK, look.LIGHT, look.NONE]),
            ),
            order=alt.Order("place:Q"),
        )
    )
    if len(days) > _MOST_LABELS:
        return look.finished(bars, width=look.WIDTH, height=230)
    tops = [
        {"day": label, "count": parts.to_send, "label": number(parts.to_send)}
        for label, (_, parts) in zip(written, days, strict=True)
    ]
    labels = alt.Chart(look.data(tops)).mark_text(dy=-7).encode(x=x, y=alt.Y("count:Q"), text=alt.Text("label:N"))
    return look.finished(alt.layer(bars, labels), width=look.WIDTH, height=230)
