"""What has been decided and done about a campaign: its approvals, and the audit log's lines about it and its runs.

Names are those of the people who approve, pause and resume, as they signed; nobody who is written to is in the log.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select

from engine.i18n import sentence
from engine.pipeline.process import Process
from engine.store import snapshots
from engine.store.tables import Audit, table_of

_AUDIT = table_of(Audit)
NEWEST = 200  # lines


@dataclass(frozen=True, slots=True)
class Line:
    """One line: when, what (a stable word), about what, more of it, and who (None: the engine by itself)."""

    at: datetime
    action: str
    subject: str
    detail: str | None
    who: str | None


@dataclass(frozen=True, slots=True)
class Approved:
    """One person's approval; ``stands`` is False for one that was voided. The figures are the plan's, as approved."""

    at: datetime
    who: str
    document: str | None
    recipients: int
    segments: int
    cost_vnd: int
    stands: bool


@dataclass(frozen=True, slots=True)
class History:
    """The newest first. ``planned``: (step, occurrence) → (deliveries, VND) as they were last approved."""

    lines: tuple[Line, ...]
    approvals: tuple[Approved, ...]
    planned: dict[tuple[str, str], tuple[int, int]]


def history(process: Process, campaign: str) -> History:
    """The history of ``campaign``, of its newest ``NEWEST`` lines."""
    with process.database.read() as connection:
        rows = snapshots.all_approvals(connection, campaign)
        lines = tuple(_lines(process, connection, campaign))
    planned: dict[tuple[str, str], tuple[int, int]] = {}
    for row in rows:
        for run, (deliveries, cost) in json.loads(row["figures"]).items():
            step, _, occurrence = run.partition("/")
            planned[step, occurrence] = (deliveries, cost)
    approvals = tuple(
        Approved(
            row["at"],
            process.keyring.unseal(row["by_sealed"]),
            row["document"],
            row["recipients"],
            row["segments"],
            row["cost_vnd"],
            row["voided_at"] is None,
        )
        for row in reversed(rows)
    )
    return History(lines, approvals, planned)


def _lines(process: Process, connection: Connection, campaign: str) -> Iterable[Line]:
    about = or_(_AUDIT.c.subject == campaign, _AUDIT.c.subject.startswith(f"{campaign}/", autoescape=True))
    query = (
        select(_AUDIT.c.at, _AUDIT.c.action, _AUDIT.c.subject, _AUDIT.c.detail, _AUDIT.c.who_sealed)
        .where(about)
        .order_by(_AUDIT.c.id.desc())
        .limit(NEWEST)
    )
    for at, action, subject, detail, who in connection.execute(query):
        yield Line(at, action, subject, detail, process.keyring.unseal(who) if who else None)


def what(line: Line) -> str:
    """A line in words: the move, where to, and why; a word without a sentence stands for itself."""
    kind, _, after = line.action.partition(".")
    if kind in ("campaign", "step", "run") and after:
        name = line.subject.partition("/")[2]
        told = sentence(f"web.move-{kind}", name=name, after=_word(f"web.{kind}-{after}", after))
        whys = [part for part in (line.detail or "").split("; ")[1:] if part]
        return "; ".join([told, *(_word(f"cli_status.run-{why}", why) for why in whys)])
    if line.action == "approve":
        return sentence("web.did-approve", digest=(line.detail or "")[:12])
    told = _word(f"web.did-{line.action}", line.action)
    return f"{told}; {line.detail}" if line.detail else told


def _word(key: str, code: str) -> str:
    """The sentence of a stable word; free words of a person's stand for themselves."""
    try:
        return sentence(key)
    except KeyError:
        return code
