"""Alerts over real HTTP: one that is lost leaves a campaign standing still, one too many is not read any more."""

import asyncio
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
import road_workspace as files
from pipeline_road import Person, Road, World, on_one_database
from sqlalchemy import text

from engine.clock import SystemClock
from engine.pipeline import alerts
from engine.pipeline.process import Process, opened
from engine.pipeline.service import serving
from engine.store import alerts as rows
from engine.store import audit

# What apprise imports by itself
pytestmark = [
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:apprise"),
]
SECRET = "mat-khau-cua-can-bo-truc"
AT = datetime(2027, 7, 16, 1, 30, tzinfo=UTC)


@dataclass
class Duty:
    """A web hook of the duty officer: what it got, and how it answers (a status, or a wait for ``go``)."""

    url: str = ""
    got: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    go: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)

    @property
    def bodies(self) -> list[str]:
        return [one["message"] for one in self.got]


@pytest.fixture
def duty() -> Iterator[Duty]:
    """The hook on a free port of the loopback address."""
    kept = Duty()
    kept.go.set()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            kept.asked.set()
            kept.go.wait(20)
            if kept.status == 200:
                kept.got.append(body | {"authorization": self.headers.get("Authorization", "")})
            self.send_response(kept.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    kept.url = f"json://truc:${{DUTY_TOKEN}}@127.0.0.1:{server.server_port}/canh-bao"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield kept
    kept.go.set()
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture
def watched(road: Road, duty: Duty, monkeypatch: pytest.MonkeyPatch) -> Road:
    """The road with the duty officer's address; on the turned clock of an exercise."""
    monkeypatch.setenv("DUTY_TOKEN", SECRET)
    road.write({"loa.yaml": files.loa_yaml() + f'alerts: ["{duty.url}"]\n'})
    road.process.settings = replace(road.process.settings, clock_turned=True)
    return road


def happens(road: Road, kind: str, *subjects: str) -> None:
    with road.process.database.write() as connection:
        for subject in subjects:
            audit.raise_incident(
                connection, road.process.keyring, at=AT, kind=kind, subject=subject, detail="+84 900 000 123 Nguyễn"
            )


def deliver(road: Road) -> int:
    return alerts.deliver_now(road.process, lambda: 0.5)


def test_the_duty_officer_hears_of_it_once_in_plain_words_without_a_number_a_name_or_a_secret(
    watched: Road, duty: Duty, capsys: pytest.CaptureFixture[str]
) -> None:
    happens(watched, "filtered", "sender:cong")
    assert [deliver(watched), deliver(watched)] == [1, 0]
    [told] = duty.got
    assert told["title"] == "[Diễn tập] Loa: có việc cần người xem (Ban Chỉ đạo 138 tỉnh Lạng Sơn)"
    assert "• Tên định danh cong: nhà mạng lọc tin" in told["message"]
    assert told["authorization"].startswith("Basic "), "the secret was filled in"
    said = "".join(capsys.readouterr()) + told["title"] + told["message"]
    assert not any(word in said for word in (SECRET, "0900", "Nguyễn", "DUTY_TOKEN"))
    [(target, content)] = watched.rows("SELECT target, content FROM alert")
    assert "127.0.0.1" not in target + content


@on_one_database
def test_every_kind_of_incident_has_words_and_what_to_do(watched: Road, duty: Duty) -> None:
    from engine.pipeline import incidents

    kinds = {
        "sender_stopped", "sender_held", "filtered", "cannot_ask", "files_broken", "run_held", "run_missed",
        "approval_void", "superseded", "contradicted", "thread_dead", "failover_budget", "operator_file",
        *incidents.DOUBTS,
    }  # fmt: skip
    assert all("“" not in incidents.what(kind) for kind in kinds)
    assert incidents.what("moi") == "mã “moi”"


@on_one_database
def test_one_alert_a_subject_and_hour_and_a_digest_beyond_that(watched: Road, duty: Duty) -> None:
    happens(watched, "superseded", *(f"delivery:{number}" for number in range(1, 41)))
    happens(watched, "files_broken", "campaign:thu", "campaign:khac")
    assert deliver(watched) == 3
    assert sum("40 lượt tin: biên nhận" in body for body in duty.bodies) == 1
    happens(watched, "superseded", *(f"delivery:{number}" for number in range(41, 51)))
    happens(watched, "contradicted", "delivery:7")
    happens(watched, "run_missed", "run:khac/mo-dau/once", "run:khac/sau/once")
    watched.later(minutes=59)
    assert deliver(watched) == 1  # what is of another topic
    watched.later(minutes=2)
    assert deliver(watched) == 2
    assert sum("10 lượt tin" in body for body in duty.bodies) == 1
    assert "khac/mo-dau/once" in duty.bodies[-2] and "khac/sau/once" in duty.bodies[-2]
    watched.later(hours=3)
    assert deliver(watched) == 0


@on_one_database
def test_what_settled_before_anybody_was_told_is_not_told(watched: Road, duty: Duty) -> None:
    happens(watched, "cannot_ask", "sender:cong")
    with watched.process.database.write() as connection:
        audit.settle_incident(connection, at=AT, kind="cannot_ask", subject="sender:cong")
    assert (deliver(watched), duty.got) == (0, [])


def test_a_crash_between_sending_and_noting_it_sends_again_and_before_it_loses_nothing(
    watched: Road, duty: Duty, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCut(Exception):
        pass

    def cut(*_: object, **__: object) -> None:
        raise PowerCut

    happens(watched, "files_broken", "campaign:thu")
    with monkeypatch.context() as broken:
        broken.setattr(rows, "lease", cut)
        with pytest.raises(PowerCut):
            deliver(watched)
    assert duty.got == []
    with monkeypatch.context() as broken:
        broken.setattr(rows, "end", cut)
        with pytest.raises(PowerCut):
            deliver(watched)
    assert len(duty.got) == 1
    assert deliver(watched) == 0, "whoever has it may be sending it at this moment"
    watched.later(seconds=alerts.LEASE + 1)
    assert (deliver(watched), len(duty.got)) == (1, 2)
    watched.later(hours=1)
    assert deliver(watched) == 0


@on_one_database
def test_an_officer_who_cannot_be_reached_is_tried_again_ever_more_seldom_and_it_shows(
    watched: Road, duty: Duty
) -> None:
    duty.status = 500
    happens(watched, "files_broken", "campaign:thu")
    waits = []
    for _ in range(7):
        assert deliver(watched) == 0
        [(due,)] = watched.rows("SELECT due_real FROM alert")
        waits.append(due - watched.wall())
        watched.later(seconds=waits[-1] + 1)
    assert [round(wait, -1) for wait in waits] == [60, 120, 240, 480, 960, 1920, 3600]
    assert watched.incidents() == {"files_broken": 1, "alert_undelivered": 1}
    duty.status = 200
    assert (deliver(watched), len(duty.got)) == (1, 1)
    assert watched.incidents() == {"files_broken": 1}
    duty.status = 500
    watched.later(hours=2)
    happens(watched, "run_missed", "run:thu/mo-dau/once")
    deliver(watched)
    watched.later(days=2, hours=1)
    deliver(watched)
    assert watched.rows("SELECT count(*) FROM alert WHERE ended_real IS NULL") == [(0,)]


def test_two_processes_tell_it_once(watched: Road, duty: Duty) -> None:
    happens(watched, "files_broken", *(f"campaign:c{number}" for number in range(5)))
    with opened(watched.settings, clock=watched.clock) as other:
        other.settings = watched.process.settings
        start, sent = threading.Barrier(2), list[int]()

        def work(process: Process) -> None:
            start.wait(10)
            sent.append(alerts.deliver_now(process))

        threads = [threading.Thread(target=work, args=(process,)) for process in (watched.process, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert (sum(sent), len(duty.got)) == (5, 5)


@on_one_database
def test_a_broken_loa_yaml_is_told_to_the_address_that_stood_there_before(watched: Road, duty: Duty) -> None:
    deliver(watched)
    watched.write({"loa.yaml": "alerts: [\n"})
    happens(watched, "files_broken", "campaign:thu")
    assert (deliver(watched), len(duty.got)) == (1, 1)


@on_one_database
def test_another_address_gets_what_the_old_one_could_not(watched: Road, duty: Duty) -> None:
    watched.write({"loa.yaml": files.loa_yaml() + 'alerts: ["json://127.0.0.1:9/${DUTY_TOKEN}"]\n'})
    happens(watched, "files_broken", "campaign:thu")
    assert deliver(watched) == 0
    watched.write({"loa.yaml": files.loa_yaml() + f'alerts: ["{duty.url}"]\n'})
    watched.later(minutes=5)
    assert [deliver(watched), deliver(watched)] == [0, 1]
    assert watched.rows("SELECT count(*) FROM alert WHERE ended_real IS NULL") == [(0,)]


@on_one_database
@pytest.mark.parametrize("address", ["json://${NICHT_GESETZT}@127.0.0.1:9", "khong-co://${DUTY_TOKEN}"])
def test_an_address_that_cannot_be_used_is_said_without_being_shown(
    watched: Road, duty: Duty, capsys: pytest.CaptureFixture[str], address: str
) -> None:
    watched.write({"loa.yaml": files.loa_yaml() + f'alerts: ["{address}", "{duty.url}"]\n'})
    happens(watched, "files_broken", "campaign:thu")
    assert (deliver(watched), len(duty.got)) == (1, 1)
    said = "".join(capsys.readouterr())
    assert SECRET not in said
    watched.later(minutes=3)
    assert (deliver(watched), len(duty.got)) == (0, 1), "who was reached is not told twice"


@on_one_database
def test_a_rehearsal_calls_nobody_and_the_machines_clock_does(watched: Road, duty: Duty) -> None:
    happens(watched, "files_broken", "campaign:thu")
    watched.process.settings = replace(watched.process.settings, clock_turned=False)
    assert (deliver(watched), duty.got) == (0, [])
    watched.process.clock = SystemClock()
    assert deliver(watched) == 1
    assert duty.got[0]["title"].startswith("Loa: ")


@on_one_database
def test_an_officer_who_does_not_answer_keeps_no_delivery_waiting(
    watched: Road, world: World, duty: Duty, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hook hangs until every message is out."""
    from engine.pipeline import providers

    monkeypatch.setattr(providers, "is_live", lambda process, sender: False)
    campaign = {"campaigns/thu.yaml": files.campaign(files.step(sender="thu"))}
    configured = files.loa_yaml(more_senders=files.scripted()) + f'alerts: ["{duty.url}"]\n'
    watched.write({"loa.yaml": configured} | campaign)
    watched.people(*[Person() for _ in range(20)])
    watched.approve()
    happens(watched, "filtered", "sender:thu")
    duty.go.clear()

    async def main() -> None:
        async with serving(watched.process) as service:
            await service.open_due()
            hanging = asyncio.create_task(alerts.deliver(watched.process))
            await asyncio.to_thread(duty.asked.wait, 20)
            await service.dispatcher.run(asyncio.Event(), once=True)
            assert not hanging.done()
            duty.go.set()
            assert await hanging == 1

    asyncio.run(main())
    assert len(world.sent) == 20


@on_one_database
def test_a_stamp_of_a_wrong_clock_keeps_no_alert_back(watched: Road, duty: Duty) -> None:
    watched.wall.ahead = 5e7
    happens(watched, "files_broken", "campaign:thu")
    duty.status = 500
    deliver(watched)
    watched.wall.ahead, duty.status = 0.0, 200
    happens(watched, "contradicted", "delivery:1")
    assert deliver(watched) == 2
    with watched.process.database.write() as connection:
        connection.execute(text("UPDATE alert SET made_real = made_real + 1e8"))
    happens(watched, "run_missed", "run:thu/mo-dau/once")
    assert deliver(watched) == 1
