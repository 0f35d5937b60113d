"""Words with places for what belongs to one person, stored once for many deliveries.

A Rendering never holds a contact's fields (a stolen database must name nobody): where a text says
``contact.name``, ``link()`` or ``opt_out()`` its words are a Skeleton, stored as a JSON text and filled in at
dispatch. JSON keeps the words and the places apart by construction: whatever a name holds, braces, quotes or
Jinja, is only ever text.

A contact without a name gets the place's fallback; without a fallback the place vanishes together with the
space before it ("Kính gửi {{ contact.name }}, xã…" reads "Kính gửi, xã…"). A warning that reaches a nameless
person is worth more than a perfect greeting; ``check`` warns where a fallback is missing.
"""

import json
import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from engine.text import accents

SlotKind = Literal["name", "link", "opt_out"]

# Longest names of ours: 5 words and 32 letters; a longer value is not a name and would cost segments.
NAME_LIMIT = 50

# One regex decides for nearly every name that nothing is to be done: letters and digits, single spaces.
_PLAIN_NAME = re.compile(r"\w+(?: \w+)*")
_SPACES = re.compile(r"\s+")
# Places in a format text, by number, so that each may come any number of times.
_PLACES: dict[SlotKind, str] = {"name": "{0}", "link": "{1}", "opt_out": "{2}"}
# A vanished name takes one neighbouring space with it.
_VANISHED = re.compile(r" *\0(?=[\s,.;:!?…)]|\Z)|(?<![^\n])\0 *|\0")


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one person's value; ``fallback`` stands there for a contact without a name."""

    kind: SlotKind
    fallback: str | None = None


@dataclass(frozen=True)
class Skeleton:
    """Fixed words and slots in order. ``strip`` sends the name unaccented like the words around it."""

    pieces: tuple[str | Slot, ...]
    strip: bool = False
    _named: str = field(init=False, repr=False, compare=False)
    _nameless: str = field(init=False, repr=False, compare=False)
    _needs_link: bool = field(init=False, repr=False, compare=False)
    _needs_opt_out: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        kinds = {piece.kind for piece in self.pieces if isinstance(piece, Slot)}
        nameless = "".join(
            _formatted(piece.fallback or "\0")
            if isinstance(piece, Slot) and piece.kind == "name"
            else _formatted(piece)
            for piece in self.pieces
        )
        object.__setattr__(self, "_named", "".join(map(_formatted, self.pieces)))
        object.__setattr__(self, "_nameless", _VANISHED.sub("", nameless))
        object.__setattr__(self, "_needs_link", "link" in kinds)
        object.__setattr__(self, "_needs_opt_out", "opt_out" in kinds)

    def fill(self, name: str = "", *, link: str = "", opt_out: str = "") -> str:
        """The words for one person: NFC, unaccented where the message says so.

        ``name`` may be anything: it is cleaned by ``clean_name`` and never read as markup. ``link`` and
        ``opt_out`` are our own addresses; ``ValueError`` when the words need one that is not given.
        """
        if (self._needs_link and not link) or (self._needs_opt_out and not opt_out):
            raise ValueError("this skeleton needs an address for link() or opt_out()")
        name = clean_name(name)
        if self.strip:
            name = accents.strip(name)
        text = (self._named if name else self._nameless).format(name, link, opt_out)
        return text if name.isascii() else unicodedata.normalize("NFC", text)

    def dump(self) -> str:
        """The text form the database keeps; ``load`` reads it back."""
        pieces = [[piece.kind, piece.fallback] if isinstance(piece, Slot) else piece for piece in self.pieces]
        return json.dumps({"pieces": pieces, "strip": self.strip}, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=4096)  # one dispatch group fills few skeletons many times
def load(stored: str) -> Skeleton:
    """The Skeleton that ``dump`` wrote. ``ValueError`` for anything else."""
    try:
        data = json.loads(stored)
        pieces = tuple(piece if isinstance(piece, str) else Slot(_kind(piece[0]), piece[1]) for piece in data["pieces"])
        return Skeleton(pieces, bool(data["strip"]))
    except (KeyError, TypeError, IndexError, json.JSONDecodeError) as error:
        raise ValueError("not a stored skeleton") from error


def clean_name(name: str) -> str:
    """A name as it may stand in a message: one line, NFC, at most ``NAME_LIMIT`` characters.

    Control and invisible characters, line ends included, become a space or nothing; a leading combining mark
    (it would change the letter before it) goes; a longer name is cut, at a space where there is one.
    """
    if len(name) <= NAME_LIMIT and (name.isascii() or unicodedata.is_normalized("NFC", name)):
        if _PLAIN_NAME.fullmatch(name):
            return name
    elif len(name) > 20 * NAME_LIMIT:  # no work on a novel
        name = name[: 20 * NAME_LIMIT]
    name = unicodedata.normalize("NFC", name)
    name = "".join(_visible(character) for character in name)
    name = _SPACES.sub(" ", name).strip()
    while name and unicodedata.combining(name[0]):
        name = name[1:].lstrip()
    if len(name) > NAME_LIMIT:
        cut = name[: NAME_LIMIT + 1]
        name = cut.rpartition(" ")[0] if " " in cut else cut[:NAME_LIMIT]
    return name.strip()


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zs", "Zl", "Zp"):
        return " "
    return "" if category in ("Cf", "Cs", "Co", "Cn") else character


def _kind(word: object) -> SlotKind:
    if word == "name" or word == "link" or word == "opt_out":
        return word
    raise ValueError(f"no slot is called {word!r}")


def _formatted(piece: str | Slot) -> str:
    return _PLACES[piece.kind] if isinstance(piece, Slot) else piece.replace("{", "{{").replace("}", "}}")
