"""What a relay gets by SMS or e-mail: where the script is and when it is to be read; and the one reminder. Pure.

The words are ours and not the officer's: they say nothing of what is to be read, or why, to whoever sees the phone.
"""

from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from engine.content import skeleton
from engine.content.message import Accents
from engine.content.skeleton import Slot
from engine.content.template import Rendered
from engine.i18n import sentence_in

_MARK = "\N{OBJECT REPLACEMENT CHARACTER}"  # stands for the link until the words are cut

Kind = Literal["invitation", "reminder"]


def tongue(language: str) -> str:
    """The language of our own words for somebody who reads ``language``."""
    return "en" if language.partition("-")[0] == "en" else "vi"


def invitation(kind: Kind, language: str, due: datetime, zone: ZoneInfo, accents: Accents) -> Rendered:
    """The message as a skeleton with a place for the link. ``due``: when the script is to be read (aware)."""
    local = due.astimezone(zone)
    words = sentence_in(tongue(language), f"loudspeaker.{kind}", at=f"{local:%H:%M}", day=f"{local:%d/%m}", link=_MARK)
    pieces, strip = _pieces(words), accents == "strip"
    return Rendered(skeleton.dump(_stripped(pieces) if strip else pieces, strip), True)


def letter(kind: Kind, language: str, due: datetime, zone: ZoneInfo, organisation: str) -> Rendered:
    """The same as an e-mail: the subject, an empty line, the words, signed by ``organisation``."""
    local = due.astimezone(zone)
    said = {"at": f"{local:%H:%M}", "day": f"{local:%d/%m/%Y}", "link": _MARK, "organisation": organisation}
    subject, words = (
        sentence_in(tongue(language), f"loudspeaker.letter-{kind}{part}", **said) for part in ("-subject", "")
    )
    return Rendered(skeleton.dump(_pieces(f"{subject}\n\n{words}"), False), True)


def _pieces(words: str) -> tuple[str | Slot, ...]:
    before, _, after = words.partition(_MARK)
    return tuple(piece for piece in (before, Slot("link"), after) if piece)


def _stripped(pieces: tuple[str | Slot, ...]) -> tuple[str | Slot, ...]:
    from engine.text import accents

    return tuple(accents.strip(piece) if isinstance(piece, str) else piece for piece in pieces)
