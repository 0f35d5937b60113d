"""Kinds of contacts: the few thousand classes that a million people fall into, counted by one query.

A kind is all that the rules of a campaign ask about a person: area, language, arm, and some yes/no marks
(consent, opted out, member of these groups, contacted lately). Which kind gets what is decided in Python once
per kind (engine.pipeline.rules); SQL only classifies. So the plan and the fan-out cannot disagree.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, text

from engine.store.instant import Instant

CONSENT, OPTED_OUT = 1, 2
_STREAMED = {"yield_per": 5000}  # of one statement: set on the connection, it would stay there
# What a cap or `contacted_within` counts: as engine.store.claims.counted_for_caps, and rows still to go out.
_COUNTED = (
    "(d.status IN ('sending', 'accepted', 'delivered', 'unknown')"
    " OR (d.status IN ('failed', 'expired') AND d.handed_at IS NOT NULL))"
)


class Kind(NamedTuple):
    """A class of contacts. ``arms`` has the variant in each campaign asked about, ``marks`` the yes/no bits."""

    era: str
    commune: str
    language: str
    arms: tuple[str, ...]
    marks: int


@dataclass(frozen=True, slots=True)
class Arms:
    """A campaign's variants: thresholds in hundredths of a percent, in the order of the file."""

    campaign: str
    shares: tuple[tuple[str, int], ...]

    def sql(self, name: str) -> str:
        """An expression for the arm of contact ``c``: its bucket, shuffled differently for every campaign."""
        if not self.shares:
            return "''"
        seed = hashlib.sha256(self.campaign.encode()).digest()
        factor = 1 + int.from_bytes(seed[:4], "big") % 65536
        offset = int.from_bytes(seed[4:8], "big") % 65537
        position = f"(((CAST(c.bucket AS BIGINT) * {factor} + {offset}) % 65537) * 10000 / 65537)"
        bound, cases = 0, []
        for number, (_, share) in enumerate(self.shares[:-1]):
            bound += share
            cases.append(f"WHEN {position} < {bound} THEN CAST(:{name}_{number} AS VARCHAR)")
        last = f"CAST(:{name}_{len(self.shares) - 1} AS VARCHAR)"
        return f"(CASE {' '.join(cases)} ELSE {last} END)" if cases else last

    def parameters(self, name: str) -> dict[str, str]:
        """The arm names that ``sql`` leaves as parameters."""
        return {f"{name}_{number}": arm for number, (arm, _) in enumerate(self.shares)}


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked about every contact. Marks after consent and opted-out are given out in this order."""

    arms: tuple[Arms, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()  # in any of these groups?
    contacted_since: tuple[datetime, ...] = ()  # handed something after this instant (campaign time)?
    runs: tuple[int, ...] = ()  # has a counted (or still queued) delivery of this run?
    do_not_call: bool = False  # on the Do-Not-Call list?
    email: bool = False  # has an e-mail address?

    def group_mark(self, keys: tuple[str, ...]) -> int:
        """The bit of "in any of these groups"."""
        return 4 << self.groups.index(keys)

    def contacted_mark(self, since: datetime) -> int:
        """The bit of "contacted since"."""
        return 4 << (len(self.groups) + self.contacted_since.index(since))

    def run_mark(self, run_id: int) -> int:
        """The bit of "has a delivery of that run"."""
        return 4 << (len(self.groups) + len(self.contacted_since) + self.runs.index(run_id))

    @property
    def do_not_call_mark(self) -> int:
        """The bit of "on the Do-Not-Call list"; 0 where that was not asked."""
        return 4 << (len(self.groups) + len(self.contacted_since) + len(self.runs)) if self.do_not_call else 0

    @property
    def email_mark(self) -> int:
        """The bit of "has an e-mail address"; 0 where that was not asked."""
        before = len(self.groups) + len(self.contacted_since) + len(self.runs) + self.do_not_call
        return 4 << before if self.email else 0

    def sql(self) -> "Classified":
        """The expressions over ``contact c`` and their parameters."""
        parameters: dict[str, Any] = {}
        arms = []
        for number, arm in enumerate(self.arms):
            arms.append(arm.sql(f"arm{number}"))
            parameters |= arm.parameters(f"arm{number}")
        marks = ["CASE WHEN c.consent THEN 1 ELSE 0 END", "CASE WHEN c.opted_out_at IS NULL THEN 0 ELSE 2 END"]
        bit = 4
        for number, keys in enumerate(self.groups):
            names = []
            for place, key in enumerate(keys):
                parameters[f"group{number}_{place}"] = key
                names.append(f":group{number}_{place}")
            marks.append(
                f"CASE WHEN EXISTS (SELECT 1 FROM contact_group g WHERE g.contact_id = c.id"
                f" AND g.group_key IN ({', '.join(names)})) THEN {bit} ELSE 0 END"
            )
            bit <<= 1
        for number, since in enumerate(self.contacted_since):
            parameters[f"since{number}"] = since
            marks.append(
                f"CASE WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.contact_id = c.id AND d.attempt > 0"
                f" AND d.claimed_at > :since{number} AND {_COUNTED}) THEN {bit} ELSE 0 END"
            )
            bit <<= 1
        for run_id in self.runs:
            marks.append(
                f"CASE WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.run_id = {int(run_id)}"
                f" AND d.contact_id = c.id AND (d.status = 'queued' OR {_COUNTED})) THEN {bit} ELSE 0 END"
            )
            bit <<= 1
        if self.do_not_call:
            listed = "EXISTS (SELECT 1 FROM do_not_call n WHERE n.phone_hash = c.phone_hash)"
            marks.append(f"CASE WHEN {listed} THEN {bit} ELSE 0 END")
            bit <<= 1
        if self.email:
            marks.append(f"CASE WHEN c.email_sealed IS NULL THEN 0 ELSE {bit} END")
        return Classified(tuple(arms), " + ".join(marks), parameters, len(self.contacted_since))


@dataclass(frozen=True, slots=True)
class Classified:
    """SQL expressions for a contact's arms and marks."""

    arms: tuple[str, ...]
    marks: str
    parameters: dict[str, Any] = field(default_factory=dict)
    instants: int = 0

    def bind(self, statement: str) -> Any:
        """``statement`` as a text clause with its instants typed for the database at hand."""
        return text(statement).bindparams(
            *(bindparam(f"since{number}", type_=Instant) for number in range(self.instants))
        )


