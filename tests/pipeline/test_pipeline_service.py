"""A process that looks every second: it works only when there is something to do, and then at once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import road_workspace as files
from pipeline_road import Person, Road, on_one_database

from engine import clock
from engine.pipeline import enqueue, heartbeat, service
from engine.pipeline.approve import void_changed
from engine.pipeline.control import act
from engine.pipeline.files import Files
from engine.pipeline.service import Service, serving
from engine.store import fanout
from engine.web.app import Application

LATER = files.campaign(files.step("mot", when="2027-07-16 09:00", sender="thu"))


class Looking:
    """A service that is asked to look, and counts how often it did the whole work of opening."""

    def __init__(self, service: Service) -> None:
        self.service, self.whole = service, 0
        open_due = service._open_due

        def counted(progress: Any) -> Any:
            self.whole += 1
            return open_due(progress)

        service._open_due = counted  # type: ignore[method-assign]

    async def __call__(self, times: int = 1, *, acts: bool = True) -> int:
        """How many whole looks there were in that many looks."""
        before = self.whole
        for _ in range(times):
            await self.service.look(acts=acts)
        return self.whole - before


def prepared(road: Road) -> None:
    road.write({"loa.yaml": files.loa_yaml(more_senders=files.scripted()), "campaigns/thu.yaml": LATER})
    road.people(Person(), Person())
    road.approve()


def looking(road: Road, course: Any) -> None:
    """Run ``course(look)`` in an event loop."""

    async def run() -> None:
        async with serving(road.process) as found:
            await course(Looking(found))

    asyncio.run(run())


def test_nothing_new_costs_no_look_at_the_campaigns_and_the_due_instant_does(road: Road) -> None:
    prepared(road)

    async def course(look: Looking) -> None:
        assert await look() == 1, "the first look is a whole one"
        assert await look(5) <= 1, "our own line in the log asks for one more"
        assert await look(20) == 0
        road.at("2027-07-16 08:59:59")
        assert await look(5) == 0
        road.at("2027-07-16 09:00:00")
        assert await look() == 1
        assert road.runs() == {"mot/once": "ready"}

    looking(road, course)


@on_one_database
def test_what_a_person_decides_is_seen_by_the_next_look(road: Road) -> None:
    road.write({"loa.yaml": files.loa_yaml(more_senders=files.scripted()), "campaigns/thu.yaml": LATER})
    road.people(Person())
    road.at("2027-07-16 09:00")

    async def course(look: Looking) -> None:
        await look(3)
        assert road.runs() == {}, "nobody has approved it"
        await asyncio.to_thread(road.approve)
        assert await look() == 1
        assert road.runs() == {"mot/once": "ready"}
        await look(3)
        await asyncio.to_thread(act, road.process, "cancel", "thu", None, by="Người Dừng", why=None)
        assert await look() == 1

    looking(road, course)


def test_a_run_that_broke_off_in_the_middle_is_gone_on_with_without_being_asked(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(road)
    road.at("2027-07-16 09:00")
    make_ready = enqueue._make_ready
    monkeypatch.setattr(enqueue, "_make_ready", lambda *some: 1 / 0)

    async def course(look: Looking) -> None:
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await look()
        monkeypatch.setattr(enqueue, "_make_ready", make_ready)
        assert await look() == 1
        assert road.runs() == {"mot/once": "ready"}

    looking(road, course)


def test_a_follower_opens_nothing_and_voids_nothing_but_knows_the_senders(road: Road) -> None:
    prepared(road)
    road.at("2027-07-16 09:00")

    async def course(look: Looking) -> None:
        assert await look(3, acts=False) == 0
        assert (road.runs(), set(look.service.senders)) == ({}, {"thu"})
        (road.settings.workspace / "messages/tin/sms.vi.j2").write_text("Khác, xin gọi 111.\n", encoding="utf-8")
        assert await look(3, acts=False) == 0
        assert road.rows("SELECT count(*) FROM approval WHERE voided_at IS NOT NULL") == [(0,)], (
            "its copy of the files may be an old one"
        )
        look.service.look_again()  # it takes the lead
        assert await look() == 1
        assert road.rows("SELECT count(*) FROM approval WHERE voided_at IS NOT NULL") == [(1,)]

    looking(road, course)


def test_a_receipt_for_a_run_that_another_process_opened_finds_its_sender(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(road)
    monkeypatch.setattr(service, "LEARN_EVERY", 0.0)

    async def course(look: Looking) -> None:
        (road.settings.workspace / "loa.yaml").write_text("hỏng", encoding="utf-8")
        await look(2, acts=False)
        assert look.service.provider_of("thu") is None
        with road.process.database.write() as connection:
            digest = connection.exec_driver_sql("SELECT digest FROM snapshot").scalar()
            from engine.store import runs

            assert runs.create(
                connection,
                {
                    "campaign": "thu", "step": "mot", "occurrence": "once", "channel": "sms", "due": road.clock.now(),
                    "expires_at": road.clock.now(), "status": "ready", "digest": digest,
                    "opened_at": road.clock.now(),
                },
            )  # fmt: skip
        assert look.service.provider_of("thu") is not None

    looking(road, course)


def test_a_stop_leaves_a_fan_out_between_two_chunks_and_another_process_ends_it(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop must not wait for the rest of a million rows."""
    monkeypatch.setattr(fanout, "CHUNK", 10)
    prepared(road)
    road.people(*[Person() for _ in range(98)])
    road.approve()
    road.at("2027-07-16 09:00")

    async def course(look: Looking) -> None:
        chunks = 0

        def progress(passed: int, last: int) -> None:
            nonlocal chunks
            chunks += 1
            if chunks == 4:
                look.service.stopping.set()

        opened = await look.service.open_due(progress)
        assert opened.opened == []

    looking(road, course)
    assert road.runs() == {"mot/once": "enqueueing"}
    written = sum(road.statuses().values())
    assert 0 < written < 100
    assert road.tallied() == {}, "what is not counted cannot be wrong"

    async def again(look: Looking) -> None:
        await look()

    looking(road, again)
    assert road.runs() == {"mot/once": "ready"}
    assert road.statuses() == {"queued": 100}
    road.prove_tallies()


