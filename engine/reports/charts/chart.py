"""A chart: its definition, and how it becomes a picture. Nothing is fetched; the letters are ours.

The definition is a Vega-Lite document made by Altair. Both libraries are loaded when a chart is drawn and not before:
together they take half a second.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from engine.i18n import language

FONT = "Loa Sans"
_FONTS = Path(__file__).parent / "fonts"
_ROLES = re.compile(r' (?:role="graphics-[a-z]+"|aria-roledescription="[^"]*")')
# Thousands and decimals as people here write them, on the axes too.
_NUMBERS = {
    "vi": {"decimal": ",", "thousands": ".", "grouping": [3], "currency": ["", " đ"]},
    "en": {"decimal": ".", "thousands": ",", "grouping": [3], "currency": ["", " VND"]},
}


# The library calls each group of marks a symbol of its own, without a name: a screen reader would stop at all of them.
_PARTS = re.compile(r' (?:role="graphics-[a-z]+"|aria-roledescription="[^"]*")')


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture-to-be. ``key`` names it in files and pages; ``text`` says in words and figures what it shows."""

    key: str
    title: str
    text: str
    definition: Mapping[str, Any]

    def svg(self, *, with_fonts: bool = False) -> str:
        """The picture as SVG with its text alternative inside.

        ``with_fonts`` puts the letters inside too (93 KB), for an SVG that stands alone; a page that shows several
        has ``font_face()`` in its style once.
        """
        drawn = self._drawn()
        opening, _, inside = drawn.partition(">")
        inside = _ROLES.sub("", inside)  # a picture is one thing to who listens; roles of its parts would want names
        style = f"<style>{font_face()}</style>" if with_fonts else ""
        named = f' role="img" aria-label="{escape(self.text)}"'
        inside = _PARTS.sub("", inside)
        return f"{opening}{named}><title>{escape(self.title)}</title><desc>{escape(self.text)}</desc>{style}{inside}"

    def png(self, *, scale: float = 2.0) -> bytes:
        """The picture as PNG, ``scale`` pixels for each of the definition's."""
        import vl_convert

        return bytes(vl_convert.svg_to_png(self._drawn(), scale=scale))

    def _drawn(self) -> str:
        import vl_convert

        _letters()
        return str(
            vl_convert.vegalite_to_svg(dict(self.definition), allowed_base_urls=[], format_locale=_NUMBERS[language()])
        )


@cache
def _letters() -> None:
    import vl_convert

    vl_convert.register_font_directory(str(_FONTS))


@cache
def font_face() -> str:
    """CSS that brings the letters of our charts along."""
    faces = []
    for file, weight in (("LoaSans-Regular.ttf", "normal"), ("LoaSans-Bold.ttf", "bold")):
        data = base64.b64encode((_FONTS / file).read_bytes()).decode()
        faces.append(
            f'@font-face{{font-family:"{FONT}";font-weight:{weight};'
            f'src:url("data:font/ttf;base64,{data}") format("truetype")}}'
        )
    return "".join(faces)
