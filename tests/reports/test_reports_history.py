"""Whatever happens to deliveries, and in whatever order words about them come: the figures are the rows' own."""

import itertools
import math
from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, column, insert, text

from engine.areas.registry import load
from engine.clock import VIETNAM
from engine.reports.dimensions import partners
from engine.reports.measures import measure
from engine.reports.places import Place
from engine.reports.recount import recount
from engine.reports.report import DIMENSIONS, Asked, make_report
from engine.status import Status
from engine.store.instant import Instant
from engine.store.outbox import DELIVERY, Change
from engine.store.tables import Contact, ContactImport, Run, table_of

RUN = table_of(Run)
PAIRS = [
    (one, other) for one in DIMENSIONS for other in partners(one) if DIMENSIONS.index(one) < DIMENSIONS.index(other)
]
_OPT_OUT = text(
    "INSERT INTO opt_out (phone_hash, at, source) SELECT phone_hash, :at, 'hotline' FROM contact WHERE id = :key"
).bindparams(bindparam("at", type_=Instant))
_LEFT = text("SELECT c.id, o.at FROM opt_out o JOIN contact c ON c.phone_hash = o.phone_hash").columns(
    column("id"), column("at", Instant)
)
DUE = datetime.fromisoformat("2027-07-16T06:30+07:00")
PLACES = (
    ("2025", "06211"), ("2025", "06541"), ("2025", "01090"), ("2025", "00859"), ("legacy", "06541"),
    ("legacy", "00016"), ("legacy", "06238"),
)  # fmt: skip
ENDS = (Status.ACCEPTED, Status.DELIVERED, Status.FAILED, Status.EXPIRED, Status.UNKNOWN, Status.QUEUED)
_numbers = itertools.count()

deliveries = st.fixed_dictionaries(
    {
        "place": st.sampled_from(PLACES),
        "language": st.sampled_from(["vi", "hmn"]),
        "variant": st.sampled_from(["", "a", "b"]),
        "sender": st.sampled_from(["dien-tap", "du-phong"]),
        "segments": st.integers(1, 4),
        "prefix": st.sampled_from(["090", "086"]),
        "person": st.integers(0, 5),
        "reason": st.sampled_from([None, None, None, "opted_out", "capped"]),
    }
)
histories = st.lists(
    st.tuples(
        st.integers(0, 7),  # which delivery
        st.sampled_from(["claim", "word", "word", "word", "again", "stale", "cancel"]),
        st.sampled_from(ENDS),
        st.integers(0, 3000),  # minutes after the run was due
        st.integers(0, 2),  # the writer's slot
    ),
    max_size=30,
)


@pytest.mark.torture  # twenty histories on each database
@settings(
    max_examples=20,
    deadline=None,  # a database's commits are not ours to time
    # the fixture's database is shared by the examples on purpose: each has a campaign of its own in it
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    runs=st.lists(
        st.lists(deliveries, min_size=1, max_size=4, unique_by=lambda one: one["person"]), min_size=1, max_size=3
    ),
    history=histories,
    left=st.dictionaries(st.integers(0, 5), st.integers(0, 15_000), max_size=4),  # person → minutes until an opt-out
)
def test_figures_equal_an_independent_count(road, runs, history, left):
    number = next(_numbers)
    campaign, people = f"dot-{number}", _people(road, number)
    ids = []
    for place, those in enumerate(runs):
        values = [
            {key: value for key, value in one.items() if key not in ("place", "person")}
            | {"era": one["place"][0], "commune": one["place"][1], "contact_id": people[one["person"]]}
            for one in those
        ]
        step, channel = (("mo-dau", "sms"), ("canh-bao", "zalo"), ("mo-dau", "sms"))[place]
        due = DUE + timedelta(hours=18 * place)
        ids += road.run(values, campaign=campaign, step=step, channel=channel, due=due)
    said: list[Change] = []
    for which, what, end, minutes, slot in history:
        key, at = ids[which % len(ids)], DUE + timedelta(minutes=minutes, microseconds=minutes)
        if what == "again":  # the same receipt once more
            if said:
                road.move(said[minutes % len(said)], slot=slot)
            continue
        if what == "cancel":
            road.move(Change(key, 0, Status.CANCELLED, at, reason="cancelled"), slot=slot)
            continue
        attempt = road.claim(key, at=at, slot=slot)
        if what == "claim":
            continue
        if what == "stale":
            attempt -= 1
        handed = end in (Status.ACCEPTED, Status.DELIVERED)
        reason = "unreachable" if end is Status.FAILED else None
        vendor_id = None if end is Status.QUEUED else f"SM{key}-{attempt}"
        said.append(Change(key, attempt, end, at, vendor_id, reason=reason, handed=handed))
        road.move(said[-1], slot=slot)
    with road.process.database.write() as connection:
        for person, minutes in left.items():
            at = {"key": people[person], "at": DUE + timedelta(minutes=minutes)}
            connection.execute(_OPT_OUT, at)
    _compare(road, campaign)


