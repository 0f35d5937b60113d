"""Makes engine/reports/charts/fonts/*.ttf: DejaVu Sans cut down to what Vietnamese and English charts write.

Run as: python tools/make_chart_fonts.py /usr/share/fonts/truetype/dejavu   (needs fonttools; DejaVu 2.37)

The cut has a name of its own, "Loa Sans", as the licence asks of changed fonts that could be taken for others, and so
that no machine's own version of DejaVu draws a chart of ours differently.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FAMILY = "Loa Sans"
TARGET = Path(__file__).parent.parent / "engine" / "reports" / "charts" / "fonts"
LETTERS = [
    *range(0x20, 0x7F), *range(0xA0, 0x180), 0x1A0, 0x1A1, 0x1AF, 0x1B0, *range(0x300, 0x304), 0x306, 0x309, 0x31B,
    0x323, *range(0x1EA0, 0x1EFA), *range(0x2010, 0x2027), 0x2030, 0x20AB, 0x2190, 0x2192, 0x2212, 0x2264, 0x2265,
]  # fmt: skip


def cut(source: Path, target: Path, style: str) -> None:
    """Write the cut of ``source``; the same input gives the same bytes."""
    options = subset.Options()
    options.hinting = False  # charts are drawn from outlines
    options.layout_features = ["ccmp", "kern", "mark", "mkmk"]
    options.recalc_timestamp = False
    font = TTFont(source, recalcTimestamp=False)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=LETTERS)
    cutter.subset(font)
    names = {1: FAMILY, 2: style, 3: f"{FAMILY} {style}", 4: f"{FAMILY} {style}", 6: f"LoaSans-{style}"}
    for record in list(font["name"].names):
        if record.nameID in names:
            record.string = names[record.nameID]
        elif record.nameID in (16, 17):
            font["name"].names.remove(record)
    font.save(target)


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    for file, style in (("DejaVuSans.ttf", "Regular"), ("DejaVuSans-Bold.ttf", "Bold")):
        cut(Path(sys.argv[1]) / file, TARGET / f"LoaSans-{style}.ttf", style)


if __name__ == "__main__":
    main()
