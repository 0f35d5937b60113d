"""Bars lying on their side for what is no place and no day: steps, hours, channels, senders, arms …"""

from engine.i18n import number, sentence
from engine.reports.as_table import labels
from engine.reports.charts.bars import MOST_PLACES, Line, bars_of, details
from engine.reports.charts.chart import Chart
from engine.reports.charts.shares import percent, shares
from engine.reports.report import Report


def by_value(report: Report) -> Chart | None:
    """Delivered beside what was to be sent, a line a value in the report's own order; None for fewer than two."""
    named = zip(labels(report, None), report.rows, strict=True)
    lines = [one for one in (Line(name, shares(row.figures)) for name, row in named) if one.parts.to_send]
    if len(lines) < 2:
        return None
    title = sentence("charts.value-title", dimension=sentence(f"reports.by-{report.asked.by}"))
    whole = shares(report.totals)
    text = sentence(
        "charts.value-text",
        title=title,
        lines=number(len(lines)),
        to_send=number(whole.to_send),
        delivered=number(whole.delivered),
        rate=percent(whole.delivered, whole.to_send),
        details=details(lines, more="charts.and-more-values"),
    )
    return Chart(report.asked.by, title, text, bars_of(lines[:MOST_PLACES]))