@on_one_database
def test_a_file_that_is_just_being_written_voids_no_approval(road: Road) -> None:
    """An editor writes a long text in two goes: the first half alone is another text, without an error."""
    prepared(road)
    found = Files(road.settings)
    assert found.refresh(settled=True), "the first look loads what stands there"
    before = found.campaigns["thu"].digest
    path = Path(road.settings.workspace / "messages/tin/sms.vi.j2")
    whole = path.read_text(encoding="utf-8")
    path.write_text("Xin gọi 111.\n", encoding="utf-8")
    assert not found.refresh(settled=True)
    path.write_text(whole, encoding="utf-8")
    assert not found.refresh(settled=True)
    found.refresh(settled=True)
    assert found.campaigns["thu"].digest == before
    assert void_changed(road.process, found.campaigns, found.known) == {}
    path.write_text("Xin gọi 111.\n", encoding="utf-8")
    assert [found.refresh(settled=True) for _ in range(3)] == [False, True, False]
    assert found.campaigns["thu"].digest != before


@on_one_database
def test_a_clock_that_jumps_by_more_than_a_day_deletes_nothing_for_a_day(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def course(look: Looking) -> None:
        assert look.service.clock_is_trusted()
        look.service.clock_jumped(-7200.0)
        assert look.service.clock_is_trusted()
        for years in (-5, 5):
            look.service.clock_jumped(years * 365 * 86_400.0)
            assert not look.service.clock_is_trusted()
        later = clock.monotonic() + service.DOUBT + 1
        monkeypatch.setattr(service, "monotonic", lambda: later)
        assert look.service.clock_is_trusted()

    looking(road, course)


def test_the_incident_of_a_dead_part_is_over_after_ten_minutes_of_health(road: Road) -> None:
    heartbeat.tell_death(road.process, "writer")
    heartbeat.tell_death(road.process, "loop")
    assert road.incidents() == {"scheduler_dead": 2}
    heartbeat.beat(road.process, leads=True, alive_for=heartbeat.WELL_AFTER - 1)
    assert road.incidents() == {"scheduler_dead": 2}
    heartbeat.beat(road.process, leads=True, alive_for=heartbeat.WELL_AFTER + 1)
    assert road.incidents() == {}


@on_one_database
@pytest.mark.parametrize(("part", "status"), [(None, 200), ("dispatcher", 503)])
def test_a_monitor_is_told_which_part_has_stopped(road: Road, part: str | None, status: int) -> None:
    told: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        told.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def course(look: Looking) -> None:
        scope = {"type": "http", "method": "GET", "path": "/health", "raw_path": b"/health", "query_string": b""}
        await Application(look.service, lambda: part)(scope | {"headers": []}, receive, send)

    looking(road, course)
    assert (told[0]["status"], told[1]["body"]) == (status, f"{part or 'ok'}\n".encode())
