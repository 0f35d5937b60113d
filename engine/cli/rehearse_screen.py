"""A rehearsal on the screen, in the officer's words: what happened, day by day, and at the end what to mend."""

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console

from engine.areas import registry as areas
from engine.cli.rehearse_channels import OtherChannels
from engine.clock import VIETNAM
from engine.i18n import number, sentence
from engine.pipeline.rehearse import Rehearsed
from engine.pipeline.rehearse_figures import RunCourse
from engine.reports.as_table import show_table
from engine.reports.report import Report
from engine.reports.screen import console_for, plain_table
from engine.status import Status

SHOWN = 12  # notes, and waits; the JSON document has all
_DAY_COLUMNS = (
    "planned", "handed_over", "delivered", "failed", "expired", "excluded", "waiting", "cost_vnd", "total_vnd",
)  # fmt: skip
_ALWAYS = ("planned", "handed_over", "delivered", "cost_vnd", "total_vnd")


def show(result: Rehearsed, report: Report, others: OtherChannels | None = None) -> None:
    """Print it all; columns that are zero on every day are left out."""
    console = console_for(sys.stdout)
    _head(console, result)
    if not result.courses:
        console.print(sentence("cli_rehearse.nothing"))
    else:
        _days(console, result)
        _runs(console, result.courses)
        _waits(console, result)
        _left_out(console, result)
        _budget(console, result)
        console.print()
        show_table(console, report, areas.load())
        if others is not None:
            others.show(console)
    _findings(console, result)


def _head(console: Console, result: Rehearsed) -> None:
    campaign = result.snapshot.campaign
    console.print(
        sentence(
            "cli_rehearse.title", campaign=campaign.key, start=_moment(result.start), end=_moment(result.end),
            seconds=number(result.seconds, 1),
        )
    )  # fmt: skip
    console.print(sentence("cli_rehearse.harmless"))
    for outage in result.faults.outages:
        who = sentence("cli_rehearse.fault-sender", sender=outage.sender) if outage.sender else ""
        where = who or sentence("cli_rehearse.fault-process")
        said = {"who": where, "start": _moment(outage.start), "end": _moment(outage.end)}
        console.print(sentence("cli_rehearse.outage", **said))
    for jump in result.faults.jumps:
        minutes = round(jump.by.total_seconds() / 60)
        console.print(sentence("cli_rehearse.jump", at=_moment(jump.at), minutes=f"{minutes:+d}"))
    if result.already:
        console.print(sentence("cli_rehearse.already", runs=number(result.already)))
    if result.others:
        console.print(sentence("cli_rehearse.beside", campaigns=", ".join(result.others)))


def _days(console: Console, result: Rehearsed) -> None:
    console.print()
    console.print(sentence("cli_rehearse.days"))
    shown = [name for name in _DAY_COLUMNS if name in _ALWAYS or any(getattr(day, name) for day in result.days)]
    table = plain_table(footer=True)
    table.add_column(sentence("cli_rehearse.head-day"), sentence("cli_rehearse.total"), no_wrap=True)
    for name in shown:
        total = "" if name in ("waiting", "total_vnd") else number(sum(getattr(day, name) for day in result.days))
        table.add_column(sentence(f"cli_rehearse.head-{name.replace('_', '-')}"), total, justify="right")
    for day in result.days:
        table.add_row(f"{day.day:%d/%m/%Y}", *(number(getattr(day, name)) for name in shown))
    console.print(table)


def _runs(console: Console, courses: Sequence[RunCourse]) -> None:
    console.print(sentence("cli_rehearse.runs"))
    table = plain_table()
    for head in ("due", "step", "fate", "planned", "handed-over", "delivered", "until"):
        right = head in ("planned", "handed-over", "delivered")
        table.add_column(sentence(f"cli_rehearse.head-{head}"), justify="right" if right else "left")
    for course in courses:
        table.add_row(
            _moment(course.due),
            course.step,
            _fate(course.fate),
            number(course.planned),
            number(course.handed_over),
            number(course.statuses[Status.DELIVERED]),
            _moment(course.last) if course.last else "–",
        )
    console.print(table)
    fates = Counter(course.fate for course in courses)
    on_pages: Counter[str] = Counter()
    for course in courses:
        on_pages.update(course.posts)
    if on_pages:
        said = ", ".join(
            sentence("cli_posts.counted", count=number(count), status=sentence(f"cli_posts.status-{status}"))
            for status, count in sorted(on_pages.items())
        )
        console.print(sentence("cli_rehearse.posts", posts=said))
    words = ", ".join(f"{number(count)} {_fate(fate)}" for fate, count in fates.items())
    console.print(sentence("cli_rehearse.fates", runs=number(len(courses)), fates=words))


def _waits(console: Console, result: Rehearsed) -> None:
    if not result.waits:
        return
    deliveries = sum(wait.deliveries for _, wait in result.waits)
    said = {"runs": number(len(result.waits)), "deliveries": number(deliveries)}
    console.print(sentence("cli_rehearse.waits", **said))
    for course, wait in result.waits[:SHOWN]:
        values = {"step": course.step, "deliveries": number(wait.deliveries)}
        console.print(
            "  " + sentence("cli_rehearse.wait", since=_moment(wait.since), until=_moment(wait.until), **values)
        )
    if len(result.waits) > SHOWN:
        console.print("  " + sentence("cli_rehearse.more", more=number(len(result.waits) - SHOWN)))


def _left_out(console: Console, result: Rehearsed) -> None:
    reasons: Counter[str] = Counter()
    for course in result.courses:
        reasons.update(course.excluded)
    if reasons:
        words = ", ".join(f"{sentence(f'reasons.{why}')} {number(count)}" for why, count in sorted(reasons.items()))
        console.print(sentence("cli_rehearse.left-out", reasons=words))
    cap = result.snapshot.campaign.limits.per_person
    if cap is not None:
        days = f"{cap.window.total_seconds() / 86_400:g}"
        said = {"most": cap.count, "days": days, "people": number(result.capped_people)}
        console.print(sentence("cli_rehearse.caps", deliveries=number(reasons["capped"]), **said))


def _budget(console: Console, result: Rehearsed) -> None:
    spent = result.days[-1].total_vnd if result.days else result.spent_before_vnd
    budget = result.snapshot.campaign.limits.budget
    if budget is None:
        console.print(sentence("cli_rehearse.cost", spent=number(spent)))
        return
    share = number(spent / budget * 100 if budget else 0, 1)
    console.print(sentence("cli_rehearse.budget", spent=number(spent), budget=number(budget), share=share))


def _findings(console: Console, result: Rehearsed) -> None:
    console.print()
    for kind in ("bug", "broken", "refused", "note"):
        found = [finding for finding in result.findings if finding.kind == kind]
        if not found:
            continue
        console.print(sentence(f"cli_rehearse.kind-{kind}", count=number(len(found))))
        for finding in found if kind != "note" else found[:SHOWN]:
            where = f" ({finding.where})" if finding.where else ""
            console.print(f"  - {finding.message}{where}")
        if kind == "note" and len(found) > SHOWN:
            console.print("  " + sentence("cli_rehearse.more", more=number(len(found) - SHOWN)))
    if result.ok:
        console.print(sentence("cli_rehearse.ok"))


def _fate(fate: str) -> str:
    return sentence(f"cli_rehearse.fate-{fate.replace('_', '-')}")


def _moment(instant: datetime) -> str:
    return f"{instant.astimezone(VIETNAM):%d/%m/%Y %H:%M}"
