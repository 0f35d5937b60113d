"""The e-mail to a relay: the stored words, the same as HTML, and the print of what is to be read. Made for one call."""

import html
import re
from dataclasses import replace

from engine.channels.base import Letter, Outgoing
from engine.errors import LoaError
from engine.pipeline import relay_link
from engine.pipeline.process import Process
from engine.pipeline.script_sheet import Script, script_of
from engine.reports.script_pages import pdf_of
from engine.store import broadcasts

PRINT_NAME = "bai-doc.pdf"
_LINK = re.compile(r"https?://[^\s<>\"]+")
# No picture, no font, no colour: nothing is loaded from anywhere when it is opened.
_PAGE = (
    '<!doctype html><html lang="{tongue}"><head><meta charset="utf-8"><title>{subject}</title></head>'
    '<body style="font-size:18px;line-height:1.5">{words}</body></html>'
)


def as_letter(process: Process, message: Outgoing) -> Outgoing:
    """``message``, whose body is subject and words, as an e-mail. 30 ms for the print: not for the event loop.

    Raises ``LookupError`` when its broadcast is gone.
    """
    with process.database.read() as connection:
        found = broadcasts.of_delivery(connection, message.delivery_id)
        token = relay_link.token_of(process.keyring, *found) if found else ""
        row = broadcasts.one(connection, relay_link.hash_of(token))
    if row is None:
        raise LookupError(message.delivery_id)
    script = script_of(process, row)
    subject, _, words = message.body.partition("\n\n")
    made = _print_of(script)
    if made is not None:
        said, _, signed = words.rpartition("\n\n")
        words = f"{said}\n\n{script.say('letter-print')}\n\n{signed}"
    # The instant too: a database that was restored gives the same numbers to other e-mails.
    mark = process.keyring.sign(f"/m/{message.delivery_id}.{token}.{row.planned_at.isoformat()}")
    letter = Letter(
        subject=subject,
        html=_html(subject, words, script.tongue),
        reference=f"loa.{message.delivery_id}.{mark}",
        language=script.tongue,
        print_pdf=made,
        print_name=PRINT_NAME,
    )
    return replace(message, body=words, letter=letter)


def _print_of(script: Script) -> bytes | None:
    """The one page in large type; None for a language whose letters the font lacks: the link shows it."""
    try:
        return pdf_of(script)
    except LoaError:
        return None


def _html(subject: str, words: str, tongue: str) -> str:
    paragraphs = []
    for paragraph in words.split("\n\n"):
        marked = _LINK.sub(lambda link: f'<a href="{link[0]}">{link[0]}</a>', html.escape(paragraph))
        paragraphs.append(f"<p>{marked.replace(chr(10), '<br>')}</p>")
    return _PAGE.format(tongue=tongue, subject=html.escape(subject), words="".join(paragraphs))
