"""What is wrong with a table's header, and how a fault of a table is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from engine.content.activity_columns import Columns
from engine.content.activity_kinds import MEASURE_ORDER, measure_label, quoted, shape
from engine.content.reading import Severity
from engine.content.words import BadValue, suggestion
from engine.errors import LoaError


class Fault(NamedTuple):
    """One thing wrong or doubtful in a table: its line, the column (-1: the row as a whole), the sentence."""

    line: int
    cell: int
    severity: Severity
    error: LoaError

    @property
    def code(self) -> str:
        """The stable code, one with or without a word to suggest."""
        return self.error.code.removesuffix("-near")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for a whole table where a row says nothing."""

    commune: str = ""
    district: str = ""
    province: str = ""
    era: str = ""
    unit: str = ""
    campaign: str = ""


def check_columns(columns: Columns, defaults: Defaults) -> Iterator[Fault]:
    """What is wrong with a header: what every row needs and none can have, columns twice, columns nobody reads."""
    title = columns.header
    for first, second in columns.twice:
        values = {"first": quoted(title[first]), "second": quoted(title[second])}
        yield Fault(_line(columns, second), second, "error", BadValue("activities.column-twice", **values))
    for cell in columns.personal:
        yield Fault(
            _line(columns, cell), cell, "error", BadValue("activities.personal-column", text=quoted(title[cell]))
        )
    for cell in columns.unknown:
        near = suggestion(shape(title[cell]), [measure_label(measure) for measure in MEASURE_ORDER])
        code = "activities.unknown-column-near" if near else "activities.unknown-column"
        error = BadValue(code, text=quoted(title[cell]), near=near)
        yield Fault(_line(columns, cell), cell, "warning", error)
    needed = {
        "start": "activities.no-day-column",
        "unit": "" if defaults.unit else "activities.no-unit-column",
        "commune": "" if defaults.commune or defaults.district or defaults.province else "activities.no-place-column",
    }
    for name, key in needed.items():
        there = columns.fields.keys() & ({name, "district", "province"} if name == "commune" else {name})
        if key and not there:
            yield Fault(columns.line, 0, "error", BadValue(key))
    if not columns.counts:
        yield Fault(columns.line, 0, "error", BadValue("activities.no-count-column"))


def _line(columns: Columns, cell: int) -> int:
    return columns.line_of.get(cell, columns.line)
