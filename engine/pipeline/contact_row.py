"""A row of a list becomes a record, or a list of what is wrong with it. Pure; nothing is stored here.

Only what the columns of ``contact_columns`` hold is read: birth dates, ethnicity, identity numbers and notes
never leave the file.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

from engine.content.message_name import LANGUAGES, read_language
from engine.content.words import is_key
from engine.errors import LoaError
from engine.pipeline.contact_columns import Columns
from engine.pipeline.contact_file import Row
from engine.pipeline.contact_place import Misplaced, Places, WrittenPlace
from engine.text import email_address, phone
from engine.text.accents import fold

LONGEST_NAME = 100
_YES = frozenset({"co", "yes", "y", "true", "1", "dong y", "da dong y"})
_NONE = frozenset({"-", "–", "—", "khong", "khong co", "none"})  # an address that is to be taken away again
_NO = frozenset({"khong", "no", "n", "false", "0", "khong dong y", "chua", "chua dong y"})
_LANGUAGE_NAMES = {
    **{fold(name): tag for tag, name in LANGUAGES.items()},
    "kinh": "vi",
    "viet nam": "vi",
    "tieng viet": "vi",
    "hmong": "hmn",
    "h'mong": "hmn",
    "h’mong": "hmn",
    "meo": "hmn",
    "thai": "blt",
    "kho mu": "kjg",
    "kho-mu": "kjg",
    "khmu": "kjg",
    "kho me": "km",
    "m'nong": "cmo",
    "m’nong": "cmo",
    "xtieng": "sti",
    "s'tieng": "sti",
    "hoa": "zh",
    "trung quoc": "zh",
    "gia-rai": "jra",
    "jrai": "jra",
    "e-de": "rad",
    "ede": "rad",
    "bana": "bdq",
    "ba-na": "bdq",
    "co tu": "ktv",
    "bru": "bru",
    "van kieu": "bru",
    "english": "en",
    "vietnamese": "vi",
}


class Rest(NamedTuple):
    """What a row says besides number and name. ``None``: nothing, so what is known stays."""

    era: str
    commune: str
    language: str | None
    consent: bool | None
    groups: tuple[str, ...] | None


class Record(NamedTuple):
    """A contact as one row says."""

    e164: str
    prefix: str
    name: str | None
    email: str | None  # None: the row says nothing of it; "": what is known is to be taken away
    rest: Rest


class RowProblem(NamedTuple):
    """One thing wrong in a row. ``column`` is the header as the file has it; ``message`` says how to mend it."""

    row: int
    column: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for the whole file where a row says nothing: the command's options of these names."""

    commune: str = ""
    district: str = ""
    era: str = ""
    consent: bool = False


_Faults = list[tuple[str, LoaError]]
_REST = ("commune", "district", "province", "era", "language", "consent", "groups")
_KEPT = 50_000


