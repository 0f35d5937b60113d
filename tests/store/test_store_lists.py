"""The smaller lists: look-ups, approvals and budget, opt-outs, incidents."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text
from store_rows import BEGIN, CONTACT, REAL, SIGNED, at_once, contacts_in, deliveries_in, run_in

from engine.pipeline.process import Process
from engine.status import CampaignStatus, Status
from engine.store import audit, budget, campaigns, look_ups, outbox, snapshots, suppression
from engine.store.database import Database
from engine.store.outbox import DELIVERY, Change


def _deliveries(process: Process, count: int, step: str = "canh-bao", **columns: object) -> list[int]:
    values = {"status": "unknown", "attempt": 1, "claimed_at": BEGIN, "claimed_real": REAL, "worker": "w"} | columns
    with process.database.write() as connection:
        people = contacts_in(connection, process.keyring, count)
        return deliveries_in(connection, run_in(connection, step=step), people, **values)


def _ask(process: Process, keys: list[int], due: float, attempt: int = 1) -> None:
    rows = [{"delivery_id": key, "attempt": attempt, "sender": "dien-tap", "due_real": due} for key in keys]
    with process.database.write() as connection:
        look_ups.ask(connection, rows)


def _due(process: Process, at: float) -> list[int]:
    with process.database.write() as connection:
        return [row.delivery_id for row in look_ups.due(connection, at)]


def test_a_delivery_in_doubt_is_looked_up_when_due_longest_waiting_first(prepared: Process) -> None:
    first, second, third = _deliveries(prepared, 3)
    _ask(prepared, [second], REAL + 10)
    _ask(prepared, [first], REAL + 20)
    _ask(prepared, [third], REAL + 99)
    assert _due(prepared, REAL + 5) == []
    assert _due(prepared, REAL + 20) == [second, first]
    with prepared.database.write() as connection:
        [row, *_] = look_ups.due(connection, REAL + 20)
    assert (row.attempt, row.claimed_at, row.words) == (1, BEGIN, "Goi 111.")
    assert "Goi" not in repr(row)
    assert "sealed" not in repr(row)


def test_what_was_settled_meanwhile_leaves_the_list_by_itself(prepared: Process) -> None:
    first, second = _deliveries(prepared, 2)
    _ask(prepared, [first, second], REAL)
    with prepared.database.write() as connection:
        outbox.apply(connection, [Change(first, 1, Status.DELIVERED, BEGIN, handed=True)], slot=0)
    assert _due(prepared, REAL) == [second]
    with prepared.database.write() as connection:
        assert connection.execute(text("SELECT count(*) FROM look_up")).scalar() == 1
        look_ups.settle(connection, [second])
        look_ups.settle(connection, [])
    assert _due(prepared, REAL) == []


def test_a_postponed_look_up_keeps_since_when_the_message_was_absent(prepared: Process) -> None:
    [key] = _deliveries(prepared, 1)
    _ask(prepared, [key], REAL)
    with prepared.database.write() as connection:
        look_ups.postpone(connection, key, due_real=REAL + 900, absent_since=REAL + 1)
    assert _due(prepared, REAL + 899) == []
    with prepared.database.write() as connection:
        assert [row.absent_since for row in look_ups.due(connection, REAL + 900)] == [REAL + 1]


def test_a_new_attempt_proves_its_absence_from_the_beginning(prepared: Process) -> None:
    """The first attempt's absence says nothing about the second: it would be sent a third time."""
    [key] = _deliveries(prepared, 1, attempt=2)
    _ask(prepared, [key], REAL)
    with prepared.database.write() as connection:
        look_ups.postpone(connection, key, due_real=REAL, absent_since=REAL, waits_for="several_candidates")
    assert _due(prepared, REAL + 1e6) == [], "what waits for a person is not looked up by itself"
    _ask(prepared, [key], REAL + 5, attempt=2)
    with prepared.database.write() as connection:
        assert [row.absent_since for row in look_ups.due(connection, REAL + 5)] == [None]


def test_orphans_are_old_claims_still_being_sent_and_nothing_else(prepared: Process) -> None:
    old = _deliveries(prepared, 2, status="sending")
    _deliveries(prepared, 2, step="moi", status="sending", claimed_real=REAL + 100)
    _deliveries(prepared, 2, step="nghi-ngo", status="unknown")
    _deliveries(prepared, 2, step="da-nhan", status="accepted")
    with prepared.database.read() as connection:
        found = look_ups.orphans(connection, REAL + 60)
        assert [(row.id, row.attempt, row.worker) for row in found] == [(key, 1, "w") for key in old]
        assert len(look_ups.orphans(connection, REAL + 60, limit=1)) == 1


def test_accepted_deliveries_are_asked_about_when_due_or_once_each_all_of_them(prepared: Process) -> None:
    keys = _deliveries(prepared, 4, status="accepted")
    with prepared.database.write() as connection:
        for place, key in enumerate(keys):
            connection.execute(
                DELIVERY.update().where(DELIVERY.c.id == key).values(vendor_id=f"SM{key}", poll_real=REAL + 10 - place)
            )
        assert [row.delivery_id for row in look_ups.to_poll(connection, REAL + 8)] == [keys[3], keys[2]]
        look_ups.poll_again(connection, [keys[3]], REAL + 600)
        look_ups.poll_again(connection, [], REAL)
        assert [row.delivery_id for row in look_ups.to_poll(connection, REAL + 10)] == [keys[2], keys[1], keys[0]]
        every, last = [], 0
        while page := look_ups.to_poll(connection, None, last, limit=3):
            every += [row.delivery_id for row in page]
            last = every[-1]
        assert every == keys
        assert look_ups.bound_elsewhere(connection, [f"SM{keys[0]}", "SM0"], keys[1]) == {f"SM{keys[0]}"}
        assert look_ups.bound_elsewhere(connection, [f"SM{keys[0]}"], keys[0]) == set()


