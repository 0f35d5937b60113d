"""What somebody asks a report for, read from an address: campaigns, dimension, era, from and to."""

from dataclasses import dataclass
from datetime import date
from typing import cast
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from engine.areas.area import ERAS, Era
from engine.content.values import read_date
from engine.errors import LoaError
from engine.i18n import sentence
from engine.reports.report import DIMENSIONS, Asked, By


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked as it was typed, the report it means (None: it cannot be made), and what is wrong with it."""

    campaigns: tuple[str, ...]
    by: str
    era: str
    since: str
    until: str
    asked: Asked | None
    problems: tuple[tuple[str, str], ...]  # (the field's id, the sentence)

    def address(self, path: str, **other: str) -> str:
        """``path`` with this question, some of it changed."""
        parts = {"by": self.by, "era": self.era, "from": self.since, "to": self.until} | other
        asked = [("campaign", key) for key in self.campaigns] + [
            (name, value) for name, value in parts.items() if value
        ]
        return f"{path}?{urlencode(asked)}"


def read_question(query: QueryParams, known: list[str]) -> Question:
    """The question in ``query``; whatever it does not say has a default, an unknown word is a problem of its field."""
    campaigns = tuple(dict.fromkeys(query.getlist("campaign")))
    by, era = query.get("by", "district"), query.get("era", "2025")
    since, until = query.get("from", "").strip(), query.get("to", "").strip()
    problems = [("campaigns", sentence("web.wrong-choice"))] if set(campaigns) - set(known) else []
    if not campaigns and query.get("asked"):
        problems.append(("campaigns", sentence("web.no-campaign-chosen")))
    problems += [
        (name, sentence("web.wrong-choice"))
        for name, value, choices in (("by", by, DIMENSIONS), ("era", era, ERAS))
        if value not in choices
    ]
    dates: dict[str, date | None] = {}
    for name, typed in (("from", since), ("to", until)):
        try:
            dates[name] = read_date(typed) if typed else None
        except LoaError as error:
            dates[name] = None
            problems.append((name, str(error)))
    first, last = dates["from"], dates["to"]
    if first and last and first > last:
        problems.append(("to", sentence("cli_report.dates-reversed")))
    asked = None
    if campaigns and not problems:
        asked = Asked(campaigns, cast("By", by), cast("Era", era), first, last)
    return Question(campaigns, by, era, since, until, asked, tuple(problems))