class RowReader:
    """Reads the rows of one list.

    What stands beside phone and name is worked out once for each distinct combination: a million rows have a few
    thousand of them, and a look-up costs a tenth of the reading.
    """

    def __init__(self, columns: Columns, places: Places, defaults: Defaults) -> None:
        self._columns, self._places, self._defaults = columns, places, defaults
        self._phone, self._name = columns.places["phone"], columns.places.get("name")
        self._email = columns.places.get("email")
        self._rest = {field: columns.places[field] for field in _REST if field in columns.places}
        self._width = 1 + max(columns.places.values())
        self._known: dict[tuple[str, ...], Rest | _Faults] = {}
        if "commune" not in columns.places and not defaults.commune:
            raise LoaError("contacts.no-commune-column")

    def says_nothing(self, row: Row) -> bool:
        """Whether all columns that matter are empty: a line prepared with its number only, a signature."""
        cells = row.cells
        if self._phone < len(cells) and cells[self._phone].strip():
            return False
        return not any(place < len(cells) and cells[place].strip() for place in self._columns.places.values())

    def read(self, row: Row) -> Record | list[RowProblem]:
        """The record of a row, or everything that is wrong with it, in the order of the fields."""
        cells = row.cells
        if row.swallowed:
            return self._problems(row, [("phone", LoaError("contacts.open-quote-row"))])
        if len(cells) < self._width:
            cells = [*cells, *[""] * (self._width - len(cells))]
        written = tuple([cells[place] for place in self._rest.values()])
        rest = self._known.get(written)
        if rest is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            rest = self._known[written] = self._read_rest(dict(zip(self._rest, map(tidy, written), strict=True)))
        faults: _Faults = []
        number = name = email = None
        try:
            number = phone.parse(cells[self._phone])
        except LoaError as error:
            faults.append(("phone", error))
        if self._name is not None:
            try:
                name = _name(cells[self._name])
            except LoaError as error:
                faults.append(("name", error))
        if self._email is not None:
            try:
                email = _email(cells[self._email])
            except LoaError as error:
                faults.append(("email", error))
        if faults or number is None or isinstance(rest, list):
            return self._problems(row, faults + rest if isinstance(rest, list) else faults)
        return Record(number.e164, number.prefix, name, email, rest)

    def _problems(self, row: Row, faults: _Faults) -> list[RowProblem]:
        return [RowProblem(row.number, self._columns.title(field), error.code, str(error)) for field, error in faults]

    def _read_rest(self, cells: dict[str, str]) -> Rest | _Faults:
        faults: _Faults = []
        language = consent = groups = None
        default = self._defaults
        place = self._places.look_up(
            WrittenPlace(
                cells.get("commune") or default.commune,
                cells.get("district") or default.district,
                cells.get("province") or "",
                cells.get("era") or default.era,
            )
        )
        if isinstance(place, Misplaced):
            faults.append((place.field, place.error))
        try:
            language = _language(cells.get("language", ""))
        except LoaError as error:
            faults.append(("language", error))
        try:
            consent = _consent(cells.get("consent", ""))
        except LoaError as error:
            faults.append(("consent", error))
        if "groups" in cells:
            try:
                groups = _group_keys(cells["groups"])
            except LoaError as error:
                faults.append(("groups", error))
        if faults or isinstance(place, Misplaced):
            return faults
        return Rest(*place, language, True if consent is None and default.consent else consent, groups)


def tidy(cell: str) -> str:
    """A cell in NFC (Windows-1258 and macOS write tones apart) without spaces around it."""
    return unicodedata.normalize("NFC", cell).strip()


def _name(text: str) -> str | None:
    """A name in NFC with single spaces and nothing invisible in it; None when the cell is empty."""
    name = unicodedata.normalize("NFC", text)
    if not name.isprintable():
        name = "".join(each for each in name if each.isspace() or unicodedata.category(each)[0] != "C")
    name = " ".join(name.split())
    if len(name) > LONGEST_NAME:
        raise LoaError("contacts.long-name", limit=LONGEST_NAME)
    return name or None


def _email(text: str) -> str | None:
    """An address in its one form; None when the cell is empty, "" where it says that there is none."""
    written = text.strip()
    if not written:
        return None
    return "" if fold(written) in _NONE else email_address.parse(written)


def _language(text: str) -> str | None:
    """The language somebody reads: a BCP 47 tag or the language's name in Vietnamese."""
    if not text or text == "vi":
        return text or None
    named = _LANGUAGE_NAMES.get(fold(text)) or _LANGUAGE_NAMES.get(fold(text).removeprefix("tieng "))
    try:
        return named or read_language(text)
    except LoaError:
        raise LoaError("contacts.unknown-language") from None


def _consent(text: str) -> bool | None:
    if not text:
        return None
    word = fold(text)
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise LoaError("contacts.unclear-consent")


def _group_keys(text: str) -> tuple[str, ...]:
    """``"Lao động đi xa; Thuyền viên"`` → ``("lao-dong-di-xa", "thuyen-vien")``, sorted, each once."""
    keys = set()
    for words in filter(None, map(str.strip, re.split(r"[;\n]", text))):
        key = re.sub(r"[^a-z0-9]+", "-", fold(words)).strip("-")
        if "," in words:
            raise LoaError("contacts.group-comma")
        if not is_key(key):
            raise LoaError("contacts.bad-group")
        keys.add(key)
    return tuple(sorted(keys))
