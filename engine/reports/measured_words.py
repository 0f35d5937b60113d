"""The words of a derived measure: its title and notes, its columns for people, and cells that are sentences. Pure."""

from collections.abc import Sequence

from engine.areas.registry import Registry
from engine.i18n import number, sentence
from engine.reports.as_csv import harmless
from engine.reports.as_table import NOTHING, Column, by_words, words_of
from engine.reports.counting import Keys
from engine.reports.dimensions import By
from engine.reports.measured import Measured, Values
from engine.reports.reasons import advice_of
from engine.reports.reasons import words_of as reason_words

NAMED = 20  # communes named on the screen; JSON has all
Value = int | float | str | None
_SHARES = ("share", "coverage_rate", "delivery_rate")


def title_of(told: Measured) -> str:
    """What it counts, of which campaign, and when."""
    what, dimension = sentence(f"reports.what-{told.what}"), by_words(told.dimensions)
    as_of = f"{told.as_of:%H:%M %d/%m/%Y}"
    title = sentence("reports.measure-title", what=what, dimension=dimension, campaign=told.campaign, as_of=as_of)
    return title.replace(" :", ":")


def missing(told: Measured) -> list[str]:
    """The sentence that says why nobody can tell a figure any more; none where everything is known."""
    return [sentence("reports.retired", runs=number(told.retired))] if told.retired else []


def communes_said(told: Measured) -> list[str]:
    """What there is to say of communes: how many were reached, which were not, how many had nothing to send."""
    communes = told.more.get("communes")
    if not communes:
        return []
    addressed, reached = number(communes["addressed"]), number(communes["reached"])
    lines = [sentence("reports.communes-reached", addressed=addressed, reached=reached)]
    if communes["none"]:
        names = [place["name"] for place in communes["none"]]
        shown = ", ".join(names[:NAMED])
        if len(names) > NAMED:
            shown += " " + sentence("reports.and-more", count=number(len(names) - NAMED))
        lines.append(sentence("reports.communes-none", names=shown))
    if communes["untouched"]:
        lines.append(sentence("reports.communes-untouched", count=number(len(communes["untouched"]))))
    return lines


def heads_of(told: Measured) -> tuple[str, ...]:
    """The columns for people: a delay is one, with its range in words."""
    if told.what == "delay":
        return ("delivered", "delay_median", "delay_p95")
    return (*told.columns, "advice") if told.what == "reasons" else told.columns


def said(head: str, values: Values) -> str:
    """A cell of words: a status, a reason, advice, or a delay with the range it is known to."""
    if head == "advice":
        return advice_of(str(values["reason"] or ""))
    if head in ("delay_median", "delay_p95"):
        return _delay(*(values[f"{head}_{part}"] for part in ("s", "from_s", "to_s")))
    if head == "status":
        return sentence(f"reports.status-{values[head]}")
    return reason_words(str(values[head] or ""))


def _delay(seconds: Value, start: Value, end: Value) -> str:
    if not isinstance(start, int):
        return NOTHING
    if not isinstance(end, int) or not isinstance(seconds, int):
        return sentence("reports.over", start=_long(start))
    return sentence("reports.within", estimate=_long(seconds), start=_long(start), end=_long(end))


def _long(seconds: int) -> str:
    if seconds < 60:
        return sentence("reports.seconds", n=number(seconds))
    if seconds < 7200:
        return sentence("reports.minutes", n=number(seconds // 60))
    return sentence("reports.hours", n=number(seconds // 3600))


def named_columns(dimensions: Sequence[By], keys: Sequence[Keys], registry: Registry | None) -> list[Column]:
    """The columns that say what a line is about, with the word for the totals at the end of the first."""
    columns = [
        Column(sentence(f"reports.head-{by}"), [*words_of(by, [one[place] for one in keys], registry), ""])
        for place, by in enumerate(dimensions)
    ]
    if columns:
        columns[0].cells[-1] = sentence("reports.total")
    return columns


def figure(head: str, value: Value) -> str:
    """A figure as people here write it."""
    if value is None or isinstance(value, str):
        return value or NOTHING
    if head in _SHARES:
        return f"{number(value * 100, 1)}%"
    return number(value, 0 if isinstance(value, int) else 1)


def plain(value: Value) -> float | str:
    """A value as a cell of CSV; nothing for null."""
    return harmless(value) if isinstance(value, str) else "" if value is None else value
