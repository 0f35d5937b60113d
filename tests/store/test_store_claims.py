"""Claims: never faster than the sender may, never past a gate, never the same row twice."""

import random
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text, update
from store_rows import (
    BEGIN,
    CONTACT,
    REAL,
    RUN,
    SIGNED,
    at_once,
    contacts_in,
    deliveries_in,
    delivery,
    recounted,
    run_in,
    tallied,
)

from engine.pipeline.process import Process
from engine.status import CampaignStatus, Status
from engine.store import campaigns, claims, outbox, senders, suppression
from engine.store.claims import Claim, Claimable, Claimed
from engine.store.database import Database, Lock
from engine.store.outbox import DELIVERY, Change
from engine.store.senders import Standing


def _claim(database: Database, runs: Sequence[int | Claimable], at: float = 0.0, **more: Any) -> Claim:
    """A claim ``at`` seconds after the beginning, on both clocks."""
    named = {"sender": "dien-tap", "rate": 500.0, "worker": "w", "slot": 0} | more
    open_now = [run if isinstance(run, Claimable) else Claimable(run) for run in runs]
    real_now = named.pop("real_now", REAL + at)
    now = named.pop("now", BEGIN + timedelta(seconds=at))
    with database.write(Lock.CLAIM) as connection:
        return claims.claim(connection, runs=open_now, now=now, real_now=real_now, **named)


def _run(process: Process, people: int | Sequence[int], step: str = "canh-bao", **columns: Any) -> int:
    """A run that is ready, with a delivery for each of ``people`` (or that many new contacts)."""
    run_columns = {name: columns.pop(name) for name in ("campaign", "expires_at", "advertising") if name in columns}
    with process.database.write() as connection:
        contacts = contacts_in(connection, process.keyring, people) if isinstance(people, int) else people
        run = run_in(connection, step=step, **run_columns)
        deliveries_in(connection, run, contacts, **columns)
    return run


def _stand(process: Process, standing: Standing, sender: str = "dien-tap") -> None:
    """Let a sender stand like that."""
    with process.database.write() as connection:
        senders.lock(connection, sender)
        senders.save(connection, sender, standing)


def _statuses(process: Process, run: int) -> Counter[tuple[str, str | None]]:
    with process.database.read() as connection:
        assert tallied(connection, run) == recounted(connection, run)
        rows = connection.execute(select(DELIVERY.c.status, DELIVERY.c.reason).where(DELIVERY.c.run_id == run))
        return Counter((row.status, row.reason) for row in rows)


def _busiest_second(rows: Sequence[Claimed]) -> int:
    times = sorted(row.release_real for row in rows)
    return max(sum(time <= other < time + 1.0 - 1e-6 for other in times) for time in times)


def test_no_second_has_more_releases_than_the_rate(prepared: Process) -> None:
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        rate=st.sampled_from([0.2, 0.7, 1.0, 3.0, 20.0]),
        waits=st.lists(st.one_of(st.floats(0, 1.5), st.floats(0, 20)), min_size=1, max_size=8),
    )
    def holds(rate: float, waits: list[float]) -> None:
        with prepared.database.write() as connection:
            sender = f"s{connection.execute(text('SELECT count(*) FROM run')).scalar()}"
        run = _run(prepared, 30, step=sender, sender=sender)
        at, rows = 0.0, []
        for wait in waits:
            at += wait
            claimed = _claim(prepared.database, [run], at, sender=sender, rate=rate).rows
            assert all(row.release_real >= REAL + at - 1e-6 for row in claimed), "a slot that has passed was caught up"
            assert all(row.release_real <= REAL + at + max(1.0, 1.0 / rate) for row in claimed)
            rows += claimed
        assert all(later.release_real - row.release_real >= 1.0 / rate - 1e-5 for row, later in pairwise(rows))
        assert not rows or _busiest_second(rows) <= max(1, rate)
        assert len({row.delivery_id for row in rows}) == len(rows)

    holds()


def test_time_in_which_nothing_was_sent_is_not_caught_up(prepared: Process) -> None:
    run = _run(prepared, 60)
    assert len(_claim(prepared.database, [run], 0, rate=10.0).rows) == 10
    assert len(_claim(prepared.database, [run], 0.5, rate=10.0).rows) == 5
    later = _claim(prepared.database, [run], 3600, rate=10.0).rows
    assert len(later) == 10
    assert later[0].release_real == pytest.approx(REAL + 3600)
    assert _busiest_second(later) == 10