def _people(road, number: int) -> list[int]:
    """Six contacts of this example's own; their ids."""
    first = number * 6 + 1
    with road.process.database.write() as connection:
        if connection.execute(text("SELECT 1 FROM contact_import")).first() is None:
            connection.execute(insert(table_of(ContactImport)).values(
                source="thử", basis="thử", consent=True, file_digest="0", started_at=DUE,
                rows=0, imported=0, updated=0, unchanged=0, rejected=0,
            ))  # fmt: skip
        rows = [
            {
                "id": key, "phone_hash": b"%d" % key, "phone_sealed": b"x", "era": "2025", "commune": "06211",
                "language": "vi", "consent": True, "prefix": "090", "bucket": 0, "synthetic": True, "import_id": 1,
                "updated_at": DUE,
            }
            for key in range(first, first + 6)
        ]  # fmt: skip
        connection.execute(insert(table_of(Contact)), rows)
    return list(range(first, first + 6))


def _compare(road, campaign: str) -> None:
    process, registry = road.process, load()
    with process.database.read() as connection:
        found = connection.execute(
            DELIVERY.select()
            .add_columns(RUN.c.campaign, RUN.c.step, RUN.c.channel, RUN.c.due)
            .join(RUN, RUN.c.id == DELIVERY.c.run_id)
            .where(RUN.c.campaign == campaign)
        )
        rows = [dict(row) for row in found.mappings()]
    for by in DIMENSIONS:
        for era in ("2025", "legacy") if by == "commune" else ("2025",):
            asked = Asked((campaign,), by, era)
            made = make_report(process.database, load, process.snapshot, asked, process.clock.now()).document()
            shown = {
                _key(row, by): {key: value for key, value in row.items() if key not in (by, "area")}
                for row in made["rows"]
            }
            expected = _counted(registry, rows, by, era)
            assert shown == expected, by
            assert made["totals"]["targeted"] == len(rows)
            assert sum(row["targeted"] for row in shown.values()) == len(rows)
    # a part of the period: by adding up some runs, or by taking the others away
    first = DUE.date()
    for since, until in ((None, first), (first + timedelta(days=1), None)):
        days = [(row, row["due"].astimezone(VIETNAM).date()) for row in rows]
        those = [row for row, day in days if (day > first) is (until is None)]
        asked = Asked((campaign,), "commune", since=since, until=until)
        made = make_report(process.database, load, process.snapshot, asked, process.clock.now())
        shown = {(row.key.era, row.key.code): row.figures.document() for row in made.rows}
        assert shown == _counted(registry, those, "commune", "2025"), (since, until)
    for pair in PAIRS:
        made = make_report(
            process.database, load, process.snapshot, Asked((campaign,), pair[0], second=pair[1]), process.clock.now()
        )
        shown = {
            tuple((key.era, key.code) if isinstance(key, Place) else key for key in row.keys): row.figures.document()
            for row in made.rows
        }
        assert shown == _counted(registry, rows, pair, "2025"), pair
    counted = recount(process.database)
    assert counted.differences == []
    _compare_measures(road, campaign, rows)


