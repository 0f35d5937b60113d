"""Whatever happens to deliveries, and in whatever order words about them come: the figures are the rows' own."""

import itertools
from collections import Counter
from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.areas.registry import load
from engine.clock import VIETNAM
from engine.reports.recount import recount
from engine.reports.report import DIMENSIONS, Asked, make_report
from engine.status import Status
from engine.store.outbox import DELIVERY, Change
from engine.store.tables import Run, table_of

RUN = table_of(Run)
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


@settings(
    max_examples=20,
    deadline=None,  # a database's commits are not ours to time
    # the fixture's database is shared by the examples on purpose: each has a campaign of its own in it
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(runs=st.lists(st.lists(deliveries, min_size=1, max_size=4), min_size=1, max_size=2), history=histories)
def test_figures_equal_an_independent_count(road, runs, history):
    campaign = f"dot-{next(_numbers)}"
    ids = []
    for place, people in enumerate(runs):
        values = [{**one, "era": one["place"][0], "commune": one["place"][1]} for one in people]
        for one in values:
            del one["place"]
        step = ("mo-dau", "canh-bao")[place]
        ids += road.run(values, campaign=campaign, step=step, due=DUE + timedelta(hours=18 * place))
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
    _compare(road, campaign)


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
    counted = recount(process.database)
    assert counted.differences == []


def _key(row: dict, by: str) -> object:
    return (row["area"]["era"], row["area"]["code"]) if by in ("district", "commune") else row[by]


def _counted(registry, rows: list[dict], by: str, era: str) -> dict:
    groups: dict[object, list[dict]] = {}
    for row in rows:
        place = row["era"], row["commune"]
        key = {
            "district": ("legacy", registry.historic_district(*place).district_code),
            "commune": (era, registry.counterpart(*place, era)),
            "day": row["due"].astimezone(VIETNAM).date().isoformat(),
            "hour": f"{row['handed_at'].astimezone(VIETNAM).hour:02d}" if row["handed_at"] else "",
        }
        key = key[by] if by in key else row[by]
        groups.setdefault(key, []).append(row)
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