def test_a_sender_slower_than_one_a_second_sends_all_the_same(prepared: Process) -> None:
    run = _run(prepared, 5)
    released = [
        row.release_real - REAL for at in range(41) for row in _claim(prepared.database, [run], at, rate=0.1).rows
    ]
    assert released == pytest.approx([0, 10, 20, 30, 40])


def test_a_clock_that_is_set_back_stops_no_sender(prepared: Process) -> None:
    run = _run(prepared, 40)
    _claim(prepared.database, [run], 3600, rate=10.0)
    claimed = _claim(prepared.database, [run], 0, rate=10.0).rows
    assert len(claimed) == 10
    assert claimed[0].release_real == pytest.approx(REAL)
    assert not _claim(prepared.database, [run], 0, rate=10.0).rows, "and its rate holds from there"


def test_rows_that_a_gate_refuses_use_up_no_rate(prepared: Process) -> None:
    with prepared.database.write() as connection:
        gone = contacts_in(connection, prepared.keyring, 30, opted_out_at=BEGIN)
        people = contacts_in(connection, prepared.keyring, 20)
    run = _run(prepared, gone + people)
    claimed = _claim(prepared.database, [run], rate=10.0)
    assert (len(claimed.rows), claimed.excluded) == (10, 30)
    assert claimed.rows[-1].release_real == pytest.approx(REAL + 0.9)


def test_two_processes_share_one_senders_rate(prepared: Process, settings) -> None:
    run = _run(prepared, 100)
    other = Database(settings.database_url)
    rows: list[Claimed] = []
    for at in (0.0, 0.3, 1.0, 1.2):
        works = [
            lambda database=database, at=at: _claim(database, [run], at, rate=10.0)
            for database in (prepared.database, other)
        ]
        for claimed in at_once(*works):
            rows += claimed.rows
    other.close()
    assert len({row.delivery_id for row in rows}) == len(rows) == 22
    assert _busiest_second(rows) == 10


@pytest.mark.parametrize("cap", [1, 3])
def test_two_processes_never_get_a_person_past_the_cap_across_campaigns(prepared: Process, settings, cap: int) -> None:
    with prepared.database.write() as connection:
        people = contacts_in(connection, prepared.keyring, 40)
    shuffled = random.Random(7)
    runs = [
        _run(prepared, shuffled.sample(people, 40), campaign=f"chien-dich-{n}", sender=f"s{n}") for n in range(cap + 2)
    ]
    databases = [prepared.database, Database(settings.database_url)]
    limit = (cap, timedelta(days=7))

    def drain(place: int) -> int:
        order = list(enumerate(runs))[:: 1 if place == 0 else -1]
        taken = 0
        for turn in range(8):
            for number, run in order:
                now = BEGIN + timedelta(seconds=turn)
                claimed = _claim(
                    databases[place],
                    [Claimable(run, limit)],
                    turn * 2,
                    sender=f"s{number}",
                    now=now,
                    limit=7,
                    slot=place,
                )
                taken += len(claimed.rows)
        return taken

    taken = sum(at_once(lambda: drain(0), lambda: drain(1)))
    databases[1].close()
    with prepared.database.read() as connection:
        sending = select(DELIVERY.c.contact_id).where(DELIVERY.c.status == Status.SENDING)
        counted = Counter(row.contact_id for row in connection.execute(sending))
    assert set(counted.values()) == {cap}, "somebody got more than the cap, or nobody was left to reach it"
    assert taken == sum(counted.values()) == 40 * cap
    totals = sum((_statuses(prepared, run) for run in runs), Counter())
    assert totals == {("sending", None): 40 * cap, ("excluded", "capped"): 80}


