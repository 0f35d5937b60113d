"""The proof at a rehearsal's end finds every rule that a gate of ours lets through, from the rows alone.

Each test takes one gate out (of the copy's process: they are the same functions) and names what the proof must say.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
import road_workspace as files
from pipeline_road import Road, on_one_database
from rehearse_hall import outcome, people, rules
from sqlalchemy import text

from engine.channels.base import Outcome, Outgoing
from engine.pipeline import gates, rehearse_course, rehearse_sending
from engine.pipeline.hours import Window
from engine.pipeline.rehearse_vendor import RehearsedProvider, World
from engine.status import Status
from engine.store import budget, claim_gates

Patch = pytest.MonkeyPatch
STEPS = (
    files.step("mot", when="2027-07-18 09:00"),
    files.step("hai", when="2027-07-18 15:00"),
    files.step("ba", when="2027-07-19 09:00"),
)
PLAIN = {"campaigns/thu.yaml": files.campaign(*STEPS, limits="{per_person: 2 per 7 days}")}
EVENING = {
    "loa.yaml": files.loa_yaml().replace("rate: 100000/s", "rate: 12/hour"),
    "campaigns/thu.yaml": files.campaign(files.step("toi", when="2027-07-18 19:30", valid_for="6 hours")),
}
ADVERTISING = {
    "campaigns/thu.yaml": files.campaign(
        *(files.step(f"b{hour}", when=f"2027-07-18 {hour}:00") for hour in (10, 12, 14, 16)),
        limits="{per_person: 3 per 24 hours}",
    ).replace("thong_bao", "quang_cao"),
    "messages/tin/sms.vi.j2": "[QC] Cần giúp đỡ xin gọi 111. Từ chối: TC gửi 111.\n",
}


def _rings_all_night(patch: Patch) -> None:
    patch.setattr(gates, "window", lambda *_: Window(None, None))
    patch.setattr(rehearse_course, "claims_from", lambda now, *_: now)
    patch.setattr(rehearse_sending, "closes_at", lambda now, *_: now + timedelta(hours=2))


def _counts_no_cap(patch: Patch) -> None:
    patch.setattr(claim_gates, "counted_for_caps", lambda *_, **__: Counter())


def _spends_what_is_not_there(patch: Patch) -> None:
    patch.setattr(budget, "reserve", lambda *_: True)


def _opens_nothing(patch: Patch) -> None:
    original = rehearse_course.open_due
    patch.setattr(rehearse_course, "open_due", lambda process, current, registry: original(process, {}, registry))


def _expired_long_ago(patch: Patch) -> None:
    """Three gates keep a run from handing out after its end; here the end is moved instead, when all is over."""
    original = rehearse_course.Course.run

    async def run(course: rehearse_course.Course, *given: Any) -> None:
        await original(course, *given)
        with course.process.database.write() as connection:
            connection.execute(text("UPDATE run SET expires_at = due"))

    patch.setattr(rehearse_course.Course, "run", run)


def _when_opened(statement: str) -> Callable[[Patch], None]:
    """Change the copy behind the backs of the gates, each time after a run has been opened."""

    def change(patch: Patch) -> None:
        original = rehearse_course.open_due

        def open_due(process: Any, current: Any, registry: Any) -> Any:
            opened = original(process, current, registry)
            with process.database.write() as connection:
                connection.execute(text(statement))
            return opened

        patch.setattr(rehearse_course, "open_due", open_due)
        patch.setattr(claim_gates, "refusals", lambda *_: {})

    return change


def _calls_again(patch: Patch) -> None:
    original = RehearsedProvider.send

    async def send(provider: RehearsedProvider, batch: Sequence[Outgoing]) -> list[Outcome]:
        await original(provider, batch)
        return await original(provider, batch)

    patch.setattr(RehearsedProvider, "send", send)


def _answers(status: Status, *, takes: bool) -> Callable[[Patch], None]:
    """A vendor that says ``status`` of every message, whether or not it ``takes`` them, and nothing afterwards."""

    def change(patch: Patch) -> None:
        original = RehearsedProvider.send

        async def send(provider: RehearsedProvider, batch: Sequence[Outgoing]) -> list[Outcome]:
            if takes:
                await original(provider, batch)
            return [
                Outcome(one.delivery_id, one.attempt, status, vendor_id=f"X{one.delivery_id}" if not takes else None)
                for one in batch
            ]

        patch.setattr(RehearsedProvider, "send", send)
        patch.setattr(World, "receipts", lambda *_: [])
        patch.setattr(World, "last", None)

    return change


_COPIED = "campaign, step, 'khac', channel, due, expires_at, status, digest, 0, 0, 0, 0, FALSE, opened_at"
_DOUBLED = (
    "INSERT INTO run (campaign, step, occurrence, channel, due, expires_at, status, digest, high_water, enqueue_cursor,"
    f" claim_cursor, reserved_vnd, advertising, opened_at) SELECT {_COPIED} FROM run WHERE step = 'mot' AND NOT EXISTS"
    " (SELECT 1 FROM run WHERE occurrence = 'khac')"
)
BUDGET = {"campaigns/thu.yaml": files.campaign(*STEPS, limits="{budget: 3_000}")}


@on_one_database
@pytest.mark.torture
@pytest.mark.parametrize(
    ("rule", "workspace", "break_it"),
    [
        ("quiet", EVENING, _rings_all_night),
        ("night", EVENING, _rings_all_night),
        ("over_cap", PLAIN, _counts_no_cap),
        ("advertising_cap", ADVERTISING, _counts_no_cap),
        ("over_budget", BUDGET, _spends_what_is_not_there),
        ("unaccounted", PLAIN, _opens_nothing),
        ("after_the_end", PLAIN, _expired_long_ago),
        ("after_opt_out", PLAIN, _when_opened("UPDATE contact SET opted_out_at = '2027-07-10 00:00:00' WHERE id = 1")),
        ("without_consent", PLAIN, _when_opened("UPDATE contact SET consent = 0 WHERE id = 1")),
        ("doubled_run", PLAIN, _when_opened(_DOUBLED)),
        ("twice", PLAIN, _calls_again),
        ("silent_loss", PLAIN, _answers(Status.FAILED, takes=True)),
        ("never_handed", PLAIN, _answers(Status.ACCEPTED, takes=False)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_gate_that_does_not_hold_is_found(
    road: Road, monkeypatch: pytest.MonkeyPatch, rule: str, workspace: dict[str, str], break_it: Callable[[Patch], None]
) -> None:
    road.write(workspace)
    people(road, 80 if workspace is EVENING else 4)
    break_it(monkeypatch)
    result = outcome(road)
    assert f"proof_{rule}" in rules(result), result.findings
    assert not result.ok


@on_one_database
@pytest.mark.parametrize("workspace", [EVENING, PLAIN, ADVERTISING, BUDGET], ids=["evening", "plain", "qc", "budget"])
def test_with_every_gate_in_place_nothing_is_found(road: Road, workspace: dict[str, str]) -> None:
    road.write(workspace)
    people(road, 80 if workspace is EVENING else 4)
    assert not rules(outcome(road), "bug")


@on_one_database
def test_a_rehearsal_that_gets_nowhere_says_so_instead_of_going_on_for_ever(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    road.write({"campaigns/thu.yaml": files.campaign(files.step(when="2027-07-16 19:50", valid_for="1 hour"))})
    people(road, 1)
    monkeypatch.setattr(gates, "window", lambda *_: None)
    monkeypatch.setattr(rehearse_course, "expire_overdue", lambda *_: 0)
    monkeypatch.setattr(rehearse_course, "STANDSTILL", 50)
    with pytest.raises(RuntimeError, match="stands still"):
        outcome(road)
