"""Moves of deliveries: whatever order words come in, nothing finished moves and no tally drifts from its rows."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError
from store_rows import BEGIN, REAL, at_once, contacts_in, deliveries_in, delivery, recounted, run_in, tallied

from engine.pipeline.process import Process
from engine.status import FINAL, TRANSITIONS, Status, may_become
from engine.store import claims, outbox
from engine.store.claims import Claimable
from engine.store.database import Lock
from engine.store.outbox import DELIVERY, Change, Fate
from engine.store.tallies import delay_bucket

A, D, F, Q, U = Status.ACCEPTED, Status.DELIVERED, Status.FAILED, Status.QUEUED, Status.UNKNOWN


def _one(process: Process, **columns: Any) -> int:
    """A delivery on its way in its first attempt, unless ``columns`` say otherwise; its id."""
    values = {"status": "sending", "attempt": 1, "worker": "w", "claimed_at": BEGIN, "claimed_real": REAL} | columns
    with process.database.write() as connection:
        [contact] = contacts_in(connection, process.keyring, 1)
        return deliveries_in(connection, run_in(connection), [contact], **values)[0]


def _apply(process: Process, *changes: Change) -> list[Fate]:
    with process.database.write() as connection:
        return [fate for _, fate in outbox.apply(connection, changes, slot=0)]


def _row(process: Process, key: int) -> dict[str, Any]:
    with process.database.read() as connection:
        row = delivery(connection, key)
        assert tallied(connection, row["run_id"]) == recounted(connection, row["run_id"])
    return row


def _change(key: int, status: Status, attempt: int = 1, minutes: float = 0, **more: Any) -> Change:
    return Change(key, attempt, status, BEGIN + timedelta(minutes=minutes), **more)


def test_a_receipt_before_the_outcome_is_not_overwritten_by_the_outcome(prepared: Process) -> None:
    key = _one(prepared)
    assert _apply(prepared, _change(key, D, minutes=3, vendor_id="SM1", handed=True)) == [Fate.APPLIED]
    assert _apply(prepared, _change(key, A, minutes=4, vendor_id="SM1", handed=True)) == [Fate.IGNORED]
    row = _row(prepared, key)
    assert (row["status"], row["vendor_id"], row["handed_at"]) == ("delivered", "SM1", BEGIN + timedelta(minutes=3))


def test_the_delay_is_counted_from_the_hand_over_to_the_operators_word(prepared: Process) -> None:
    key = _one(prepared)
    _apply(prepared, _change(key, A, vendor_id="SM1", handed=True), _change(key, D, minutes=29, handed=True))
    row = _row(prepared, key)
    assert row["finished_at"] - row["handed_at"] == timedelta(minutes=29)
    with prepared.database.read() as connection:
        traits = tallied(connection, row["run_id"])[1]
    assert traits["delay", "30m", "delivered"] == (1, 2, 1700)
    assert traits["hour", "08", "delivered"] == (1, 2, 1700)


def test_a_delay_on_the_bound_of_a_bucket_is_in_the_bucket_and_the_next_moment_is_not() -> None:
    moment = timedelta(microseconds=1)
    for minutes, name, following in ((1, "1m", "5m"), (5, "5m", "30m"), (30, "30m", "2h"), (1440, "24h", ">24h")):
        end = BEGIN + timedelta(minutes=minutes)
        assert (delay_bucket(BEGIN, end), delay_bucket(BEGIN, end + moment)) == (name, following)
    assert delay_bucket(BEGIN, BEGIN - timedelta(hours=1)) == "1m", "a vendor's clock may be behind ours"


def test_a_late_or_doubled_word_changes_nothing(prepared: Process) -> None:
    key = _one(prepared)
    _apply(prepared, _change(key, A, handed=True, vendor_id="SM1"), _change(key, F, code="30003", handed=True))
    before = _row(prepared, key)
    late = [_change(key, status, minutes=9, vendor_id="SM1", handed=True, code="x") for status in (A, D, F, U)]
    assert _apply(prepared, *late) == [Fate.IGNORED] * 4
    assert _row(prepared, key) == before


def test_a_word_about_an_earlier_attempt_moves_nothing_and_is_shown(prepared: Process) -> None:
    key = _one(prepared, attempt=2)
    before = _row(prepared, key)
    assert _apply(prepared, _change(key, D, attempt=1, vendor_id="SM1", handed=True)) == [Fate.SUPERSEDED]
    assert _row(prepared, key) == before


def test_one_attempt_under_two_vendor_ids_is_shown_and_the_first_stays(prepared: Process) -> None:
    key = _one(prepared)
    _apply(prepared, _change(key, A, vendor_id="SM1", handed=True))
    assert _apply(prepared, _change(key, D, vendor_id="SM2", handed=True)) == [Fate.CONTRADICTED]
    assert (_row(prepared, key)["status"], _row(prepared, key)["vendor_id"]) == ("accepted", "SM1")


def test_a_vendor_id_that_another_delivery_has_is_shown_and_spoils_no_other_word(prepared: Process) -> None:
    """It broke the whole group commit: a hundred good receipts were lost with the one."""
    first, second, third = _one(prepared), _one_more(prepared, "hai"), _one_more(prepared, "ba")
    _apply(prepared, _change(first, A, vendor_id="SM1", handed=True))
    fates = _apply(
        prepared,
        _change(second, D, vendor_id="SM1", handed=True),
        _change(third, D, vendor_id="SM3", handed=True),
        _change(second, D, vendor_id="SM3", handed=True),
    )
    assert fates == [Fate.CONTRADICTED, Fate.APPLIED, Fate.CONTRADICTED]
    assert [_row(prepared, key)["status"] for key in (first, second, third)] == ["accepted", "sending", "delivered"]


def _one_more(process: Process, step: str, **columns: Any) -> int:
    values = {"status": "sending", "attempt": 1, "worker": "w"} | columns
    with process.database.write() as connection:
        [contact] = contacts_in(connection, process.keyring, 1)
        return deliveries_in(connection, run_in(connection, step=step), [contact], **values)[0]


def test_the_same_vendor_id_at_another_sender_is_another_message(prepared: Process) -> None:
    first, second = _one(prepared), _one_more(prepared, "hai", sender="brandname")
    words = [_change(key, A, vendor_id="1", handed=True) for key in (first, second)]
    assert _apply(prepared, *words) == [Fate.APPLIED, Fate.APPLIED]


def test_the_database_itself_refuses_one_vendor_id_for_two_deliveries(prepared: Process) -> None:
    first, second = _one(prepared, vendor_id="SM1"), _one_more(prepared, "hai")
    with pytest.raises(DBAPIError), prepared.database.write() as connection:
        row = delivery(connection, second)
        outbox.save(connection, {second: row}, {second: row | {"vendor_id": "SM1"}}, slot=0)
    assert _row(prepared, first)["vendor_id"] == "SM1"


def test_a_receipt_for_a_row_put_back_in_the_queue_keeps_it_from_being_sent_again(prepared: Process) -> None:
    for number, status in enumerate((A, D, F, Status.EXPIRED)):
        key = _one_more(prepared, f"b{number}", status="queued", worker=None, not_before=REAL)
        assert _apply(prepared, _change(key, status, vendor_id=f"SM{number}", handed=True)) == [Fate.APPLIED]
        row = _row(prepared, key)
        assert (row["status"], row["handed_at"], row["not_before"]) == (status, BEGIN, None)


def test_a_row_never_claimed_takes_no_vendors_word(prepared: Process) -> None:
    key = _one(prepared, status="queued", attempt=0, worker=None)
    assert _apply(prepared, _change(key, D, attempt=0, handed=True, vendor_id="SM1")) == [Fate.IGNORED]
    assert _row(prepared, key)["status"] == "queued"


def test_a_row_released_and_cancelled_in_one_batch_goes_through_the_queue(prepared: Process) -> None:
    """The two moves are allowed, their sum is not: the trigger refused it, and with it the whole batch."""
    for number, (before, after) in enumerate((s, a) for s in ("sending", "unknown") for a in ("cancelled", "excluded")):
        key = _one_more(prepared, f"b{number}", status=before)
        fates = _apply(prepared, _change(key, Q, reason="released"), _change(key, Status(after), reason="r"))
        assert fates == [Fate.APPLIED, Fate.APPLIED]
        assert _row(prepared, key)["status"] == after


def test_what_is_not_there_is_said_and_spoils_no_other_word(prepared: Process) -> None:
    key = _one(prepared)
    assert _apply(prepared, _change(10**9, D), _change(key, D, handed=True)) == [Fate.MISSING, Fate.APPLIED]
    assert _apply(prepared) == []


def test_a_stale_picture_of_a_row_cannot_be_written(prepared: Process) -> None:
    key = _one(prepared, attempt=2)
    with prepared.database.write() as connection:
        row = delivery(connection, key)
        old = row | {"attempt": 1}
        with pytest.raises(RuntimeError):
            outbox.save(connection, {key: old}, {key: old | {"status": "delivered"}}, slot=0)
        connection.rollback()
    assert _row(prepared, key)["status"] == "sending"


def test_a_move_that_raises_takes_its_tallies_with_it(prepared: Process) -> None:
    key = _one(prepared)
    with pytest.raises(ZeroDivisionError), prepared.database.write() as connection:
        outbox.apply(connection, [_change(key, D, handed=True)], slot=0)
        raise ZeroDivisionError
    assert _row(prepared, key)["status"] == "sending"


def test_two_writers_that_settle_the_same_rows_at_once_leave_one_result(prepared: Process) -> None:
    keys = [_one_more(prepared, f"b{number}") for number in range(5)]

    def settle(status: Status, slot: int, order: Sequence[int]) -> list[Fate]:
        fates = []
        for _ in range(3):
            with prepared.database.write() as connection:
                changes = [_change(key, status, handed=True) for key in order]
                fates += [fate for _, fate in outbox.apply(connection, changes, slot=slot)]
        return fates

    first, second = at_once(lambda: settle(D, 1, keys), lambda: settle(F, 2, keys[::-1]))
    assert (first + second).count(Fate.APPLIED) == 5
    assert len({_row(prepared, key)["status"] for key in keys}) == 1


ROWS = 4


class Histories(RuleBasedStateMachine):
    """Any history of claims, outcomes, receipts and releases of a few deliveries of one run."""

    process: Process
    examples = 0

    @initialize()
    def begin(self) -> None:
        type(self).examples += 1
        self.sender = f"s{self.examples}"
        self.now = 0
        with self.process.database.write() as connection:
            contacts = contacts_in(connection, self.process.keyring, ROWS)
            self.run = run_in(connection, step=self.sender)
            self.keys = deliveries_in(connection, self.run, contacts, sender=self.sender)
        self.known = self.rows()

    def rows(self) -> dict[int, dict[str, Any]]:
        with self.process.database.read() as connection:
            return outbox.load(connection, self.keys, lock=False)

    @rule(most=st.integers(1, ROWS), slot=st.integers(0, 1))
    def claim(self, most: int, slot: int) -> None:
        self.now += 5
        with self.process.database.write(Lock.CLAIM) as connection:
            claimed = claims.claim(
                connection, sender=self.sender, rate=500.0, runs=[Claimable(self.run)], worker="w",
                now=BEGIN + timedelta(minutes=self.now), real_now=REAL + self.now, slot=slot, limit=most,
            )  # fmt: skip
        for row in claimed.rows:
            before = self.known[row.delivery_id]
            assert before["status"] == Q
            assert row.attempt == before["attempt"] + 1, "an attempt's number is used once"
        self.known = self.rows()

    @rule(
        slot=st.integers(0, 1),
        drawn=st.lists(
            st.tuples(
                st.integers(0, ROWS),  # the last is no delivery
                st.integers(-1, 1),  # of an attempt before, now, or to come
                st.sampled_from([A, A, D, D, F, Status.EXPIRED, U, Q, Q, Status.CANCELLED, Status.EXCLUDED]),
                st.sampled_from([None, "own", "own", "other", "shared"]),
                st.integers(0, 3000),
            ),
            min_size=1,
            max_size=6,
        ),
    )
    def words(self, slot: int, drawn: list[tuple[int, int, Status, str | None, int]]) -> None:
        expected = {key: dict(row) for key, row in self.known.items()}
        owners = {row["vendor_id"]: key for key, row in expected.items() if row["vendor_id"]}
        changes, fates = [], []
        for place, offset, status, vendor, minutes in drawn:
            key = self.keys[place] if place < ROWS else 10**9
            attempt = max(0, (expected[key]["attempt"] if key in expected else 1) + offset)
            vendor_id = {None: None, "own": f"{key}-{attempt}", "other": f"{key}-x", "shared": "shared"}[vendor or None]
            change = Change(
                key, attempt, status, BEGIN + timedelta(minutes=minutes), vendor_id=vendor_id, reason="r",
                handed=status in (A, D, F, Status.EXPIRED) and vendor is not None,
                not_before=REAL if status is Q else None,
            )  # fmt: skip
            changes.append(change)
            fates.append(_expected_fate(expected, owners, change))
        with self.process.database.write() as connection:
            applied = outbox.apply(connection, changes, slot=slot)
        assert [fate for _, fate in applied] == fates
        found = self.rows()
        for key, row in found.items():
            assert row["status"] == expected[key]["status"]
            assert row["vendor_id"] == expected[key]["vendor_id"]
            if self.known[key]["status"] in FINAL:
                assert row["status"] == self.known[key]["status"], "a finished delivery moved"
                assert row["finished_at"] == self.known[key]["finished_at"]
            assert (row["finished_at"] is not None) == (row["status"] in FINAL)
            assert row["attempt"] == self.known[key]["attempt"]
        self.known = found

    @invariant()
    def the_tallies_are_the_rows(self) -> None:
        if not hasattr(self, "run"):
            return
        with self.process.database.read() as connection:
            assert tallied(connection, self.run) == recounted(connection, self.run)


def _expected_fate(rows: dict[int, dict[str, Any]], owners: dict[str, int], change: Change) -> Fate:
    """The rule again in its shortest words; moves ``rows`` on. A vendor id stays its owner's to the batch's end."""
    row = rows.get(change.delivery_id)
    if row is None:
        return Fate.MISSING
    if change.attempt != row["attempt"]:
        return Fate.SUPERSEDED if change.attempt < row["attempt"] else Fate.CONTRADICTED
    if change.vendor_id and row["vendor_id"] not in (None, change.vendor_id):
        return Fate.CONTRADICTED
    if change.vendor_id and owners.setdefault(change.vendor_id, row["id"]) != row["id"]:
        return Fate.CONTRADICTED
    status = Status(row["status"])
    came_back = status is Q and row["attempt"] > 0 and change.handed and change.status in TRANSITIONS[Status.SENDING]
    moves = may_become(status, change.status) or came_back
    if moves:
        row["status"] = change.status
        if change.status is Q:
            row["vendor_id"] = None
    row["vendor_id"] = row["vendor_id"] or change.vendor_id
    return Fate.APPLIED if moves else Fate.IGNORED


def test_any_history_keeps_finished_rows_still_and_the_tallies_true(prepared: Process) -> None:
    # Without shrinking: a history has twelve steps at most, and to find a shorter one takes minutes of the database.
    machine = type("Histories", (Histories,), {"process": prepared})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=12,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_every_delivery_of_a_run_is_of_another_contact(prepared: Process) -> None:
    key = _one(prepared)
    row = _row(prepared, key)
    with pytest.raises(DBAPIError), prepared.database.write() as connection:
        connection.execute(insert(DELIVERY).values(**(row | {"id": key + 1})))