def test_two_processes_never_get_a_fourth_advertisement_of_a_day_to_anybody(prepared: Process, settings) -> None:
    """Over all advertising campaigns together, which have no cap of their own; notices neither count nor are held."""
    with prepared.database.write() as connection:
        people = contacts_in(connection, prepared.keyring, 30)
    runs = [_run(prepared, people, campaign=f"qc-{n}", sender=f"s{n}", advertising=True) for n in range(5)]
    notice = _run(prepared, people, campaign="thong-bao", sender="s5")
    databases = [prepared.database, Database(settings.database_url)]

    def drain(place: int) -> None:
        order = [*enumerate(runs), (5, notice)][:: 1 if place == 0 else -1]
        for turn in range(7):
            for number, run in order:
                wanted = Claimable(run, advertising=run != notice)
                _claim(databases[place], [wanted], turn * 2, sender=f"s{number}", limit=7, slot=place)

    at_once(lambda: drain(0), lambda: drain(1))
    databases[1].close()
    totals = sum((_statuses(prepared, run) for run in runs), Counter())
    assert totals == {("sending", None): 90, ("excluded", "advertising_capped"): 60}
    assert _statuses(prepared, notice) == {("sending", None): 30}
    with prepared.database.read() as connection:
        sending = select(DELIVERY.c.contact_id).where(DELIVERY.c.status == Status.SENDING)
        counted = Counter(row.contact_id for row in connection.execute(sending))
    assert set(counted.values()) == {4}


def test_the_advertising_cap_is_a_sliding_days(prepared: Process) -> None:
    with prepared.database.write() as connection:
        people = contacts_in(connection, prepared.keyring, 1)
    runs = [_run(prepared, people, campaign=f"qc-{n}", advertising=True) for n in range(5)]
    hours = (0, 8, 16, 23.9, 24.1)
    taken = [
        len(_claim(prepared.database, [Claimable(run, advertising=True)], at * 3600).rows)
        for run, at in zip(runs, hours, strict=True)
    ]
    assert taken == [1, 1, 1, 0, 1]


def test_a_cap_counts_what_the_vendor_has_or_may_have_and_nothing_else(prepared: Process) -> None:
    """Each person had one delivery two days ago; the cap is one a week."""
    earlier = BEGIN - timedelta(days=2)
    cases = [
        ({"status": "sending", "worker": "w"}, True),
        ({"status": "accepted", "handed_at": earlier}, True),
        ({"status": "delivered", "handed_at": earlier}, True),
        ({"status": "unknown"}, True),
        ({"status": "failed", "handed_at": earlier}, True),
        ({"status": "expired", "handed_at": earlier}, True),
        ({"status": "failed"}, False),
        ({"status": "expired"}, False),
        ({"status": "queued", "not_before": REAL}, False),
        ({"status": "excluded", "reason": "capped"}, False),
        ({"status": "cancelled"}, False),
        ({"status": "delivered", "claimed_at": BEGIN - timedelta(days=8), "handed_at": earlier}, False),
    ]
    with prepared.database.write() as connection:
        people = contacts_in(connection, prepared.keyring, len(cases))
    for number, ((columns, _), person) in enumerate(zip(cases, people, strict=True)):
        values = {"attempt": 1, "claimed_at": earlier, "sender": "khac"} | columns
        _run(prepared, [person], step=f"truoc-{number}", **values)
    run = _run(prepared, people)
    _claim(prepared.database, [Claimable(run, (1, timedelta(days=7)))])
    with prepared.database.read() as connection:
        rows = connection.execute(
            select(DELIVERY.c.contact_id, DELIVERY.c.reason).where(DELIVERY.c.run_id == run)
        ).all()
    capped = {row.contact_id for row in rows if row.reason == "capped"}
    assert capped == {person for person, (_, counts) in zip(people, cases, strict=True) if counts}


def test_two_runs_in_one_claim_count_against_one_cap(prepared: Process) -> None:
    with prepared.database.write() as connection:
        people = contacts_in(connection, prepared.keyring, 5)
    runs = [_run(prepared, people, step=step) for step in ("mot", "hai")]
    claimed = _claim(prepared.database, [Claimable(run, (1, timedelta(days=7))) for run in runs])
    assert (len(claimed.rows), claimed.excluded) == (5, 5)
    assert {row.run_id for row in claimed.rows} == {runs[0]}


