"""What somebody asks a report for, read from an address: campaigns, dimensions, part, era, days, and what beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from engine.areas.area import ERAS, Era
from engine.content.values import read_date
from engine.errors import LoaError
from engine.i18n import sentence
from engine.reports.dimensions import DIMENSIONS, partners, read_by, source_of
from engine.reports.measured import MEASURES, measurable
from engine.reports.wanted import ONLY_ACTIVITIES, Wanted

ALL = "all"  # deliveries, and beside them what was posted, read aloud and done by hand
WHATS = (ALL, *MEASURES)
BYS = (*DIMENSIONS, *ONLY_ACTIVITIES)
_FIRST = {"delay": "step", "reasons": "step"}  # along what a part is told where nobody says; the others by district
Problem = tuple[str, str]  # (the field's id, the sentence)


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked as it was typed, what it means (None: it cannot be told), and what is wrong with it."""

    campaigns: tuple[str, ...]
    by: str
    then: str  # the second dimension, or ""
    what: str
    era: str
    since: str
    until: str
    beside: str  # the campaign to be set beside, or ""
    wanted: Wanted | None
    problems: tuple[Problem, ...]

    @property
    def along(self) -> str:
        """The dimensions as the commands write them."""
        return f"{self.by},{self.then}" if self.then else self.by

    def address(self, path: str, **other: str) -> str:
        """``path`` with this question, some of it changed."""
        parts = {
            "what": "" if self.what == ALL else self.what, "by": self.by, "then": self.then, "era": self.era,
            "from": self.since, "to": self.until, "beside": self.beside,
        } | other  # fmt: skip
        asked = [("campaign", key) for key in self.campaigns] + [
            (name, value) for name, value in parts.items() if value
        ]
        return f"{path}?{urlencode(asked)}"

    def part(self, what: str) -> str:
        """The address of another part of this report, along the same dimensions where it can be told so."""
        along = read_by(self.along) or ()
        if what == ALL or (along and measurable(what, along)):  # type: ignore[arg-type]  # one of MEASURES
            return self.address("/report", what="" if what == ALL else what, beside="")
        return self.address("/report", what=what, by=_FIRST.get(what, "district"), then="", beside="")


def read_question(query: QueryParams, known: Sequence[str]) -> Question:
    """The question in ``query``; whatever it does not say has a default, an unknown word is a problem of its field."""
    campaigns = tuple(dict.fromkeys(query.getlist("campaign")))
    what = query.get("what") or ALL
    by, then = query.get("by") or _FIRST.get(what, "district"), query.get("then", "")
    era, beside = query.get("era") or "2025", query.get("beside", "")
    since, until = query.get("from", "").strip(), query.get("to", "").strip()
    problems: list[Problem] = []
    if set(campaigns) - set(known):
        problems.append(("campaigns", sentence("web.wrong-choice")))
    elif not campaigns and query.get("asked"):
        problems.append(("campaigns", sentence("web.no-campaign-chosen")))
    fields = (
        ("by", by, BYS), ("then", then, ("", *DIMENSIONS)), ("era", era, ERAS), ("by", what, WHATS),
        ("beside", beside, ("", *known)),
    )  # fmt: skip
    wrong = [name for name, value, choices in fields if value not in choices]
    problems += [(name, sentence("web.wrong-choice")) for name in dict.fromkeys(wrong)]
    if not wrong:
        problems += _together(what, by, then, beside, campaigns)
    first, last, found = _days(since, until)
    problems += found
    wanted = None
    if campaigns and not problems:
        along = f"{by},{then}" if then else by
        wanted = Wanted(
            campaigns, along, None if what == ALL else what, cast("Era", era), first, last, beside or None
        )  # fmt: skip
    return Question(campaigns, by, then, what, era, since, until, beside, wanted, tuple(problems))


def _together(what: str, by: str, then: str, beside: str, campaigns: Sequence[str]) -> list[Problem]:
    """What each is known and does not go together."""
    problems: list[Problem] = []
    along = read_by(f"{by},{then}" if then else by)
    if by in ONLY_ACTIVITIES:
        if then or beside or what != ALL:
            told = sentence("web.only-activities", dimension=sentence(f"reports.head-{by}"))
            problems.append(("by", told))
    elif then and (along is None or source_of(along) is None):
        first = read_by(by)
        choices = _named(partners(first[0])) if first else ""
        told = sentence("web.cannot-cross", by=_named([by]), then=_named([then]), choices=choices)
        problems.append(("then", told))
    elif what in MEASURES and along is not None and not measurable(what, along):
        choices = _named([one for one in DIMENSIONS if measurable(what, (one,))])
        told = sentence("web.not-measured", what=sentence(f"reports.what-{what}"), choices=choices)
        problems.append(("by", told))
    if beside and beside in campaigns:
        problems.append(("beside", sentence("web.beside-same")))
    elif beside and what != ALL:
        problems.append(("beside", sentence("web.beside-deliveries")))
    return problems


def _named(dimensions: Sequence[str]) -> str:
    return ", ".join(sentence(f"reports.head-{one}").lower() for one in dimensions)


def _days(since: str, until: str) -> tuple[date | None, date | None, list[Problem]]:
    problems: list[Problem] = []
    days: list[date | None] = []
    for name, typed in (("from", since), ("to", until)):
        try:
            days.append(read_date(typed) if typed else None)
        except LoaError as error:
            days.append(None)
            problems.append((name, str(error)))
    first, last = days
    if first and last and first > last:
        problems.append(("to", sentence("cli_report.dates-reversed")))
    return first, last, problems
