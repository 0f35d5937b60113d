"""A row of a table becomes an activity, or a list of what is wrong with it. Pure; nothing is read or stored here."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from engine.areas.area import Area
from engine.content.activity import Activity, Campaigns, Count, year_in
from engine.content.activity_columns import SUMMARIES, Columns, Side
from engine.content.activity_header import Defaults, Fault
from engine.content.activity_kinds import (
    KINDS,
    MEASURE_ORDER,
    kind_label,
    measure_label,
    measure_labels,
    quoted,
    read_kind,
    read_measure,
    shape,
)
from engine.content.activity_place import Misplaced, Places
from engine.content.activity_units import read_unit
from engine.content.activity_values import Days, read_count, read_days
from engine.content.reading import Severity
from engine.content.table_text import Record
from engine.content.words import BadValue, suggestion
from engine.errors import LoaError

ABOLISHED: Final = date(2025, 7, 1)  # the day on which the districts were


class RowReader:
    """Reads the rows of one table. ``faults`` collects what is wrong, ``left_out`` counts the rows it costs.

    What rows share (days, places, kinds, units) is worked out once for each distinct text: of ten thousand rows read
    for a report the look-ups would cost three times the reading.
    """

    def __init__(
        self,
        file: str,
        columns: Columns,
        places: Places,
        campaigns: Campaigns,
        defaults: Defaults,
        today: date | None = None,
    ) -> None:
        self._file, self._columns, self._places, self._campaigns = file, columns, places, campaigns
        self._defaults, self._today = defaults, today
        self._width = len(columns.header)
        self._at = {name: columns.fields.get(name, self._width) for name in _FIELDS}  # beyond the last: an empty cell
        self._days_known: dict[tuple[str, str | None], Days] = {}
        self.faults: list[Fault] = []
        self.left_out = 0

    @property
    def kind_column(self) -> int:
        """Where the kind stands: the place of what is wrong with a row as a whole."""
        return self._at["kind"]

    def says_nothing(self, row: Record) -> bool:
        """Whether a row counts nothing: empty but for its number, a sum of the rows above, a signature below."""
        cells = row.cells
        place = self._at["kind"]
        kind = cells[place] if place < len(cells) else ""
        if kind:
            return shape(kind) in SUMMARIES
        if any(shape(cell) in SUMMARIES for cell in cells):
            return True
        if any(place < len(cells) and cells[place] for place in self._columns.fields.values()):
            return False
        figures = [cells[column.place] for column in self._columns.counts if column.place < len(cells)]
        return not any(cell and not any(map(str.isalpha, cell)) for cell in figures)

    def note(self, row: Record) -> str:
        """What the row's notes say: it tells two rows apart, and is never kept."""
        return " ".join(row.cells[place] for place in self._columns.notes if place < len(row.cells))

    def read(self, row: Record) -> Activity | None:
        """The activity of a row; None, with its faults noted, when it has an error."""
        before = len(self.faults)
        row = Record(row.line, [*row.cells, *[""] * (self._width + 1 - len(row.cells))])
        kind = unit = None
        days: Days | None = None
        try:
            kind = read_kind(self._needed(row, "kind", "activities.no-kind"))
        except LoaError as error:
            self._fault(row, "kind", error)
        campaign = self._campaign(row)
        try:
            days = self._days(row, campaign)
        except LoaError as error:
            self._fault(row, "start", error)
        area = self._place(row, days)
        try:
            unit = read_unit(row.cells[self._at["unit"]] or self._defaults.unit or _missing("activities.no-unit"))
        except LoaError as error:
            self._fault(row, "unit", error)
        counts = self._counts(row, kind)
        faulty = len(self.faults) > before and any(fault.severity == "error" for fault in self.faults[before:])
        if faulty or kind is None or days is None or area is None or unit is None:
            self.left_out += 1
            return None
        self._doubts(row, days, campaign, counts)
        return Activity(self._file, row.line, kind, area, days.start, days.end, unit, campaign, counts)

    def _needed(self, row: Record, name: str, key: str) -> str:
        return row.cells[self._at[name]] or _missing(key)

    def _fault(self, row: Record, name: str, error: LoaError, severity: Severity = "error") -> None:
        self.faults.append(Fault(row.line, self._columns.fields.get(name, 0), severity, error))

    def _campaign(self, row: Record) -> str | None:
        """The row's campaign; a table named after a campaign gives its own as the default."""
        key = row.cells[self._at["campaign"]] or self._defaults.campaign
        if not key or key in self._campaigns.keys:
            return key or None
        near = suggestion(key, sorted(self._campaigns.keys))
        code = "activities.unknown-campaign-near" if near else "activities.unknown-campaign"
        self._fault(row, "campaign", BadValue(code, key=quoted(key), near=near))
        return None

    def _days(self, row: Record, campaign: str | None) -> Days:
        text, until = self._needed(row, "start", "activities.no-day"), row.cells[self._at["end"]]
        days = self._days_of(text, campaign)
        if not until:
            return days
        try:
            end = self._days_of(until, campaign).end
            if end < days.start:
                raise BadValue("activities.days-backwards", text=quoted(until))
        except LoaError as error:
            self._fault(row, "end", error)
            return days
        return Days(days.start, end)

    def _days_of(self, text: str, campaign: str | None) -> Days:
        found = self._days_known.get((text, campaign))
        if found is None:
            period = self._campaigns.period(campaign) if campaign else None
            found = read_days(text, lambda day, month: year_in(period, day, month))
            self._days_known[text, campaign] = found
        return found

    def _place(self, row: Record, days: Days | None) -> Area | None:
        at, cells, default = self._at, row.cells, self._defaults
        commune, district, province = cells[at["commune"]], cells[at["district"]], cells[at["province"]]
        if not (commune or district or province):
            commune, district, province = default.commune, default.district, default.province
        elif commune:
            district, province = district or default.district, province or default.province
        old = days is not None and days.end < ABOLISHED
        found = self._places.look_up(commune, district, province, cells[at["era"]] or default.era, old)
        if isinstance(found, Misplaced):
            there = [name for name in (found.field, "commune", "district", "province") if name in self._columns.fields]
            self._fault(row, there[0] if there else "kind", found.error)
            return None
        return found

    def _counts(self, row: Record, kind: str | None) -> tuple[Count, ...]:
        """The counts, each error at its own cell. A row that counts nothing is wrong: nobody would ever see it."""
        found: dict[str, dict[Side, int]] = {}
        before, named = len(self.faults), self._row_measure(row, kind)
        for place, column_measure, side in self._columns.counts:
            text = row.cells[place]
            if not text:
                continue
            try:
                measure = column_measure or named
                count = read_count(text, measure)
                if count is None:
                    continue
                if measure is None:
                    raise LoaError("activities.which-measure", choices=_choices(kind))
                if kind is not None and measure not in KINDS[kind].measures:
                    values = {"kind": kind_label(kind), "measure": measure_label(measure), "choices": _choices(kind)}
                    raise LoaError("activities.not-counted-so", **values)
                sides = found.setdefault(measure, {})
                if side in sides:
                    raise BadValue("activities.counted-twice", measure=measure_label(measure))
                sides[side] = count
            except LoaError as error:
                self.faults.append(Fault(row.line, place, "error", error))
        if not found and len(self.faults) == before and self._columns.counts:
            self.faults.append(Fault(row.line, self._columns.counts[0].place, "error", BadValue("activities.no-count")))
        ordered = sorted(found, key=MEASURE_ORDER.__getitem__) if len(found) > 1 else found
        return tuple([Count(one, found[one].get("planned"), found[one].get("done")) for one in ordered])

    def _row_measure(self, row: Record, kind: str | None) -> str | None:
        """The measure that the row itself names; the kind's own where it has only one."""
        text = row.cells[self._at["measure"]]
        if text:
            try:
                return read_measure(text)
            except LoaError as error:
                self._fault(row, "measure", error)
                return None
        measures: Sequence[str] = KINDS[kind].measures if kind else ()
        return measures[0] if len(measures) == 1 else None

    def _doubts(self, row: Record, days: Days, campaign: str | None, counts: tuple[Count, ...]) -> None:
        period = self._campaigns.period(campaign) if campaign else None
        if campaign and period is not None and not (days.start in period and days.end in period):
            values = {"key": campaign, "start": _said(period.start), "end": _said(period.end)}
            self._fault(row, "start", BadValue("activities.outside-period", **values), "warning")
        if self._today is not None and days.start > self._today and any(count.done for count in counts):
            self._fault(row, "start", BadValue("activities.done-in-future", day=_said(days.start)), "warning")


_FIELDS: Final = ("kind", "commune", "district", "province", "era", "start", "end", "unit", "measure", "campaign")


def _missing(key: str) -> str:
    raise BadValue(key)


def _choices(kind: str | None) -> str:
    return measure_labels(KINDS[kind].measures if kind else ())


def _said(day: date) -> str:
    return f"{day:%d/%m/%Y}"