def test_people_who_opted_out_or_were_erased_since_get_nothing(prepared: Process) -> None:
    with prepared.database.write() as connection:
        people = contacts_in(connection, prepared.keyring, 4)
    run = _run(prepared, people)
    with prepared.database.write() as connection:
        number = connection.execute(select(CONTACT.c.phone_hash).where(CONTACT.c.id == people[0])).scalar_one()
        suppression.opt_out(connection, [number], at=BEGIN, source="vendor")
        connection.execute(text("DELETE FROM contact WHERE id = :id"), {"id": people[1]})
        connection.execute(text("UPDATE delivery SET rendering_id = NULL WHERE contact_id = :id"), {"id": people[2]})
    claimed = _claim(prepared.database, [run])
    assert [row.phone_sealed for row in claimed.rows] == [b"sealed"]
    assert _statuses(prepared, run) == {
        ("excluded", "opted_out"): 1, ("excluded", "erased"): 2, ("sending", None): 1
    }  # fmt: skip


def test_an_opt_out_that_came_while_the_number_was_being_imported_still_holds(prepared: Process) -> None:
    """On PostgreSQL neither transaction sees the other: the contact is stored without its mark."""
    with prepared.database.write() as connection:
        people = contacts_in(connection, prepared.keyring, 2)
        number = connection.execute(select(CONTACT.c.phone_hash).where(CONTACT.c.id == people[0])).scalar_one()
        suppression.opt_out(connection, [number], at=BEGIN, source="vendor")
        connection.execute(update(CONTACT).values(opted_out_at=None))
    run = _run(prepared, people)
    _claim(prepared.database, [run])
    assert _statuses(prepared, run) == {("excluded", "opted_out"): 1, ("sending", None): 1}


def test_people_of_clay_get_nothing_from_a_live_sender(prepared: Process) -> None:
    with prepared.database.write() as connection:
        people = contacts_in(connection, prepared.keyring, 2, rows=[{"synthetic": True}, {}])
    run, practice = _run(prepared, people), _run(prepared, people, step="dien-tap", sender="khac")
    assert [row.synthetic for row in _claim(prepared.database, [run], refuse_synthetic=True).rows] == [False]
    assert _statuses(prepared, run) == {("excluded", "synthetic"): 1, ("sending", None): 1}
    assert len(_claim(prepared.database, [practice], sender="khac").rows) == 2


def test_rows_that_come_back_go_first_and_not_before_their_time(prepared: Process) -> None:
    run = _run(prepared, 6)
    first = _claim(prepared.database, [run], 0, limit=3).rows
    with prepared.database.write() as connection:
        waits = [
            Change(row.delivery_id, row.attempt, Status.QUEUED, BEGIN, not_before=REAL + wait)
            for row, wait in zip(first, (30.0, 20.0, 9000.0), strict=True)
        ]
        outbox.apply(connection, waits, slot=0)
    fresh = _claim(prepared.database, [run], 10, limit=1).rows
    assert [row.attempt for row in fresh] == [1]
    assert fresh[0].delivery_id not in {row.delivery_id for row in first}
    again = _claim(prepared.database, [run], 30, limit=2).rows
    assert [(row.delivery_id, row.attempt) for row in again] == [(first[1].delivery_id, 2), (first[0].delivery_id, 2)]
    rest = _claim(prepared.database, [run], 60)
    assert [row.attempt for row in rest.rows] == [1, 1]
    assert rest.exhausted == [run]
    assert [row.delivery_id for row in _claim(prepared.database, [run], 9000).rows] == [first[2].delivery_id]
    assert _statuses(prepared, run) == {("sending", None): 6}


def test_each_row_is_claimed_once_and_the_cursor_passes_nobody(prepared: Process) -> None:
    run = _run(prepared, 25)
    seen = Counter(row.delivery_id for at in range(8) for row in _claim(prepared.database, [run], at * 2, limit=4).rows)
    assert (len(seen), set(seen.values())) == (25, {1})
    assert _claim(prepared.database, [run], 100).exhausted == [run]
    with prepared.database.read() as connection:
        assert connection.execute(select(RUN.c.status)).scalar() == "running"


def test_the_runs_are_served_in_the_order_given(prepared: Process) -> None:
    runs = [_run(prepared, 3, step=f"b{number}") for number in range(3)]
    claimed = _claim(prepared.database, runs[::-1], limit=5)
    assert [row.run_id for row in claimed.rows] == [runs[2]] * 3 + [runs[1]] * 2
    assert claimed.exhausted == [runs[2]]


