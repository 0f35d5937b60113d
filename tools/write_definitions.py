"""Write the tables of docs/metrics.md and docs/vi/chi-so.md from the catalogue ``figures``, their one home.

    python tools/write_definitions.py

A table stands between ``<!-- figures: PART -->`` and ``<!-- end -->``; the rest of the files is written by hand.
"""

import re
from pathlib import Path

from engine.i18n import sentence, speaking
from engine.reports.defined import DEFINED, definition, in_json, label

DOCS = Path(__file__).parent.parent / "docs"
FILES = {"vi": DOCS / "vi" / "chi-so.md", "en": DOCS / "metrics.md"}
PLACE = re.compile(r"(?<=<!-- figures: )([a-z-]+)( -->\n)(.*?)(?=<!-- end -->)", re.DOTALL)


def table(part: str) -> str:
    """The figures of one part, a line each, in the language that is spoken."""
    heads = [sentence(f"web.{head}") for head in ("figure-name", "what-it-counts", "what-it-does-not-mean", "late")]
    lines = ["| " + " | ".join(heads) + " |", "|---|---|---|---|"]
    for name in DEFINED[part]:
        lines.append("| " + " | ".join((f"`{in_json(name)}`: {label(name)}", *definition(name))) + " |")
    return "\n".join(lines) + "\n"


def written(text: str) -> str:
    """A document with its tables as they should be."""
    return PLACE.sub(lambda found: found[1] + found[2] + table(found[1]), text)


def main() -> None:
    """Write both."""
    for language, path in FILES.items():
        with speaking(language):
            path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
