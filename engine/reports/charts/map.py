"""The map: a circle on each place, or its filled shape where the workspace has outlines.

Only the report's own rows are drawn, so that a published report shows publication units and nothing finer. What has no
place on a map (merged communes, a district that nobody can tell) is named in the text alternative.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, cast

from engine.areas.area import Era
from engine.areas.registry import Registry
from engine.i18n import number, sentence
from engine.reports.charts import look
from engine.reports.charts.bars import Line, details
from engine.reports.charts.chart import Chart
from engine.reports.charts.shapes import Point, Polygons, Shapes, flat, stretched
from engine.reports.charts.shares import Shares, percent, shares
from engine.reports.places import Place
from engine.reports.report import Report

_HEIGHT = 440
_LETTER, _LINE = 6.6, 14  # pixels of a letter's width and a line's height, at 11 pixels
_EDGES: tuple[dict[str, Any], ...] = ({"stroke": "#ffffff", "strokeWidth": 3}, {})  # a white edge below, then the word
_LIMITS = (0.5, 0.7, 0.85, 0.95)  # of the delivery rate; fixed, so that two years' maps can be laid side by side


class Spot(NamedTuple):
    """A place with somewhere to be drawn."""

    code: str
    name: str
    parts: Shares
    at: Point  # degrees


def map_of(
    report: Report, names: Mapping[Place, str], registry: Registry, shapes: Shapes | None = None
) -> Chart | None:
    """A map of a report by district or commune; None where no row has a place on it."""
    spots, without = _spots(report, names, registry)
    if not spots:
        return None
    filled = _filled(report, spots, registry, shapes) if shapes else []
    whole = shares(report.totals)
    text = sentence(
        f"charts.map-text-{'shapes' if filled else 'circles'}",
        places=number(len(spots)),
        to_send=number(whole.to_send),
        delivered=number(whole.delivered),
        rate=percent(whole.delivered, whole.to_send),
        details=details([Line(spot.name, spot.parts) for spot in spots]),
    )
    if without:
        text += " " + sentence("charts.map-without", places="; ".join(without))
    drawn = _shapes(spots, filled) if filled else _circles(spots)
    return Chart(f"map-{report.asked.by}", sentence(f"charts.map-title-{report.asked.by}"), text, drawn)


def _spots(report: Report, names: Mapping[Place, str], registry: Registry) -> tuple[list[Spot], list[str]]:
    spots, without = [], []
    for row in report.rows:
        place, parts = row.key, shares(row.figures)
        if not isinstance(place, Place) or not parts.to_send:
            continue
        name = names.get(place, place.name)
        if place.code is None:
            without.append(name)
            continue
        area = registry.get(cast("Era", place.era), place.code)
        spots.append(Spot(place.code, name, parts, (area.lon, area.lat)))
    return sorted(spots, key=lambda one: (-one.parts.to_send, one.code)), without


# --- circles -------------------------------------------------------------------------------------------


def _circles(spots: Sequence[Spot]) -> dict[str, Any]:
    """The outer circle is what was to be sent, the dark one inside it what was delivered; both by area."""
    import altair as alt

    middle = flat(spot.at for spot in spots)
    legend = [sentence("charts.to-send"), sentence("charts.part-delivered")]
    most = max(spot.parts.to_send for spot in spots)
    values: list[dict[str, Any]] = []
    for spot in spots:
        x, y = stretched(spot.at, middle)
        circles = {"whole": spot.parts.to_send, "part": spot.parts.delivered, "all": legend[0], "told": legend[1]}
        values.append({"x": x, "y": y} | circles)
    half = max(0.05, *(abs(value["y"]) for value in values)) * 1.2
    wide = max(half * look.WIDTH / _HEIGHT, *(abs(value["x"]) * 1.25 for value in values))
    half = max(half, wide * _HEIGHT / look.WIDTH)
    # With many places the largest circle is smaller, or it would cover its neighbours.
    largest = 2600 if len(spots) <= 12 else 900 if len(spots) <= 40 else 500
    size = alt.Scale(domain=[0, most], range=[0, largest])
    pixel = 2 * half / _HEIGHT  # in degrees of latitude
    below = [math.sqrt(spot.parts.to_send / most * largest / math.pi) + 9 for spot in spots]
    wanted = [
        _Word(value["x"], value["y"] - down * pixel, f"{spot.name} {_rate(spot)}")
        for spot, value, down in zip(spots, values, below, strict=True)
    ]
    colour = alt.Scale(domain=legend, range=[look.NONE, look.DARK])
    base = alt.Chart(look.data(values)).encode(
        x=alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-wide, wide])),
        y=alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-half, half])),
    )
    outer = base.mark_circle(stroke=look.INK, strokeWidth=1, opacity=1).encode(
        size=alt.Size("whole:Q", scale=size, legend=None), color=alt.Color("all:N", scale=colour, title=None)
    )
    inner = base.mark_circle(opacity=1).encode(
        size=alt.Size("part:Q", scale=size, legend=None), color=alt.Color("told:N", scale=colour, title=None)
    )
    words_apart = _apart(
        wanted, pixel, circles=[(value["x"], value["y"], down - 9) for value, down in zip(values, below, strict=True)]
    )
    names = base.properties(data=look.data([word._asdict() for word in words_apart]))
    words = [names.mark_text(fontSize=11, **edge).encode(text=alt.Text("text:N")) for edge in _EDGES]
    return look.finished(alt.layer(outer, inner, *words), width=look.WIDTH, height=_HEIGHT)


# --- shapes --------------------------------------------------------------------------------------------


class _Word(NamedTuple):
    """A name to be written, its middle in degrees on paper."""

    x: float
    y: float
    text: str


def _apart(words: Sequence[_Word], pixel: float, circles: Sequence[tuple[float, float, float]] = ()) -> list[_Word]:
    """Those of ``words`` that lie on no word before them and on no circle (x, y, radius in pixels).

    The largest places come first, so they are named.
    """
    kept: list[tuple[_Word, float, float]] = [
        (_Word(x, y, ""), radius * pixel, radius * pixel) for x, y, radius in circles
    ]
    for word in words:
        lines = word.text.split("\n")
        wide, tall = max(map(len, lines)) * _LETTER * pixel, len(lines) * _LINE * pixel
        if all(
            abs(word.x - other.x) > (wide + its_width) / 2 or abs(word.y - other.y) > (tall + its_height) / 2
            for other, its_width, its_height in kept
        ):
            kept.append((word, wide, tall))
    return [word for word, _, _ in kept if word.text]


def _rate(spot: Spot) -> str:
    return percent(spot.parts.delivered, spot.parts.to_send)


def _filled(report: Report, spots: Sequence[Spot], registry: Registry, shapes: Shapes) -> list[tuple[Polygons, str]]:
    """(outline of a commune of today, the row's code it counts for); none where the rows are communes of before."""
    if report.asked.by == "district":
        codes = {code: registry.historic_district("2025", code).district_code or "" for code in shapes.by_commune}
    elif report.asked.by == "commune" and report.asked.era == "2025":
        codes = {code: code for code in shapes.by_commune}
    else:
        return []
    # A map on which no row has a shape is another province's file: circles tell more.
    if not {spot.code for spot in spots} & set(codes.values()):
        return []
    return [(polygons, codes[code]) for code, polygons in sorted(shapes.by_commune.items())]


def _shapes(spots: Sequence[Spot], filled: Sequence[tuple[Polygons, str]]) -> dict[str, Any]:
    """Each outline filled by its row's delivery rate in five shades, which are as many greys on a copy."""
    import altair as alt

    middle = flat(point for polygons, _ in filled for polygon in polygons for ring in polygon for point in ring)
    by_code = {spot.code: spot for spot in spots}
    classes = [sentence("charts.rate-none"), *_classes()]
    features: list[dict[str, Any]] = []
    for polygons, code in filled:
        spot = by_code.get(code)
        rings = [[[list(stretched(point, middle)) for point in ring] for ring in polygon] for polygon in polygons]
        features.append(
            {
                "type": "Feature",
                "geometry": {"type": "MultiPolygon", "coordinates": rings},
                "rate": classes[0] if spot is None else classes[1 + _class(spot.parts)],
            }
        )
    drawn = {code for _, code in filled}
    wanted = [_Word(*stretched(spot.at, middle), f"{spot.name}\n{_rate(spot)}") for spot in spots if spot.code in drawn]
    points = [
        point for one in features for polygon in one["geometry"]["coordinates"] for ring in polygon for point in ring
    ]
    tall, wide = (max(p[axis] for p in points) - min(p[axis] for p in points) for axis in (1, 0))
    labels = _apart(wanted, max(tall / _HEIGHT, wide / look.WIDTH) or 1)
    area = (
        alt.Chart(look.data(features))
        .mark_geoshape(stroke=look.INK, strokeWidth=0.5)
        .encode(
            color=alt.Color(
                "rate:N",
                title=sentence("charts.rate-legend"),
                sort=classes,
                scale=alt.Scale(domain=classes, range=[look.NONE, *look.STEPS]),
            )
        )
    )
    names = alt.Chart(look.data([word._asdict() for word in labels])).encode(longitude="x:Q", latitude="y:Q")
    words = [names.mark_text(fontSize=11, lineBreak="\n", **edge).encode(text=alt.Text("text:N")) for edge in _EDGES]
    projection = alt.Projection(type="identity", reflectY=True)
    layers = [layer.properties(projection=projection) for layer in (area, *words)]
    return look.finished(alt.layer(*layers), width=look.WIDTH, height=_HEIGHT)


def _classes() -> list[str]:
    edges = [f"{limit * 100:.0f}%" for limit in _LIMITS]
    between = [f"{low} – {high}" for low, high in pairwise(edges)]
    return [sentence("charts.rate-below", limit=edges[0]), *between, sentence("charts.rate-from", limit=edges[-1])]


def _class(parts: Shares) -> int:
    return sum(parts.delivered / parts.to_send >= limit for limit in _LIMITS)