def test_the_budget_is_never_passed_by_two_runs_that_reserve_at_once(prepared: Process, settings) -> None:
    other = Database(settings.database_url)
    with prepared.database.write() as connection:
        campaigns.ensure(connection, "chien-dich")
        campaigns.ensure(connection, "khong-han")

    def reserve(database: Database) -> int:
        taken = 0
        for _ in range(15):
            with database.write() as connection:
                taken += budget.reserve(connection, "chien-dich", 7, 100)
        return taken

    taken = sum(at_once(lambda: reserve(prepared.database), lambda: reserve(other)))
    other.close()
    assert taken == 14
    with prepared.database.write() as connection:
        assert connection.execute(text("SELECT max(reserved_vnd) FROM campaign_state")).scalar() == 98
        assert not budget.reserve(connection, "chien-dich", 3, 100)
        assert budget.reserve(connection, "chien-dich", 2, 100), "the last dong may be spent"
        assert budget.reserve(connection, "khong-han", 10**12, None)


def test_a_campaign_is_active_until_somebody_stops_it(prepared: Process) -> None:
    with prepared.database.write() as connection:
        assert snapshots.state_of(connection, "chien-dich") == "active"
        campaigns.move(connection, "chien-dich", CampaignStatus.PAUSED, SIGNED)
        campaigns.ensure(connection, "chien-dich")
        assert snapshots.state_of(connection, "chien-dich") == "paused"
        assert snapshots.state_of(connection, "khac") == "active"


def test_a_voided_approval_no_longer_stands_and_the_newest_one_counts(prepared: Process) -> None:
    figures = {"document": None, "recipients": 1, "segments": 1, "cost_vnd": 850, "figures": "{}"}
    with prepared.database.write() as connection:
        for digest in ("d1", "d2", "d2"):
            snapshots.keep(connection, digest=digest, campaign="chien-dich", content=f"[{digest}]", at=BEGIN)
        for digest, by in (("d1", "Thử 001"), ("d2", "Thử 001"), ("d2", "Thử 002")):
            values = {"campaign": "chien-dich", "digest": digest, "at": BEGIN} | figures
            snapshots.add_approval(connection, prepared.keyring, by, values)
        assert snapshots.content_of(connection, "d2") == "[d2]"
        with pytest.raises(LookupError):
            snapshots.content_of(connection, "d3")
        assert snapshots.approved_digests(connection) == {"chien-dich": "d2"}
        assert snapshots.void(connection, "chien-dich", at=BEGIN, reason="changed", but_digest="d2") == 1
        standing = snapshots.standing(connection, "chien-dich")
        assert [prepared.keyring.unseal(bytes(row["by_sealed"])) for row in standing] == ["Thử 001", "Thử 002"]
        assert snapshots.void(connection, "chien-dich", at=BEGIN, reason="changed") == 2
        assert snapshots.approved_digests(connection) == {}


def test_an_opt_out_is_kept_for_numbers_we_do_not_hold_and_the_first_one_stands(prepared: Process) -> None:
    with prepared.database.write() as connection:
        people = contacts_in(connection, prepared.keyring, 2)
        query = select(CONTACT.c.phone_hash).where(CONTACT.c.id == people[0])
        known, unknown = connection.execute(query).scalar_one(), prepared.keyring.phone_hash("+84900009999")
        assert suppression.opt_out(connection, [known, unknown, known], at=BEGIN, source="hotline") == 1
        later = BEGIN + timedelta(days=9)
        assert suppression.opt_out(connection, [known], at=later, source="vendor") == 0
        rows = connection.execute(select(CONTACT.c.id, CONTACT.c.opted_out_at).order_by(CONTACT.c.id)).all()
        assert [row.opted_out_at for row in rows] == [BEGIN, None]
        stored = connection.execute(text("SELECT phone_hash, source FROM opt_out ORDER BY source")).all()
        assert {(bytes(row.phone_hash), row.source) for row in stored} == {(known, "hotline"), (unknown, "hotline")}


def test_one_incident_is_open_at_a_time_and_a_settled_one_may_come_again(prepared: Process) -> None:
    with prepared.database.write() as connection:
        for _ in range(3):
            audit.raise_incident(connection, prepared.keyring, at=BEGIN, kind="superseded", subject="delivery:1")
        audit.raise_incident(connection, prepared.keyring, at=BEGIN, kind="superseded", subject="delivery:2")
        assert connection.execute(text("SELECT count(*) FROM incident")).scalar() == 2
        audit.settle_incident(connection, at=BEGIN, kind="superseded", subject="delivery:1")
        audit.raise_incident(connection, prepared.keyring, at=BEGIN, kind="superseded", subject="delivery:1")
        settled = connection.execute(text("SELECT count(*) FROM incident WHERE settled_at IS NOT NULL")).scalar()
        assert (settled, connection.execute(text("SELECT count(*) FROM incident")).scalar()) == (1, 3)


def test_no_budget_goes_below_nothing(prepared: Process) -> None:
    with pytest.raises(Exception, match="reserved_not_negative"), prepared.database.write() as connection:
        connection.execute(insert(budget._STATE).values(campaign="chien-dich", status="draft", reserved_vnd=-1))
