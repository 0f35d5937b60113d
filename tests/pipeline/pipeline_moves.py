"""Roads through the system on which every row of every table of transitions is taken; tests take the rows out."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pytest
import road_workspace as files
from pipeline_road import AREAS, Person, Road, World
from sqlalchemy import text

from engine.channels.base import Outcome, ReceiptWord
from engine.clock import real
from engine.pipeline import control, open_runs, outcomes, receive
from engine.pipeline.files import current_snapshots, load_workspace
from engine.pipeline.finish import expire_overdue, finish_campaigns
from engine.pipeline.gates import OpenGate, open_gates
from engine.pipeline.open_runs import open_due
from engine.pipeline.outcomes import Ended
from engine.pipeline.voiding import void_changed
from engine.status import CAMPAIGN_TRANSITIONS, RUN_TRANSITIONS, STEP_TRANSITIONS, TRANSITIONS, RunStatus, Status
from engine.store import claims, suppression
from engine.store.claims import Claimed
from engine.store.database import Lock

# The database's table → the one table of transitions of what it holds.
TABLES: dict[str, dict[Any, frozenset[Any]]] = {
    "delivery": TRANSITIONS,
    "run": RUN_TRANSITIONS,
    "campaign_state": CAMPAIGN_TRANSITIONS,
    "step_state": STEP_TRANSITIONS,
}
Row = tuple[str, str, str]  # table, before, after
ROWS: list[Row] = [
    (table, str(before), str(after))
    for table, transitions in TABLES.items()
    for before, following in transitions.items()
    for after in sorted(following)
]
LIVE = files.loa_yaml(more_senders=files.scripted(rate="1000/s"))


@dataclass
class Walk:
    """A road with what the walks below do to it."""

    road: Road
    world: World
    patch: pytest.MonkeyPatch
    people: int = 3

    def live(self, *steps: str, **head: str) -> None:
        """Three people, and a campaign through the scripted vendor: it needs an approval."""
        self.write(*steps, **head)
        self.road.people(*[Person() for _ in range(self.people)])

    def write(self, *steps: str, loa: str = LIVE, **head: str) -> None:
        """Other files; by default one step at 08:30."""
        steps = steps or (files.step("mot", sender="thu", valid_for="10 hours"),)
        self.road.write({"loa.yaml": loa, "campaigns/thu.yaml": files.campaign(*steps, **head)})

    def open(self) -> None:
        """What the opener does each second."""
        current = current_snapshots(load_workspace(self.road.settings, None))
        void_changed(self.road.process, current, current)
        open_due(self.road.process, current, AREAS)

    def begin(self, **head: str) -> None:
        """A live campaign, approved, its run open and ready."""
        self.live(**head)
        self.road.approve()
        self.open()

    def gates(self) -> list[OpenGate]:
        """The gates as the dispatcher reads them before it claims."""
        process = self.road.process
        with process.database.read() as connection:
            return open_gates(process, connection, self.road.clock.now())[0]

    def claim(self, most: int = 1, gates: list[OpenGate] | None = None) -> list[Claimed]:
        """Claim as the dispatcher does, by ``gates`` read before or else now; under the lock."""
        process = self.road.process
        found = self.gates() if gates is None else gates
        with process.database.write(Lock.CLAIM) as connection:
            return claims.claim(
                connection, sender="thu", rate=1000.0, runs=[gate.claimable for gate in found],
                worker=process.name, now=self.road.clock.now(), real_now=real(), slot=0, limit=most,
                refuse_synthetic=True,
            ).rows  # fmt: skip

    def ends(self, row: Claimed, status: Status) -> None:
        """The call of a claimed row ends so."""
        sender = self.road.snapshot().senders["thu"]
        handed = "V1" if status in (Status.ACCEPTED, Status.DELIVERED) else None
        outcome = Outcome(row.delivery_id, row.attempt, status, vendor_id=handed, reason="thử")
        outcomes.commit(self.road.process, [Ended(outcome, sender, self.road.clock.now(), real(), b"")])

    def hears(self, row: Claimed, status: Status) -> None:
        """A receipt says so."""
        word = ReceiptWord(row.delivery_id, row.attempt, "V1", status, str(status))
        receive.commit(self.road.process, [receive.Received(word, "{}", "thu", self.road.clock.now(), real())])

    def act(self, action: str, step: str | None = None) -> None:
        """A person decides."""
        control.act(self.road.process, action, "thu", step, by="Người Trực", why="thử")

    def over(self) -> None:
        """A day later, when everything has expired; campaigns are looked at too."""
        self.road.later(days=1, hours=2)
        expire_overdue(self.road.process, self.road.clock.now())
        finish_campaigns(self.road.process, self.road.clock.now())

    def stands(self, status: str, run: str | None = None) -> None:
        """The campaign, and the only run, stand there."""
        assert self.road.rows("SELECT status FROM campaign_state WHERE campaign = 'thu'") == [(status,)]
        assert run is None or list(self.road.runs().values()) == [run]


Road_ = Callable[[Walk], None]
ROADS: dict[str, tuple[Road_, tuple[Row, ...]]] = {}


def takes(table: str, *moves: str) -> Callable[[Road_], Road_]:
    """Registers a walk and the rows of a table it takes, as ``before → after``; several decorators add up."""

    def register(walk: Road_) -> Road_:
        rows = tuple((table, *move.split(" → ")) for move in moves)
        known = ROADS.get(walk.__name__, (walk, ()))[1]
        ROADS[walk.__name__] = (walk, (*known, *rows))  # type: ignore[assignment]  # three words each
        return walk

    return register


@takes("delivery", "queued → sending")
def a_row_is_claimed(walk: Walk) -> None:
    walk.begin()
    assert len(walk.claim()) == 1


@takes("delivery", "queued → excluded")
def somebody_opted_out_after_the_run_was_opened(walk: Walk) -> None:
    walk.begin()
    [(hashed,)] = walk.road.rows("SELECT phone_hash FROM contact WHERE id = 1")
    with walk.road.process.database.write() as connection:
        suppression.opt_out(connection, [bytes(hashed)], at=walk.road.clock.now(), source="hotline")
    walk.claim(3)
    assert walk.road.statuses() == {"excluded": 1, "sending": 2}


@takes("delivery", "queued → expired")
@takes("run", "ready → finished")
def nobody_came_to_it_in_time(walk: Walk) -> None:
    walk.begin()
    walk.over()
    assert (walk.road.statuses(), walk.road.runs()) == ({"expired": 3}, {"mot/once": "finished"})


@takes("delivery", "queued → cancelled")
@takes("run", "ready → cancelled")
@takes("campaign_state", "running → cancelled")
def a_campaign_is_cancelled_while_its_run_waits(walk: Walk) -> None:
    walk.begin()
    walk.act("cancel")
    assert walk.road.statuses() == {"cancelled": 3}
    walk.stands("cancelled", "cancelled:cancelled")


def _a_call_ends(status: Status) -> None:
    def walk_(walk: Walk) -> None:
        walk.begin()
        [row] = walk.claim()
        walk.ends(row, status)
        rest = {"queued": 2} if status is not Status.QUEUED else {}
        assert walk.road.statuses() == {str(status): 1 if rest else 3} | rest

    walk_.__name__ = f"a_call_ends_{status}"
    takes("delivery", f"sending → {status}")(walk_)


for _status in sorted(TRANSITIONS[Status.SENDING]):
    _a_call_ends(_status)


def _a_receipt_tells(before: Status, after: Status) -> None:
    def walk_(walk: Walk) -> None:
        walk.begin()
        [row] = walk.claim()
        walk.ends(row, before)
        walk.hears(row, after)
        assert walk.road.statuses() == {str(after): 1, "queued": 2}

    walk_.__name__ = f"a_receipt_of_what_was_{before}_says_{after}"
    takes("delivery", f"{before} → {after}")(walk_)


for _before in (Status.UNKNOWN, Status.ACCEPTED):
    for _status in sorted(TRANSITIONS[_before] - {Status.QUEUED}):
        _a_receipt_tells(_before, _status)


@takes("delivery", "unknown → queued")
def absence_is_proven(walk: Walk) -> None:
    walk.people = 1
    walk.begin()
    walk.world.answer = walk.world.lost
    walk.road.round()
    walk.world.answer = None
    for minutes in (2, 16):
        walk.road.later(minutes=minutes)
        walk.road.round()
    assert walk.road.rows("SELECT status, attempt FROM delivery") == [("accepted", 2)]


@takes("run", "planned → enqueueing", "enqueueing → ready", "ready → running", "running → finished")
@takes("campaign_state", "draft → approved", "approved → running", "running → finished")
def a_campaign_is_approved_and_goes_out(walk: Walk) -> None:
    walk.begin()
    walk.road.round()
    walk.stands("finished", "finished")
    assert walk.road.statuses() == {"accepted": 3}


@takes("run", "planned → missed")
@takes("campaign_state", "approved → finished")
def everything_is_missed(walk: Walk) -> None:
    walk.live()
    walk.road.approve()
    walk.road.at("2027-07-16 11:00")
    walk.open()
    walk.stands("finished", "missed:late")


@takes("run", "planned → cancelled")
@takes("step_state", "active → cancelled")
def a_step_is_cancelled_before_its_day(walk: Walk) -> None:
    walk.live()
    walk.road.at("2027-07-16 08:00")
    walk.road.approve()
    walk.act("cancel", "mot")
    walk.road.at("2027-07-16 08:30")
    walk.open()
    walk.stands("finished", "cancelled:cancelled")


@takes("run", "enqueueing → held", "held → ready")
def a_run_has_grown_and_a_person_lets_it_go(walk: Walk) -> None:
    walk.live()
    walk.road.approve()
    walk.road.people(Person())
    walk.open()
    walk.stands("running", "held:size")
    walk.act("resume")
    walk.stands("running", "ready")


@takes("run", "held → cancelled")
def a_held_run_is_cancelled(walk: Walk) -> None:
    walk.begin(limits="{budget: 1_000}")
    walk.act("cancel", "mot")
    walk.stands("running", "cancelled:cancelled")


@takes("run", "held → finished")
def a_held_run_is_left_to_expire(walk: Walk) -> None:
    walk.begin(limits="{budget: 1_000}")
    walk.over()
    walk.stands("finished", "finished")


@takes("run", "enqueueing → cancelled")
def a_run_is_cancelled_while_its_rows_are_written(walk: Walk) -> None:
    walk.patch.setattr(open_runs, "enqueue", lambda *_, **__: RunStatus.ENQUEUEING)  # killed before the first row
    walk.begin()
    walk.act("cancel")
    walk.stands("cancelled", "cancelled:cancelled")


@takes("run", "ready → paused", "paused → ready")
@takes("step_state", "active → paused", "paused → active")
def a_step_is_paused_before_anything_went_out(walk: Walk) -> None:
    walk.begin()
    walk.act("pause", "mot")
    walk.stands("running", "paused:paused")
    assert walk.claim() == []
    walk.act("resume", "mot")
    walk.stands("running", "ready")
    assert len(walk.claim()) == 1


@takes("run", "running → paused", "paused → running", "running → cancelled")
def a_step_is_paused_in_the_middle_and_cancelled_at_last(walk: Walk) -> None:
    walk.begin()
    walk.claim()
    walk.act("pause", "mot")
    walk.stands("running", "paused:paused")
    walk.act("resume", "mot")
    walk.stands("running", "running")
    walk.act("cancel", "mot")
    walk.stands("running", "cancelled:cancelled")


@takes("run", "paused → cancelled")
@takes("step_state", "paused → cancelled")
def a_paused_step_is_cancelled(walk: Walk) -> None:
    walk.begin()
    walk.act("pause", "mot")
    walk.act("cancel", "mot")
    walk.stands("running", "cancelled:cancelled")


@takes("run", "paused → finished")
@takes("campaign_state", "paused → finished")
def a_paused_run_is_left_to_expire(walk: Walk) -> None:
    walk.begin()
    walk.act("pause", "mot")
    walk.act("pause")
    walk.over()
    walk.stands("finished", "finished")


def _approved_with(walk: Walk, budget: int) -> None:
    walk.write(limits=f"{{budget: {budget}}}")
    walk.road.approve()


@takes("run", "ready → held")
def a_new_approval_has_a_budget_that_the_waiting_run_does_not_fit(walk: Walk) -> None:
    walk.begin(limits="{budget: 100_000}")
    _approved_with(walk, 1_000)
    walk.stands("running", "held:budget")
    assert walk.road.rows("SELECT reserved_vnd FROM campaign_state") == [(0,)]
    _approved_with(walk, 50_000)
    walk.stands("running", "ready")


@takes("run", "running → held")
def a_new_approval_has_a_budget_that_the_rest_of_the_run_does_not_fit(walk: Walk) -> None:
    walk.begin(limits="{budget: 100_000}")
    walk.claim()
    _approved_with(walk, 1_000)
    walk.stands("running", "held:budget")
    assert walk.road.rows("SELECT reserved_vnd FROM campaign_state") == [(850,)]  # the call on its way
    walk.act("resume")
    assert walk.road.rows("SELECT reserved_vnd FROM run") == [(3 * 850,)]


@takes("campaign_state", "draft → running", "finished → running")
def the_sandbox_needs_no_approval_and_a_longer_calendar_goes_on(walk: Walk) -> None:
    first = files.step("mot", sender="dien-tap")
    walk.live(first)
    walk.road.round()
    walk.stands("finished", "finished")
    walk.write(first, files.step("hai", sender="dien-tap", when="2027-07-17 10:00"))
    walk.road.at("2027-07-17 10:00")
    walk.open()
    walk.stands("running")


def _edit(walk: Walk) -> None:
    walk.write(theme="Chủ đề mới")
    walk.open()


@takes("campaign_state", "approved → draft", "draft → paused", "paused → draft", "approved → paused")
@takes("campaign_state", "paused → approved", "approved → cancelled")
def a_campaign_before_its_first_run(walk: Walk) -> None:
    walk.live()
    walk.road.at("2027-07-16 08:00")
    walk.road.approve()
    walk.stands("approved")
    _edit(walk)
    walk.stands("draft")
    walk.act("pause")
    walk.stands("paused")
    walk.act("resume")
    walk.stands("draft")
    walk.road.approve()
    walk.act("pause")
    walk.stands("paused")
    walk.act("resume")
    walk.stands("approved")
    walk.act("cancel")
    walk.stands("cancelled")


@takes("campaign_state", "running → draft", "running → paused", "paused → running", "paused → cancelled")
def a_campaign_between_its_runs(walk: Walk) -> None:
    walk.begin()
    walk.act("pause")
    assert walk.claim() == []
    walk.stands("paused", "ready")
    walk.act("resume")
    assert len(walk.claim()) == 1
    _edit(walk)
    walk.stands("draft", "paused:approval_void")
    walk.road.approve()
    walk.stands("running", "paused:approval_void")
    walk.act("pause")
    walk.act("cancel")
    walk.stands("cancelled")


@takes("campaign_state", "draft → cancelled")
def a_campaign_whose_approval_fell_is_cancelled(walk: Walk) -> None:
    walk.live()
    walk.road.at("2027-07-16 08:00")
    walk.road.approve()
    _edit(walk)
    walk.act("cancel")
    walk.stands("cancelled")


@takes("campaign_state", "finished → approved", "finished → paused", "finished → cancelled")
def a_finished_campaign_is_made_longer_or_given_up(walk: Walk) -> None:
    walk.begin()
    walk.road.round()
    walk.stands("finished")
    walk.act("pause")
    walk.stands("paused")
    walk.act("resume")
    walk.open()
    walk.stands("finished")
    walk.write(
        files.step("mot", sender="thu", valid_for="10 hours"),
        files.step("hai", sender="thu", when="2027-07-17 10:00"),
    )
    walk.road.approve()
    walk.stands("approved")
    walk.road.at("2027-07-17 10:00")
    walk.road.round()
    walk.stands("finished")
    walk.act("cancel")
    walk.stands("cancelled")


@dataclass
class Watched:
    """The moves that the database has seen, noted by triggers of its own; and rows of tables taken out of it."""

    road: Road
    _made: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Note every change of a status from here on."""
        with self.road.process.database.write() as connection:
            connection.execute(text("CREATE TABLE seen_move (held TEXT, before TEXT, after TEXT)"))
            for table in TABLES:
                connection.exec_driver_sql(
                    f"CREATE TRIGGER {table}_seen AFTER UPDATE OF status ON {table} WHEN NEW.status <> OLD.status"
                    f" BEGIN INSERT INTO seen_move VALUES ('{table}', OLD.status, NEW.status); END"
                )

    def seen(self) -> set[Row]:
        """What has been noted."""
        return {(row[0], row[1], row[2]) for row in self.road.rows("SELECT held, before, after FROM seen_move")}

    def take_out(self, row: Row) -> None:
        """Take a row out of the database's own table of transitions."""
        table, before, after = row
        kept = [
            f"(OLD.status = '{one}' AND NEW.status IN ({_listed(following, after if one == before else None)}))"
            for one, following in TABLES[table].items()
        ]
        with self.road.process.database.write() as connection:
            connection.exec_driver_sql(f"DROP TRIGGER {table}_moves")
            connection.exec_driver_sql(
                f"CREATE TRIGGER {table}_moves BEFORE UPDATE OF status ON {table}"
                f" WHEN NEW.status <> OLD.status AND NOT ({' OR '.join(kept)})"
                f" BEGIN SELECT RAISE(ABORT, 'forbidden move of {table}.status'); END"
            )


def _listed(following: Iterable[StrEnum], but: str | None) -> str:
    return ", ".join(f"'{one}'" for one in following if one != but) or "''"