def count_kinds(connection: Connection, questions: Questions) -> Iterator[tuple[Kind, int]]:
    """Every kind of contact there is, with how many people are of it. One pass over the contacts."""
    for kind, _, people in _count(connection, questions, "''"):
        yield kind, people


def count_kinds_by_prefix(connection: Connection, questions: Questions) -> Iterator[tuple[Kind, str, int]]:
    """The same for each operator prefix apart: what the tallies of a run are made of."""
    return _count(connection, questions, "c.prefix")


def _count(connection: Connection, questions: Questions, prefix: str) -> Iterator[tuple[Kind, str, int]]:
    classified = questions.sql()
    columns = ["c.era", "c.commune", "c.language", prefix, *classified.arms, classified.marks]
    grouped = ", ".join(str(place + 1) for place in range(len(columns)))
    statement = f"SELECT {', '.join(columns)}, count(*) FROM contact c GROUP BY {grouped}"
    result = connection.execute(classified.bind(statement), classified.parameters, execution_options=_STREAMED)
    for row in result:
        yield Kind(row[0], row[1], row[2], tuple(row[4:-2]), row[-2]), row[3], row[-1]


def contacts_version(connection: Connection) -> tuple[int, ...]:
    """A value that changes whenever contacts may have: while it stands still, kinds can be trusted."""
    return tuple(
        connection.execute(
            text(
                "SELECT (SELECT count(*) FROM contact_import),"
                " (SELECT count(*) FROM contact_import WHERE finished_at IS NULL)"
                " + (SELECT count(*) FROM do_not_call_import WHERE finished_at IS NULL),"
                " (SELECT count(*) FROM do_not_call_import), (SELECT count(*) FROM opt_out),"
                # every other change of contacts leaves a line there; the log's other lines are about runs
                " (SELECT count(*) FROM audit WHERE action LIKE 'contacts.%')"
            )
        ).one()
    )


def importing(version: tuple[int, ...]) -> bool:
    """Whether an import had begun and not ended when the version was taken (a killed one counts, to be safe)."""
    return version[1] > 0


def names_of(connection: Connection, questions: Questions) -> Iterator[tuple[Kind, bytes | None]]:
    """Every contact's kind with the sealed name, for counting the segments of texts that hold it."""
    classified = questions.sql()
    columns: Sequence[str] = ["c.era", "c.commune", "c.language", *classified.arms, classified.marks, "c.name_sealed"]
    statement = f"SELECT {', '.join(columns)} FROM contact c"
    result = connection.execute(classified.bind(statement), classified.parameters, execution_options=_STREAMED)
    for row in result:
        yield Kind(row[0], row[1], row[2], tuple(row[3:-2]), row[-2]), row[-1]
