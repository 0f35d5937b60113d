"""Every sentence a person reads, in Vietnamese or English, from gettext catalogues.

A sentence has a key ``room.code`` (``content.unknown-key``); the words live in
``engine/locale/<language>/LC_MESSAGES/<room>.po``, one catalogue a room, so that code carries only
keys and a translator never opens a Python file. ``LOA_LANG`` chooses ``vi`` (default) or ``en``; whoever reads a
page in a browser chooses for that page (``speaking``).
"""

import gettext
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LANGUAGES = ("vi", "en")
_FOLDER = Path(__file__).parent / "locale"
_SPOKEN: ContextVar[str | None] = ContextVar("spoken", default=None)


@contextmanager
def speaking(tongue: str) -> Iterator[None]:
    """Let everything in the block (and the threads it waits for) be said in ``tongue``, one of ``LANGUAGES``."""
    if tongue not in LANGUAGES:
        raise ValueError(tongue)
    before = _SPOKEN.set(tongue)
    try:
        yield
    finally:
        _SPOKEN.reset(before)


def language() -> str:
    """The language of the person who reads: ``vi``, or ``en`` when ``LOA_LANG`` or that person's page says so."""
    if spoken := _SPOKEN.get():
        return spoken
    wanted = os.environ.get("LOA_LANG", "vi").strip().lower()[:2]
    return wanted if wanted in LANGUAGES else "vi"


class _Missing(gettext.NullTranslations):
    def gettext(self, message: str) -> str:
        raise KeyError(f"no sentence for {message}")


@cache
def _catalogue(room: str, tongue: str) -> gettext.NullTranslations:
    catalogue = gettext.translation(room, _FOLDER, languages=[tongue])
    catalogue.add_fallback(_Missing())
    return catalogue


def sentence(key: str, /, **values: object) -> str:
    """The sentence for ``room.code`` with ``{name}`` places filled in.

    Values are put in as text and never interpreted as a format themselves. A key that is in no
    catalogue raises ``KeyError``: that is our bug, and a test finds it first.
    """
    return sentence_in(language(), key, **values)


def sentence_in(tongue: str, key: str, /, **values: object) -> str:
    """The same in a given language: for who is no officer at the screen (a relay's message, a page)."""
    room, _, code = key.partition(".")
    words = _catalogue(room, tongue).gettext(code)
    return words.format_map(values) if values else words.replace("{{", "{").replace("}}", "}")


def number(value: int | float, decimals: int = 0) -> str:
    """A number as people here write it: 19.500 in Vietnamese, 19,500 in English."""
    written = f"{value:,.{decimals}f}"
    return written.translate(str.maketrans(",.", ".,")) if language() == "vi" else written
