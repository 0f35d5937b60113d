"""A script to read aloud, as a PDF of one A4 page in large type; a long one goes on to a second rather than shrink.

The enclosed font has the Latin alphabets: Vietnamese, Tày, Nùng, Dao, Mông and the like. Khmer, Lao, Thai, Burmese and
Chinese it cannot set (they need shaping, or a font of many megabytes): ``letters_missing`` says so beforehand.
"""

import io
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from engine.errors import LoaError

FONTS = Path(__file__).parent / "fonts"  # DejaVu Sans, a subset; its licence lies beside it
LARGEST, SMALLEST = 28, 16  # points of the script: read at arm's length, standing
_MARGIN = 54  # points
_SHOWN = 12  # missing letters named


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands on the page: a heading, lines below it (where, when, how long), the script, a foot."""

    title: str
    about: tuple[str, ...]
    script: str
    foot: str = ""


def letters_missing(text: str) -> str:
    """The letters of ``text`` that the font lacks, each once; "" when it can be set."""
    known = _font().face.charToGlyph
    wanted = dict.fromkeys(unicodedata.normalize("NFC", text))
    return "".join(letter for letter in wanted if not letter.isspace() and ord(letter) not in known)


def script_pdf(sheet: Sheet) -> bytes:
    """The page as a PDF, the same bytes for the same sheet.

    Raises ``LoaError`` (``loudspeaker.cannot-set``) naming letters that the font lacks.
    """
    missing = letters_missing("".join((sheet.title, *sheet.about, sheet.script, sheet.foot)))
    if missing:
        raise LoaError("loudspeaker.cannot-set", letters=" ".join(missing[:_SHOWN]))
    made, pages = _set(sheet, LARGEST)
    fits, not_any_more = SMALLEST, LARGEST  # the largest size that gives one page lies between them
    if pages > 1:
        made, pages = _set(sheet, SMALLEST)
        while pages == 1 and not_any_more - fits > 1:
            middle = (fits + not_any_more) // 2
            tried, needed = _set(sheet, middle)
            if needed == 1:
                made, fits = tried, middle
            else:
                not_any_more = middle
    return made


def _set(sheet: Sheet, size: int) -> tuple[bytes, int]:
    """The PDF with the script in ``size`` points, and how many pages it takes."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import HRFlowable, Paragraph, SimpleDocTemplate, Spacer

    name = _font().fontName
    plain = ParagraphStyle("script", fontName=name, fontSize=size, leading=size * 1.5, spaceAfter=size * 0.6)
    title = ParagraphStyle("title", fontName=f"{name}-Bold", fontSize=20, leading=26, spaceAfter=6)
    about = ParagraphStyle("about", fontName=name, fontSize=14, leading=20)
    story: list[Any] = [Paragraph(_marked(sheet.title), title)]
    story += [Paragraph(_marked(line), about) for line in sheet.about]
    story += [Spacer(1, 8), HRFlowable(width="100%", thickness=1, color="black"), Spacer(1, 12)]
    story += [Paragraph(_marked(line), plain) for line in sheet.script.split("\n") if line.strip()]
    written = io.BytesIO()
    document = SimpleDocTemplate(
        written, pagesize=A4, leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_MARGIN, bottomMargin=_MARGIN + 14,
        invariant=1, title=sheet.title, author=" ", subject=" ",
    )  # fmt: skip

    def foot(canvas: Any, made: Any) -> None:
        canvas.setFont(name, 10)
        canvas.drawString(_MARGIN + 6, 36, unicodedata.normalize("NFC", sheet.foot))
        if made.page > 1:
            canvas.drawRightString(A4[0] - _MARGIN - 6, 36, str(made.page))

    document.build(story, onFirstPage=foot, onLaterPages=foot)
    return written.getvalue(), document.page


def _marked(text: str) -> str:
    """Text as reportlab's markup reads it: whatever an officer writes is only ever text."""
    return escape(unicodedata.normalize("NFC", text))


@cache
def _font() -> Any:
    """The font, registered once a process under its own name, with its bold."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    plain = TTFont("LoaSans", str(FONTS / "DejaVuSans-Latin.ttf"))
    pdfmetrics.registerFont(plain)
    pdfmetrics.registerFont(TTFont("LoaSans-Bold", str(FONTS / "DejaVuSans-Bold-Latin.ttf")))
    return plain