def _compare_measures(road, campaign: str, rows: list[dict]) -> None:
    def told(what, by=()):
        return measure(
            road.process.database, load, road.process.snapshot, what, Asked((campaign,), "step"), by,
            road.process.clock.now(),
        )  # fmt: skip

    delivered = [row for row in rows if row["status"] == "delivered"]
    # cost: all that was handed over by what arrived
    spent = sum(row["cost_vnd"] for row in rows if row["handed_at"] is not None)
    assert told("cost").totals["cost_per_delivered_vnd"] == (spent / len(delivered) if delivered else None)
    # coverage: people, in the commune where the newest run has them
    newest = {row["contact_id"]: row for row in sorted(rows, key=lambda row: row["run_id"])}
    addressed = {row["contact_id"] for row in rows if row["status"] not in ("excluded", "cancelled")}
    reached = {row["contact_id"] for row in delivered}
    made = told("coverage", ("district",))
    assert made.totals["people_targeted"] == len(newest)
    assert (made.totals["people_addressed"], made.totals["people_reached"]) == (len(addressed), len(reached))
    by_district = Counter(
        load().historic_district(row["era"], row["commune"]).district_code
        for key, row in newest.items()
        if key in reached
    )
    assert {row.keys[0].code: row.values["people_reached"] for row in made.rows if row.values["people_reached"]} == (
        by_district
    )
    # delay: the true quantile lies within the bucket that is told
    delays = sorted((row["finished_at"] - row["handed_at"]).total_seconds() for row in delivered)
    made = told("delay")
    for part, name in ((50, "median"), (95, "p95")):
        start, end = made.totals[f"delay_{name}_from_s"], made.totals[f"delay_{name}_to_s"]
        if delays:
            true = delays[math.ceil(len(delays) * part / 100) - 1]
            assert (true > start or start == 0) and (end is None or true <= end), (true, start, end)
        else:
            assert start is None and end is None
    # reasons
    ended = ("failed", "expired", "unknown", "excluded", "cancelled")
    why = Counter((row["step"], row["status"], row["reason"] or "") for row in rows if row["status"] in ended)
    assert {
        (row.keys[0], row.values["status"], row.values["reason"]): row.values["deliveries"]
        for row in told("reasons", ("step",)).rows
    } == why
    # opt-outs: the last confirmed delivery handed over within seven days before
    with road.process.database.read() as connection:
        left = dict(map(tuple, connection.execute(_LEFT)))
    expected: Counter = Counter()
    for person, at in left.items():
        before = [
            row for row in delivered
            if row["contact_id"] == person and at - timedelta(days=7) < row["handed_at"] <= at
        ]  # fmt: skip
        if before:
            expected[max(before, key=lambda row: (row["handed_at"], row["id"]))["step"]] += 1
    made = told("opt-outs", ("step",))
    assert {row.keys[0]: row.values["opt_outs"] for row in made.rows if row.values["opt_outs"]} == expected
    assert made.totals["opt_outs"] == expected.total()


def _key(row: dict, by: str) -> object:
    return (row["area"]["era"], row["area"]["code"]) if by in ("district", "commune") else row[by]


def _value(registry, row: dict, by: str, era: str) -> object:
    place = row["era"], row["commune"]
    if by == "district":
        return "legacy", registry.historic_district(*place).district_code
    if by == "commune":
        return era, registry.counterpart(*place, era)
    if by == "day":
        return row["due"].astimezone(VIETNAM).date().isoformat()
    if by == "hour":
        return f"{row['handed_at'].astimezone(VIETNAM).hour:02d}" if row["handed_at"] else ""
    return row[by]


def _counted(registry, rows: list[dict], by: str | tuple[str, ...], era: str) -> dict:
    groups: dict[object, list[dict]] = {}
    for row in rows:
        pair = tuple(_value(registry, row, one, era) for one in ((by,) if isinstance(by, str) else by))
        groups.setdefault(pair[0] if isinstance(by, str) else pair, []).append(row)
    found = {}
    for key, members in groups.items():
        counts = Counter(row["status"] for row in members)
        handed = [row for row in members if row["handed_at"] is not None]
        sent = len(members) - counts["excluded"] - counts["cancelled"]
        found[key] = (
            {"targeted": len(members)}
            | {str(status): counts[status] for status in Status}
            | {
                "segments": sum(row["segments"] for row in handed),
                "cost_vnd": sum(row["cost_vnd"] for row in handed),
                "delivery_rate": counts["delivered"] / sent if sent else None,
            }
        )
    return found
