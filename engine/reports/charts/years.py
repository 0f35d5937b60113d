"""Two years (or two campaigns) side by side, a pair of bars a place."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.i18n import number, sentence
from engine.reports.charts import look
from engine.reports.charts.bars import MOST_PLACES, Line, lines_of
from engine.reports.charts.chart import Chart
from engine.reports.charts.shares import Shares, percent, shares
from engine.reports.places import Place
from engine.reports.report import Report

_NOTHING = Shares(0, 0, 0, 0)


def years(earlier: tuple[str, Report], later: tuple[str, Report], names: Mapping[Place, str]) -> Chart | None:
    """Delivered in two reports by district or commune, each with what it is called; None when both are empty."""
    labels = (earlier[0], later[0])
    lines = tuple({one.name: one for one in lines_of(report, names)} for _, report in (earlier, later))
    places = sorted(
        lines[0].keys() | lines[1].keys(), key=lambda name: (-max(_delivered(side, name) for side in lines), name)
    )
    if not places:
        return None
    told = []
    for label, report in (earlier, later):
        whole = shares(report.totals)
        told.append(
            sentence(
                "charts.years-one",
                year=label,
                delivered=number(whole.delivered),
                to_send=number(whole.to_send),
                rate=percent(whole.delivered, whole.to_send),
            )
        )
    text = sentence("charts.years-text", first=told[0], second=told[1], places=number(len(places)))
    return Chart(
        "years", sentence("charts.years-title", first=labels[0], second=labels[1]), text,
        _definition(labels, lines, places[:MOST_PLACES]),
    )  # fmt: skip


def _delivered(lines: Mapping[str, Line], name: str) -> int:
    return lines[name].parts.delivered if name in lines else 0


def _definition(labels: tuple[str, str], lines: Sequence[Mapping[str, Line]], places: Sequence[str]) -> dict[str, Any]:
    import altair as alt

    values: list[dict[str, Any]] = []
    for label, side in zip(labels, lines, strict=True):
        for name in places:
            parts = side[name].parts if name in side else _NOTHING
            rate = percent(parts.delivered, parts.to_send)
            written = f"{number(parts.delivered)} ({rate})" if parts.to_send else "0"
            values.append({"name": name, "year": label, "count": parts.delivered, "label": written})
    most = max(1, *(value["count"] for value in values))
    axis = alt.Axis(tickCount=4, format=",d")
    base = alt.Chart(look.data(values)).encode(
        y=alt.Y("name:N", sort=list(places), title=None),
        yOffset=alt.YOffset("year:N", sort=list(labels)),
        x=alt.X("count:Q", title=sentence("charts.axis-delivered"), scale=alt.Scale(domain=[0, most * 1.4]), axis=axis),
    )
    scale = alt.Scale(domain=list(labels), range=[look.LIGHT, look.DARK])
    bars = base.mark_bar(stroke=look.INK, strokeWidth=0.8).encode(color=alt.Color("year:N", scale=scale, title=None))
    told = base.mark_text(align="left", dx=5, fontSize=11).encode(text=alt.Text("label:N"))
    return look.finished(alt.layer(bars, told), width=look.WIDTH - 170, height=44 * len(places))