def test_another_senders_rows_are_not_touched(prepared: Process) -> None:
    run = _run(prepared, 3, sender="khac")
    assert _claim(prepared.database, [run]).exhausted == [run]
    assert _statuses(prepared, run) == {("queued", None): 3}


def test_a_sender_that_rests_claims_nothing_until_its_time(prepared: Process) -> None:
    run = _run(prepared, 30)
    _claim(prepared.database, [run], 0, rate=10.0)
    _stand(prepared, Standing(held_until=REAL + 60, held_reason="overloaded", opened_real=REAL))
    held = _claim(prepared.database, [run], 59, rate=10.0)
    assert (held.held, held.rows, held.excluded, held.exhausted) == (True, [], 0, [])
    freed = _claim(prepared.database, [run], 61, rate=10.0)
    assert not freed.held
    assert len(freed.rows) == 10, "the rest is not caught up"
    _stand(prepared, Standing(held_until=senders.FOREVER, held_reason="stopped", holds=2))
    with prepared.database.write() as connection:
        assert senders.held(connection, REAL + 1e9)["dien-tap"] == (senders.FOREVER, "stopped", 2)
        assert senders.release(connection, "dien-tap")
        assert not senders.release(connection, "dien-tap")
        assert senders.held(connection, 0) == {}
    assert len(_claim(prepared.database, [run], 70, rate=10.0).rows) == 10


def test_a_run_stopped_since_the_gates_were_read_hands_out_nothing_more(prepared: Process) -> None:
    """The dispatcher reads the gates in a transaction of its own; `loa cancel` may come between it and the claim."""
    stopped = []
    for what in ("paused", "cancelled", "held", "overdue", "campaign paused", "campaign cancelled"):
        run = _run(
            prepared, 3, step=what, campaign=what,
            expires_at=BEGIN + (timedelta() if what == "overdue" else timedelta(hours=1)),
        )  # fmt: skip
        stopped.append(run)
        with prepared.database.write() as connection:
            if what.startswith("campaign"):
                campaigns.move(connection, what, CampaignStatus(what.partition(" ")[2]), SIGNED)
            elif what != "overdue":
                connection.execute(update(RUN).values(status=what).where(RUN.c.id == run))
    going = _run(prepared, 3)
    claimed = _claim(prepared.database, [*stopped, going])
    assert ({row.run_id for row in claimed.rows}, claimed.exhausted, claimed.excluded) == ({going}, [going], 0)
    for run in stopped:
        assert _statuses(prepared, run) == {("queued", None): 3}


def test_a_receipt_that_settles_a_row_while_it_is_claimed_wins_and_breaks_nothing(prepared: Process, settings) -> None:
    """On PostgreSQL the claim read the row as queued, waited for the receipt, and was stopped by the trigger."""
    run = _run(prepared, 4)
    first = _claim(prepared.database, [run], 0, limit=2).rows
    with prepared.database.write() as connection:
        back = [Change(row.delivery_id, 1, Status.QUEUED, BEGIN, not_before=REAL) for row in first]
        outbox.apply(connection, back, slot=0)
    other, result = Database(settings.database_url), []
    claiming = threading.Thread(target=lambda: result.append(_claim(other, [run], 10, slot=1)))
    with prepared.database.write() as connection:
        word = Change(first[0].delivery_id, 1, Status.DELIVERED, BEGIN, vendor_id="SM1", handed=True)
        outbox.apply(connection, [word], slot=0)
        claiming.start()
        claiming.join(timeout=0.2)
    claiming.join(timeout=20)
    other.close()
    assert len(result) == 1, "the claim was stopped by the receipt"
    assert first[0].delivery_id not in {row.delivery_id for row in result[0].rows}
    assert _statuses(prepared, run) == {("delivered", None): 1, ("sending", None): 3}


def test_what_a_claim_holds_is_not_printed(prepared: Process) -> None:
    run = _run(prepared, 1)
    [row] = _claim(prepared.database, [run]).rows
    assert "sealed" not in repr(row)
    assert "Goi 111" not in repr(row)
    with prepared.database.read() as connection:
        stored = delivery(connection, row.delivery_id)
    assert (stored["worker"], stored["claimed_at"], stored["claimed_real"]) == ("w", BEGIN, REAL)
