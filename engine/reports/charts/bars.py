"""Bars lying on their side: by place, and from targeted down to delivered."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from engine.i18n import number, sentence
from engine.reports.charts import look
from engine.reports.charts.chart import Chart
from engine.reports.charts.shares import Shares, handed_over, percent, shares
from engine.reports.places import Place
from engine.reports.report import Report

MOST_PLACES = 40  # a taller picture does not fit a page; the table has them all
SAID = 12  # places told by name in the text alternative


class Line(NamedTuple):
    """One place: its name, and the parts of its figures."""

    name: str
    parts: Shares


def by_place(report: Report, names: Mapping[Place, str]) -> Chart | None:
    """Delivered beside what was to be sent, a line a place, the largest first; None without rows.

    ``report`` is by district or commune; ``names`` are their labels (``engine.reports.places.labels``).
    """
    lines = lines_of(report, names)
    if not lines:
        return None
    title = sentence(f"charts.{report.asked.by}-title")
    whole = shares(report.totals)
    text = sentence(
        "charts.place-text",
        title=title,
        places=number(len(lines)),
        to_send=number(whole.to_send),
        delivered=number(whole.delivered),
        rate=percent(whole.delivered, whole.to_send),
        details=details(lines),
    )
    return Chart(report.asked.by, title, text, bars_of(lines[:MOST_PLACES]))


def lines_of(report: Report, names: Mapping[Place, str]) -> list[Line]:
    """The places with something to send, the largest first."""
    found = [
        Line(names.get(row.key, row.key.name), shares(row.figures)) for row in report.rows if isinstance(row.key, Place)
    ]
    return sorted((one for one in found if one.parts.to_send), key=lambda one: (-one.parts.to_send, one.name))


def details(lines: Sequence[Line], more: str = "charts.and-more") -> str:
    """``Cao Lộc 18.220/19.500 (93,4%); …``: the first dozen, and how many ``more`` there are (a sentence's key)."""
    told = [f"{one.name} {_measured(one.parts)}" for one in lines[:SAID]]
    if len(lines) > SAID:
        told.append(sentence(more, count=number(len(lines) - SAID)))
    return "; ".join(told)


def _measured(parts: Shares) -> str:
    rate = percent(parts.delivered, parts.to_send)
    return f"{number(parts.delivered)}/{number(parts.to_send)} ({rate})"


def bars_of(lines: Sequence[Line]) -> dict[str, Any]:
    """The definition: an outlined bar of what was to be sent, in it a dark one of what was delivered, its figures."""
    import altair as alt

    legend = [sentence("charts.to-send"), sentence("charts.part-delivered")]
    values = [
        {"name": one.name, "whole": one.parts.to_send, "part": one.parts.delivered, "label": _measured(one.parts)}
        | {"all": legend[0], "told": legend[1]}
        for one in lines
    ]
    most = max(one.parts.to_send for one in lines)
    order = [one.name for one in lines]
    colour = alt.Scale(domain=legend, range=[look.NONE, look.DARK])
    base = alt.Chart(look.data(values)).encode(y=alt.Y("name:N", sort=order, title=None))
    # The axis ends beyond the longest bar, so that its figures stand inside the picture.
    axis = alt.Axis(tickCount=4, format=",d")
    x = alt.X("whole:Q", title=sentence("charts.axis-turns"), scale=alt.Scale(domain=[0, most * 1.45]), axis=axis)
    outer = base.mark_bar(size=18, stroke=look.INK, strokeWidth=0.9).encode(
        x=x, color=alt.Color("all:N", scale=colour, title=None)
    )
    inner = base.mark_bar(size=10).encode(x=alt.X("part:Q"), color=alt.Color("told:N", scale=colour, title=None))
    told = base.mark_text(align="left", dx=5).encode(x=alt.X("whole:Q"), text=alt.Text("label:N"))
    return look.finished(alt.layer(outer, inner, told), width=look.WIDTH - 170, height=look.BAR * len(lines))


def funnel(report: Report) -> Chart | None:
    """From all that was targeted to what operators confirmed, of any report's totals; None where there is nothing."""
    totals = report.totals
    if not totals.targeted:
        return None
    parts = shares(totals)
    counts = {
        "targeted": totals.targeted,
        "to-send": parts.to_send,
        "handed": handed_over(totals),
        "delivered": parts.delivered,
    }
    values = [
        {
            "name": sentence(f"charts.funnel-{key}"),
            "count": count,
            "label": f"{number(count)} ({percent(count, totals.targeted)})",
        }
        for key, count in counts.items()
    ]
    text = sentence("charts.funnel-text", details="; ".join(f"{one['name']} {one['label']}" for one in values))
    return Chart("funnel", sentence("charts.funnel-title"), text, _funnel(values, totals.targeted))


def _funnel(values: list[dict[str, Any]], most: int) -> dict[str, Any]:
    import altair as alt

    order = [one["name"] for one in values]
    shades = [look.NONE, look.STEPS[0], look.STEPS[2], look.DARK]
    base = alt.Chart(look.data(values)).encode(
        y=alt.Y("name:N", sort=order, title=None),
        x=alt.X("count:Q", axis=None, scale=alt.Scale(domain=[0, most * 1.35])),
    )
    bars = base.mark_bar(size=24, stroke=look.INK, strokeWidth=0.9).encode(
        color=alt.Color("name:N", sort=order, scale=alt.Scale(domain=order, range=shades), legend=None)
    )
    told = base.mark_text(align="left", dx=6).encode(text=alt.Text("label:N"))
    return look.finished(alt.layer(bars, told), width=look.WIDTH - 200, height=34 * len(values))
