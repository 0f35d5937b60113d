"""Findings: every rule that a true sending would stumble over, in the officer's words, with where to mend it.

``refused``: a true sending would refuse it, and something is to be done first (approve, have a text read, import true
people). ``broken``: it went wrong in the rehearsal, or would by its dates. ``note``: worth knowing. ``bug``: the proof
found a rule broken that a gate of ours should have kept.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import ValidationError

from engine.channels import vendor
from engine.content.snapshot import Snapshot
from engine.errors import LoaError, Problem
from engine.i18n import number, sentence
from engine.pipeline.approve import refuse_unreviewed
from engine.pipeline.process import Process
from engine.pipeline.providers import is_live, needs_approval
from engine.pipeline.rehearse_figures import RunCourse
from engine.pipeline.rehearse_proof import Broken

Kind = Literal["refused", "broken", "note", "bug"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule with what would become of it. ``where`` is a file and the key in it; ``count`` deliveries or runs."""

    kind: Kind
    rule: str
    where: str
    count: int | None
    message: str


def _finding(kind: Kind, rule: str, where: str, count: int | None = None, /, **values: object) -> Finding:
    return Finding(kind, rule, where, count, sentence(f"rehearse.{rule.replace('_', '-')}", **values))


def before_sending(process: Process, snapshot: Snapshot, *, approved: bool) -> Iterator[Finding]:
    """What a true sending would refuse as things stand. ``process`` is the true one, opened for reading."""
    key, file = snapshot.campaign.key, f"campaigns/{snapshot.campaign.key}.yaml"
    if not approved and any(needs_approval(sender) for sender in snapshot.senders.values()):
        yield _finding("refused", "unapproved", file, campaign=key)
    try:
        refuse_unreviewed(process, snapshot)
    except LoaError as error:
        yield Finding("refused", "unreviewed", str(error.values.get("files", "messages")), None, str(error))
    for sender in snapshot.senders.values():
        if sender.registered_until is not None:
            yield from _after_registration(snapshot, sender.key, file)
        try:
            sender.config(vendor(sender.provider), process.environment)
        except LoaError as error:
            yield Finding("refused", "secret", f"loa.yaml: senders.{sender.key}", None, str(error))
        except ValidationError:
            where = f"loa.yaml: senders.{sender.key}"
            yield _finding("refused", "bad_sender", where, sender=sender.key)


def _after_registration(snapshot: Snapshot, sender_key: str, file: str) -> Iterator[Finding]:
    until = snapshot.senders[sender_key].registered_until
    assert until is not None
    for step in snapshot.campaign.steps:
        if sender_key not in step.sender:
            continue
        after = [one for one in snapshot.occurrences(step) if one.due.astimezone(snapshot.zone).date() > until]
        if after:
            yield _finding(
                "broken",
                "registration",
                f"{file}: steps.{step.id}.when",
                len(after),
                sender=sender_key,
                until=f"{until:%d/%m/%Y}",
                step=step.id,
                day=_day(after[0].due, snapshot),
            )


def from_check(problems: Iterable[Problem]) -> Iterator[Finding]:
    """The warnings of ``loa check`` about the campaign and what it uses."""
    for problem in problems:
        if problem.severity == "warning" and problem.code != "unset-variable":  # said as a refusal
            yield Finding(
                "note", problem.code, f"{problem.file}:{problem.line}:{problem.column}", None, problem.message
            )


def from_clay(snapshot: Snapshot, process: Process, count: int) -> Iterator[Finding]:
    """People of clay get nothing from a live sender."""
    live = sorted(sender.key for sender in snapshot.senders.values() if is_live(process, sender))
    if count and live:
        yield _finding("refused", "synthetic", "contacts", count, count=number(count), senders=", ".join(live))


def from_nobody(courses: Sequence[RunCourse]) -> Iterator[Finding]:
    """A rehearsal without people breaks no rule, and proves nothing."""
    if courses and not any(course.planned or course.excluded for course in courses):
        yield _finding("refused", "nobody", "contacts", 0)


def from_courses(snapshot: Snapshot, courses: Sequence[RunCourse], now: datetime) -> Iterator[Finding]:
    """What went wrong with whole runs, and with deliveries that never left the queue. ``now``: the true present."""
    file = f"campaigns/{snapshot.campaign.key}.yaml"
    for course in courses:
        step = snapshot.campaign.step(course.step)
        where = f"{file}: steps.{course.step}"
        said = {"step": course.step, "due": _moment(course.due, snapshot)}
        if course.fate == "missed":
            yield _finding("broken", "missed", f"{where}.late", 1, **said, late=_length(step.late.total_seconds()))
        elif course.fate == "late" and course.opened is not None:
            after = _length((course.opened - course.due).total_seconds())
            yield _finding("note", "late", f"{where}.late", 1, **said, after=after)
        elif course.fate == "held" and course.reason == "budget":
            budget = number(snapshot.campaign.limits.budget or 0)
            yield _finding("broken", "held_budget", f"{file}: limits.budget", course.planned, **said, budget=budget)
        elif course.fate == "held":
            yield _finding("broken", "held_size", where, course.planned, **said)
        elif course.fate == "paused":
            yield _finding("refused", "paused_run", where, course.planned, **said, campaign=snapshot.campaign.key)
        if course.too_late and course.fate not in ("held", "paused"):
            count = number(course.too_late)
            yield _finding("broken", "expired", f"{where}.valid_for", course.too_late, **said, count=count)
        elif course.fate in ("on_time", "late") and course.due + step.late < now:
            yield _finding("note", "past", f"{where}.when", 1, **said)


def from_proof(broken: Sequence[Broken], *, clock_was_wrong: bool) -> Iterator[Finding]:
    """Rules that the proof found broken; with a clock set wrong on purpose some of them are its doing."""
    for one in broken:
        kind: Kind = "broken" if clock_was_wrong and one.rule in ("over_cap", "after_the_end") else "bug"
        yield _finding(kind, f"proof_{one.rule}", "engine", one.count, count=number(one.count))


def paused(campaign: str) -> Finding:
    """Somebody has paused the campaign; the rehearsal went on as if not."""
    return _finding("refused", "paused", f"campaigns/{campaign}.yaml", campaign=campaign)


def stopped(sender: str, reason: str) -> Finding:
    """A sender that rests until a person lets it go on."""
    return _finding("refused", "sender_stopped", f"loa.yaml: senders.{sender}", sender=sender, reason=reason)


def wrong_clock(count: int) -> Finding:
    """Deliveries that truly went out in quiet hours, because the machine's clock said otherwise."""
    return _finding("broken", "wrong_clock", "", count, count=number(count))


def rings(count: int) -> Finding:
    """Deliveries that operators brought to the phones late, when quiet hours had begun."""
    return _finding("note", "rings", "", count, count=number(count))


def by_step(courses: Sequence[RunCourse], reason: str) -> Mapping[str, int]:
    """Step → deliveries excluded for ``reason``."""
    found: Counter[str] = Counter()
    for course in courses:
        found[course.step] += course.excluded[reason]
    return {step: count for step, count in found.items() if count}


def _day(instant: datetime, snapshot: Snapshot) -> str:
    return f"{instant.astimezone(snapshot.zone):%d/%m/%Y}"


def _moment(instant: datetime, snapshot: Snapshot) -> str:
    return f"{instant.astimezone(snapshot.zone):%H:%M %d/%m/%Y}"


def _length(seconds: float) -> str:
    """A length of time as officers read it: 2:05 (hours and minutes)."""
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d}"
