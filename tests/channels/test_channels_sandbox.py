"""The in-process sandbox: stateless, deterministic, the same phones as the server's."""

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from engine.channels import vendor
from engine.channels.base import Decision, InvalidReceipt, OpenedWith, Outcome, Outgoing
from engine.channels.sandbox import SandboxProvider, SandboxSender, Taken
from engine.clock import StoppedClock
from engine.sandbox.model import Kind, PhoneModel
from engine.status import Status

BEGIN = datetime(2027, 7, 16, 1, 30, tzinfo=UTC)


def _open(clock: StoppedClock, seed: int = 0) -> SandboxProvider:
    config = vendor("sandbox").schema.model_validate({"from": "DIENTAP"})
    return vendor("sandbox").open("dien-tap", config, OpenedWith(clock, seed=seed))


def _number_of(kind: Kind) -> str:
    model = PhoneModel(0)
    numbers = (f"+8490000{number:04d}" for number in range(10_000))
    return next(number for number in numbers if model.kind(model.trait(number)) is kind)


def _send(provider: SandboxProvider, *numbers: str) -> list[Outcome]:
    return asyncio.run(
        provider.send([Outgoing(place, 1, number, "Xin chào", 36_000, None) for place, number in enumerate(numbers)])
    )


def test_another_process_reads_the_same_course_from_the_vendor_id_alone() -> None:
    clock = StoppedClock(BEGIN)
    [outcome] = _send(_open(clock), _number_of(Kind.ON))
    assert (outcome.status, outcome.segments) == (Status.ACCEPTED, 1)
    assert asyncio.run(_open(clock).fetch(outcome.vendor_id)).status is Status.ACCEPTED
    clock.instant += timedelta(minutes=1)
    seen = asyncio.run(_open(clock).fetch(outcome.vendor_id))
    assert (seen.status, seen.created_at) == (Status.DELIVERED, BEGIN)
    assert asyncio.run(_open(clock).fetch("SM1")) is None


def test_the_vendor_id_does_not_tell_the_number() -> None:
    number = _number_of(Kind.ON)
    [outcome] = _send(_open(StoppedClock(BEGIN)), number)
    assert number[3:] not in outcome.vendor_id
    model, counted = PhoneModel(0), Counter[int]()
    counted.update(model.trait(f"+8490{other:07d}") for other in range(200_000, 260_000))
    assert len(counted) < 45_000, "a trait that few numbers share names its number"


def test_opted_out_and_impossible_numbers_are_refused_at_once() -> None:
    outcomes = _send(_open(StoppedClock(BEGIN)), _number_of(Kind.OPTED_OUT), "0900000123")
    assert [outcome.status for outcome in outcomes] == [Status.FAILED, Status.FAILED]
    assert [outcome.decision for outcome in outcomes] == [Decision.OPT_OUT, Decision.NONE]
    assert [outcome.code for outcome in outcomes] == ["21610", "21211"]


def test_dead_numbers_and_landlines_fail_with_their_codes() -> None:
    clock = StoppedClock(BEGIN)
    outcomes = _send(_open(clock), _number_of(Kind.DEAD), _number_of(Kind.LANDLINE))
    clock.instant += timedelta(hours=11)
    seen = [asyncio.run(_open(clock).fetch(outcome.vendor_id)) for outcome in outcomes]
    assert [message.status for message in seen] == [Status.FAILED, Status.FAILED]
    assert seen[1].reason == "landline"


def test_the_log_finds_a_message_by_number_and_forgets_the_oldest() -> None:
    provider, number = _open(StoppedClock(BEGIN)), _number_of(Kind.ON)
    _send(provider, number, number)
    assert len(asyncio.run(provider.list_to(number))) == 2
    _send(provider, *[_number_of(Kind.SLOW)] * 10_000)
    assert asyncio.run(provider.list_to(number)) == []


def test_nothing_here_is_live_or_needs_an_approval_or_takes_a_receipt() -> None:
    provider = _open(StoppedClock(BEGIN))
    assert not provider.live
    assert not vendor("sandbox").needs_approval
    with pytest.raises(InvalidReceipt):
        provider.read_receipt("http://127.0.0.1/", {}, {})


def test_who_watches_is_told_once_of_what_is_taken_and_of_nothing_else() -> None:
    """A rehearsal hands in the receipts by itself: its last word must be what a poll would say."""
    clock, seen = StoppedClock(BEGIN), list[Taken]()
    provider = SandboxProvider(SandboxSender.model_validate({"from": "DIENTAP"}), clock, watch=seen.append)
    [refused, *outcomes] = _send(
        provider, _number_of(Kind.OPTED_OUT), *(_number_of(kind) for kind in (Kind.ON, Kind.DEAD, Kind.SLOW))
    )
    assert refused.status is Status.FAILED
    assert [taken.vendor_id for taken in seen] == [outcome.vendor_id for outcome in outcomes]
    clock.instant += timedelta(hours=11)
    for taken in seen:
        word, polled = taken.word(), asyncio.run(provider.fetch(taken.vendor_id))
        assert polled is not None and (word.status, word.code) == (polled.status, polled.code)


def test_half_a_million_deliveries_fit_a_rehearsal() -> None:
    """500,000 in 60 s leave 120 µs for everything; sending and polling take 31 (measured)."""
    clock = StoppedClock(BEGIN)
    provider = _open(clock)
    batch = [Outgoing(number, 1, f"+8490{number:07d}", "Xin chào", 3600, None) for number in range(5_000)]

    async def both() -> None:
        for outcome in await provider.send(batch):
            if outcome.vendor_id:
                await provider.fetch(outcome.vendor_id)

    begun = time.process_time()
    asyncio.run(both())
    assert (time.process_time() - begun) / len(batch) < 100e-6
