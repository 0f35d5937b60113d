"""What all our charts look like.

Light and dark tell the parts apart before hue does, outlines and written figures after it: the pictures are printed in
black and white, photocopied, and read by people who do not see red or green. Blue and orange are of the palette of
Okabe and Ito (2008).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.reports.charts.chart import FONT

DARK, LIGHT, NONE = "#0b4f8a", "#f0b13c", "#ffffff"  # lightness 33, 76 and 100 of 100
INK, LINE = "#1a1a1a", "#555555"
STEPS = ("#dbe9f6", "#a6cce6", "#62a1d0", "#2a6fb0", "#0a3a70")  # from little to much: lightness 92, 80, 64, 46, 24
WIDTH = 620  # pixels; 16 cm of paper at 100 a inch
BAR = 26  # pixels for a line of bars


def theme() -> dict[str, Any]:
    """The ``config`` of every definition. ``aria`` is off: one sentence says it, not each mark its number."""
    text = {"labelFont": FONT, "titleFont": FONT, "labelColor": INK, "titleColor": INK, "labelFontSize": 12}
    return {
        "aria": False,
        "background": "#ffffff",
        "font": FONT,
        "padding": 8,
        "view": {"stroke": None},
        "text": {"font": FONT, "fontSize": 12, "color": INK},
        "axis": text | {"titleFontSize": 12, "titleFontWeight": "normal", "grid": False, "domainColor": LINE,
                        "tickColor": LINE, "labelLimit": 260},
        "legend": text | {"titleFontSize": 12, "orient": "top", "symbolStrokeColor": INK, "labelLimit": 400,
                          "titleLimit": 400, "titleFontWeight": "normal"},
    }  # fmt: skip


def data(values: Sequence[Mapping[str, Any]]) -> Any:
    """Rows for an Altair chart."""
    import altair

    build: Any = altair.Data  # untyped there
    return build(values=list(values))


def finished(chart: Any, **size: Any) -> dict[str, Any]:
    """The document of an Altair chart, checked by Altair against Vega-Lite's schema."""
    return dict(chart.properties(**size).configure(**theme()).to_dict())
