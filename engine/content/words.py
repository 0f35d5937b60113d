"""Keys, and the mend for a word nearly right: accents, case and hyphens never decide what a word means."""

import difflib
import re
from collections.abc import Iterable

from engine.errors import LoaError
from engine.text.accents import fold

LONGEST_SHOWN = 120  # characters of the officer's own text in a sentence
_KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class BadValue(LoaError, ValueError):
    """A value an officer wrote that means nothing here.

    It is a ``ValueError`` too, so that pydantic collects it with its place instead of stopping at it.
    """

    def __init__(self, key: str, /, **values: object) -> None:
        super().__init__(key, **{name: shortened(value) for name, value in values.items()})


def shortened(value: object) -> object:
    """``value`` as it may stand in a sentence: of a long text its beginning only."""
    return f"{value[:LONGEST_SHOWN]}…" if isinstance(value, str) and len(value) > LONGEST_SHOWN else value


def is_key(text: str) -> bool:
    """Whether ``text`` may be a key: small letters without accents, digits, single hyphens between them."""
    return _KEY.fullmatch(text) is not None and len(text) <= 64


def suggestion(wrong: str, known: Iterable[str]) -> str | None:
    """The known word most like ``wrong``, reading without accents and separators; None when none is near."""
    by_shape: dict[str, str] = {}
    for word in known:
        by_shape.setdefault(_shape(word), word)
    near = difflib.get_close_matches(_shape(wrong), by_shape, n=1, cutoff=0.6)
    return by_shape[near[0]] if near else None


def _shape(word: str) -> str:
    return fold(word).replace("-", "").replace("_", "").replace(" ", "")
