"""A calendar for the screen: a whole line an entry in a file or pipe, and on a terminal what its width allows."""

from collections.abc import Sequence
from datetime import timedelta

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from engine.i18n import number, sentence
from engine.reports import calendar_words as words
from engine.reports.calendar import PASSED, Calendar, Entry
from engine.reports.screen import plain_table

_NUMBERS = ("recipients", "segments", "cost", "duration")
_NARROWEST = 20  # letters that a column of words needs to be read


def show_calendar(console: Console, calendar: Calendar) -> None:
    """Print the entries, each with to whom it goes and how it stands."""
    rows = [_Row(entry, calendar) for entry in calendar.entries]
    if not console.is_terminal:
        console.print(_wide(rows))
        return
    if _width_needed(rows) <= console.width:
        console.print(_compact(rows))
        return
    # Columns a few letters wide say nothing: on a narrow screen each entry has lines of its own.
    console.print(sentence("cli_plan.calendar"))
    for row in rows:
        console.print(f"{row.when}  {row.step}", style="bold")
        for line in filter(None, (row.state, row.audience, row.figures, row.left_out)):
            console.print(Padding(line, (0, 0, 0, 4)))


class _Row:
    """An entry's cells, each a text; empty where there is nothing to say."""

    def __init__(self, entry: Entry, calendar: Calendar) -> None:
        self.when, self.step = words.moment(entry.due), entry.step
        self.audience = entry.audience or ""
        self.state = words.state(calendar, entry)
        self.recipients = self.segments = self.cost = self.duration = self.excluded = "–"
        self.figures = self.left_out = ""
        if entry.state == PASSED:
            return
        self.recipients, self.segments, self.cost = map(number, (entry.recipients, entry.segments, entry.cost_vnd))
        if entry.is_planned:
            self.duration = str(timedelta(seconds=round(entry.duration.total_seconds())))
        if entry.excluded:
            self.excluded = words.reasons(entry)
            self.left_out = sentence("cli_plan.left-out", reasons=self.excluded)
        key = "cli_plan.in-lines" if entry.is_planned else "cli_plan.in-lines-so-far"
        self.figures = sentence(
            key, recipients=self.recipients, segments=self.segments, cost=self.cost, duration=self.duration
        )


def _wide(rows: Sequence[_Row]) -> Table:
    heads = ["when", "step", "audience", "recipients", "excluded", "segments", "cost", "duration", "state"]
    table = _table(heads)
    for row in rows:
        table.add_row(*(getattr(row, head) for head in heads))
    return table


def _width_needed(rows: Sequence[_Row]) -> int:
    """Letters that the compact table takes; rich itself would cut days and sums off when there are fewer."""
    fixed = [max(map(cell_len, (_broken(head).split("\n")))) for head in ("when", *_NUMBERS)]
    for place, head in enumerate(("when", *_NUMBERS)):
        fixed[place] = max([fixed[place], *(cell_len(getattr(row, head)) for row in rows)])
    return sum(fixed) + 2 * _NARROWEST + 3 * (len(fixed) + 2)  # beside each column a space, a line and a space


def _compact(rows: Sequence[_Row]) -> Table:
    table = _table(["when", "what", *_NUMBERS, "state"], broken=True)
    for row in rows:
        what, stands = (_lines(row.step, row.audience), _lines(row.state, row.left_out))
        table.add_row(row.when, what, row.recipients, row.segments, row.cost, row.duration, stands)
    return table


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _broken(head: str) -> str:
    """A heading on two lines: ``Chi phí`` above ``(đồng)``."""
    return "\n".join(sentence(f"cli_plan.{head}").rsplit(" ", 1)) if head in _NUMBERS else sentence(f"cli_plan.{head}")


def _table(heads: Sequence[str], *, broken: bool = False) -> Table:
    table = plain_table()
    table.title, table.title_justify = sentence("cli_plan.calendar"), "left"
    for head in heads:
        right = head in _NUMBERS
        fixed = right or head == "when"
        table.add_column(
            _broken(head) if broken else sentence(f"cli_plan.{head}"),
            justify="right" if right else "left",
            no_wrap=fixed,
            min_width=None if fixed else _NARROWEST,
        )
    return table
