"""What can be typed behind ``loa report``, and what of it means nothing together."""

from datetime import date
from pathlib import Path

import click

from engine.content.values import read_date
from engine.errors import LoaError, UsageError
from engine.reports.dimensions import DIMENSIONS, partners, read_by, source_of
from engine.reports.forms import ENDINGS
from engine.reports.wanted import ONLY_ACTIVITIES


class Dimensions(click.Choice[str]):
    """One dimension, or two with a comma between them. What two cannot be crossed is refused with those that can."""

    def __init__(self) -> None:
        super().__init__((*DIMENSIONS, *ONLY_ACTIVITIES))

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The words as they are, or click's own sentence with the choices."""
        words = [str(super(Dimensions, self).convert(word.strip(), param, ctx)) for word in value.split(",")]
        if len(words) > 1:
            crossed = read_by(",".join(words))
            first = read_by(words[0])
            if first is None or (crossed is None and len(words) == 2 and words[1] in ONLY_ACTIVITIES):
                raise UsageError("cli_report.not-crossed", by=next(word for word in words if word in ONLY_ACTIVITIES))
            if crossed is None or source_of(crossed) is None:
                raise UsageError(
                    "cli_report.cannot-cross", by=value, first=words[0], partners=", ".join(partners(first[0]))
                )
        return ",".join(words)


def form_of(wanted: str | None, as_json: bool, out: Path | None) -> str:
    """The form that is asked for: ``--format``, else the ending of the file, else a table."""
    if wanted is None and out is not None:
        if out.suffix.lower() not in ENDINGS:
            raise UsageError("cli_report.unknown-ending", ending=out.suffix)
        return ENDINGS[out.suffix.lower()]
    if as_json and out is None and wanted not in (None, "json"):
        raise UsageError("cli_report.two-formats", format=wanted)
    return wanted or "table"


def days(since: str | None, until: str | None) -> tuple[date | None, date | None]:
    """``--from`` and ``--to`` as days."""
    first, last = _date(since), _date(until)
    if first and last and first > last:
        raise UsageError("cli_report.dates-reversed")
    return first, last


def _date(text: str | None) -> date | None:
    try:
        return read_date(text) if text is not None else None
    except LoaError as error:
        raise UsageError(error.key, **error.values) from None
