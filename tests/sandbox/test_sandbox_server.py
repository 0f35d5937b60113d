"""The server against the unmodified official SDK, its ledger, its faults and its callbacks."""

import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sandbox_running import ACCOUNT, TOKEN, receiver, running, sdk
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.request_validator import RequestValidator

from engine.clock import StoppedClock, TurnedClock
from engine.errors import LoaError
from engine.sandbox.callbacks import Overrides, overrides_of
from engine.sandbox.faults import Fault, Faults, RateGate
from engine.sandbox.ledger import Ledger
from engine.sandbox.messages import MessageLog
from engine.sandbox.model import Kind, PhoneModel
from engine.sandbox.service import listen
from engine.sandbox.signature import sign

BEGIN = datetime(2027, 7, 16, 1, 30, tzinfo=UTC)


def _numbers(kind: Kind, count: int = 1, seed: int = 0) -> list[str]:
    model = PhoneModel(seed)
    found = (f"+8490000{number:04d}" for number in range(10_000))
    matching = (number for number in found if model.kind(model.trait(number)) is kind)
    return [next(matching) for _ in range(count)]


def _lines(ledger: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in ledger.read_text("utf-8").splitlines()]


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


def test_the_official_sdk_creates_fetches_and_lists(ledger: Path) -> None:
    clock, [to] = StoppedClock(BEGIN), _numbers(Kind.ON)
    with running(ledger, clock) as (url, _), sdk(url) as client:
        made = client.messages.create(to=to, from_="BCD138LS", body="Xin chào, gọi 111", validity_period=600)
        assert (made.status, made.num_segments, made.error_code, made.date_sent) == ("queued", "1", None, None)
        assert (made.to, made.from_, made.body, made.account_sid) == (to, "BCD138LS", "Xin chào, gọi 111", ACCOUNT)
        assert made.date_created == BEGIN
        clock.instant += timedelta(minutes=1)
        seen = client.messages(made.sid).fetch()
        assert (seen.status, seen.date_sent.date()) == ("delivered", BEGIN.date())
        assert [message.sid for message in client.messages.list(to=to)] == [made.sid]
    [line] = _lines(ledger)
    assert line == {
        "sid": made.sid, "to": to, "from": "BCD138LS", "body": "Xin chào, gọi 111",
        "at": "2027-07-16T01:30:00.000+00:00", "status_callback": None, "validity": 600, "account": ACCOUNT,
        "messaging_service": None,
    }  # fmt: skip
    assert stat.S_IMODE(ledger.stat().st_mode) == 0o600


def test_the_list_filters_pages_and_hides_what_has_not_left(ledger: Path) -> None:
    clock, numbers = StoppedClock(BEGIN), _numbers(Kind.ON, 3)
    with running(ledger, clock) as (url, _), sdk(url) as client:
        sids = []
        for day in range(3):
            for number in numbers:
                sids.append(client.messages.create(to=number, from_=f"LOA{day}", body="x").sid)
            clock.instant += timedelta(days=1)
        last = client.messages.create(to=numbers[0], from_="LOA9", body="x").sid
        listed = [message.sid for message in client.messages.list(page_size=2)]
        assert listed == [last, *reversed(sids)], "newest first, every page, each once"
        assert len(client.http_client.answers) >= len(sids) // 2
        assert [m.sid for m in client.messages.list(to=numbers[0], page_size=1)] == [last, sids[6], sids[3], sids[0]]
        assert [m.sid for m in client.messages.list(from_="LOA1")] == sids[5:2:-1]
        second = date(2027, 7, 17)
        assert len(client.messages.list(date_sent=second)) == 3
        assert [m.sid for m in client.messages.list(date_sent_after=second)] == sids[:2:-1], "the queued one is hidden"
        assert len(client.messages.list(date_sent_before=second)) == 6
        assert client.messages.list(to="+84900009999") == []


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"to": ""}, 400, 21604),
        ({"to": "0900000123"}, 400, 21211),
        ({"to": _numbers(Kind.OPTED_OUT)[0]}, 400, 21610),
        ({"from_": ""}, 400, 21603),
        ({"from_": "FAR TOO LONG A NAME"}, 400, 21212),
        ({"from_": "", "messaging_service_sid": "MG1"}, 400, 21705),
        ({"body": ""}, 400, 21602),
        ({"body": "x" * 1601}, 400, 21617),
        ({"status_callback": "receipts"}, 400, 21609),
        ({"validity_period": 36001}, 400, 30045),
        ({"validity_period": 0}, 400, 30045),
    ],
)
def test_a_bad_request_is_refused_as_twilio_does(fields: dict[str, object], status: int, code: int) -> None:
    asked = {"to": _numbers(Kind.ON)[0], "from_": "BCD138LS", "body": "x"} | fields
    with running() as (url, app), sdk(url) as client:
        with pytest.raises(TwilioRestException) as refused:
            client.messages.create(**asked)
        assert (refused.value.status, refused.value.code) == (status, code)
        body = json.loads(client.http_client.answers[-1].text)
        assert set(body) == {"code", "message", "more_info", "status"}
        assert len(app.log) == 0


def test_a_messaging_service_sends_without_a_sender() -> None:
    with running() as (url, _), sdk(url) as client:
        made = client.messages.create(to=_numbers(Kind.ON)[0], messaging_service_sid="MG" + "0" * 32, body="x")
        assert (made.status, made.from_, made.messaging_service_sid) == ("accepted", None, "MG" + "0" * 32)


def test_only_the_right_credentials_are_let_in() -> None:
    [to] = _numbers(Kind.ON)
    with running(credentials=(ACCOUNT, TOKEN)) as (url, app):
        for token in ("wrong", TOKEN):
            with sdk(url, token=token) as client:
                if token == TOKEN:
                    client.messages.create(to=to, from_="LOA", body="x")
                    with pytest.raises(TwilioRestException) as absent:
                        client.messages("SM" + "0" * 32).fetch()
                    assert (absent.value.status, absent.value.code) == (404, 20404)
                else:
                    with pytest.raises(TwilioRestException) as refused:
                        client.messages.create(to=to, from_="LOA", body="x")
                    assert (refused.value.status, refused.value.code) == (401, 20003)
        with sdk(url, account="AC" + "1" * 32) as client, pytest.raises(TwilioException):
            client.messages.list()
        assert len(app.log) == 1


def test_another_accounts_messages_are_not_shown() -> None:
    with running() as (url, _), sdk(url) as client, sdk(url, account="AC" + "1" * 32) as other:
        sid = client.messages.create(to=_numbers(Kind.ON)[0], from_="LOA", body="x").sid
        assert other.messages.list() == []
        with pytest.raises(TwilioRestException):
            other.messages(sid).fetch()


def _raw(url: str, method: str, path: str, **headers: str) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    read = json.loads(answer.read())
    connection.close()
    return answer.status, read


def test_only_the_loopback_name_is_answered() -> None:
    with running() as (url, _):
        assert _raw(url, "GET", "/")[1] == {"service": "loa sandbox", "messages": 0}
        assert _raw(url, "GET", "/", Host="evil.example")[0] == 403
        assert _raw(url, "GET", "/2010-04-01/Accounts/AC0/Messages.json")[0] == 401
        assert _raw(url, "GET", "/elsewhere", Authorization="Basic !!!")[0] == 401
        assert listen(0).getsockname()[0] == "127.0.0.1"


def test_a_full_disk_answers_500_and_leaves_the_ledger_whole(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [to], write = _numbers(Kind.ON), os.write
    with running(ledger) as (url, app), sdk(url) as client:
        client.messages.create(to=to, from_="LOA", body="x")
        monkeypatch.setattr("engine.sandbox.ledger.os.write", lambda file, line: write(file, line[: len(line) // 2]))
        with pytest.raises(TwilioRestException) as failed:
            client.messages.create(to=to, from_="LOA", body="y")
        monkeypatch.undo()
        assert failed.value.status == 500
        client.messages.create(to=to, from_="LOA", body="z")
        assert len(app.log) == 2
    assert [line["body"] for line in _lines(ledger)] == ["x", "z"]


def test_a_killed_server_comes_back_with_its_messages_on_a_turned_clock(ledger: Path) -> None:
    numbers = _numbers(Kind.ON) + _numbers(Kind.OFF) + _numbers(Kind.DEAD)
    with running(ledger, StoppedClock(BEGIN)) as (url, _), sdk(url) as client:
        sids = [client.messages.create(to=number, from_="LOA", body="Đêm").sid for number in numbers]
    with ledger.open("ab") as torn:
        torn.write(b'{"sid": "SMtorn", "to": "+8490')
    with running(ledger, StoppedClock(BEGIN + timedelta(hours=11))) as (url, app), sdk(url) as client:
        assert len(app.log) == 3
        seen = [client.messages(sid).fetch() for sid in sids]
        assert seen[0].status == "delivered"
        assert all(message.status in {"delivered", "undelivered"} for message in seen)
        client.messages.create(to=numbers[0], from_="LOA", body="Mai")
        assert len({message.sid for message in client.messages.list()}) == 4
    assert [line["body"] for line in _lines(ledger)] == ["Đêm"] * 3 + ["Mai"], "the torn line is cut off"


def test_a_ledger_that_is_none_is_refused_with_its_line(ledger: Path) -> None:
    for content, key in ((b"hello\n", "sandbox.ledger-line"), (None, "sandbox.ledger-unusable")):
        path = ledger if content else ledger.parent / "no" / "where"
        if content:
            path.write_bytes(content)
        with pytest.raises(LoaError) as refused:
            Ledger(path, MessageLog(PhoneModel(0)))
        assert refused.value.key == key
        assert str(refused.value)


def test_a_taken_port_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOA_LANG", "en")
    with listen(0) as taken, pytest.raises(LoaError, match="Port"):
        listen(taken.getsockname()[1])


def test_answers_do_not_wait_for_the_clients_acknowledgement() -> None:
    """asyncio turns Nagle's algorithm off only on sockets that name TCP: 40 ms a call otherwise."""
    with listen(0) as opened:
        assert opened.proto == socket.IPPROTO_TCP


def test_a_dropped_answer_was_accepted_all_the_same(ledger: Path) -> None:
    numbers = _numbers(Kind.ON, 6)
    with running(ledger, faults=Faults(drop_response_rate=1)) as (url, app):
        for number in numbers:
            with sdk(url) as client, pytest.raises(OSError, match=r"abort|reset|closed"):
                client.messages.create(to=number, from_="LOA", body="x")
        assert len(app.log) == len(numbers), "each once"
        with sdk(url) as client:
            assert len(client.messages.list(to=numbers[0])) == 1
    assert [line["to"] for line in _lines(ledger)] == numbers


def test_errors_come_before_and_after_the_message_was_taken_and_always_the_same(ledger: Path) -> None:
    faults, numbers = Faults(error_rate=0.5, seed=3), _numbers(Kind.ON, 40, seed=3)
    failed = []
    with running(ledger, faults=faults) as (url, _), sdk(url) as client:
        for number in numbers:
            try:
                client.messages.create(to=number, from_="LOA", body="x")
            except TwilioRestException as error:
                assert error.status == 500
                failed.append(number)
    taken = {line["to"] for line in _lines(ledger)}
    expected = {number: faults.on_create(number, 0) for number in numbers}
    assert {number for number in numbers if expected[number] is not Fault.NONE} == set(failed)
    assert taken == {number for number in numbers if expected[number] is not Fault.ERROR_BEFORE}
    assert set(expected.values()) == {Fault.NONE, Fault.ERROR_BEFORE, Fault.ERROR_AFTER}
    assert [faults.on_create(number, 0) for number in numbers] == list(expected.values())


def test_above_the_rate_it_answers_429_and_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.sandbox.server.clocks.monotonic", lambda: 5.0)
    with running(faults=Faults(rate=2)) as (url, app), sdk(url) as client:
        codes = []
        for number in _numbers(Kind.ON, 6):
            try:
                client.messages.create(to=number, from_="LOA", body="x")
            except TwilioRestException as error:
                codes.append(error.code)
                assert client.http_client.answers[-1].headers["retry-after"] == "1"
        assert codes == [20429] * 4
        assert len(app.log) == 2


def test_the_gate_lets_through_the_rate_in_any_one_second() -> None:
    gate = RateGate(3)
    passed = [instant for instant in (0.0, 0.1, 0.2, 0.3, 0.99, 1.0, 1.05, 1.1, 1.15) if gate.lets_through(instant)]
    assert passed == [0.0, 0.1, 0.2, 1.0, 1.1]


def test_callbacks_come_signed_with_the_delivery_in_their_address() -> None:
    [to], [dead], clock = _numbers(Kind.ON), _numbers(Kind.DEAD), StoppedClock(BEGIN)
    with receiver() as told, running(clock=clock) as (url, _), sdk(url) as client:
        where = f"{told.url}/receipts/twilio?d=5&a=1&x=đ%20+"
        sid = client.messages.create(to=to, from_="BCD 138", body="x", status_callback=where).sid
        client.messages.create(to=dead, from_="LOA", body="x")  # asks for none and gets none
        clock.instant += timedelta(seconds=1.01)
        told.wait_for(1)
        clock.instant += timedelta(minutes=1)
        got = told.wait_for(2)
        [first, last] = got
    assert [form["MessageStatus"] for _, _, form in got] == ["sent", "delivered"]
    assert first[0] == "/receipts/twilio?d=5&a=1&x=đ%20+".encode().decode("latin-1")
    assert last[2] == {
        "AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", "From": "BCD 138", "To": to,
        "MessageSid": sid, "SmsSid": sid, "MessageStatus": "delivered", "SmsStatus": "delivered",
    }  # fmt: skip
    for _, signature, form in got:
        assert RequestValidator(TOKEN).validate(where, form, signature)
        assert not RequestValidator("other").validate(where, form, signature)


def test_the_signature_is_twilios_also_for_odd_fields() -> None:
    form = {"b": "2", "a": "đ+ ", "A": ""}
    assert sign("https://loa.example/r?d=1", form, "t") == RequestValidator("t").compute_signature(
        "https://loa.example/r?d=1", form
    )


def test_a_failure_is_told_with_its_code_and_a_restart_tells_what_is_still_due(ledger: Path) -> None:
    [dead], [slow] = _numbers(Kind.DEAD), _numbers(Kind.SLOW)
    with receiver() as told:
        with running(ledger, StoppedClock(BEGIN)) as (url, _), sdk(url) as client:
            for number in (dead, slow):
                client.messages.create(
                    to=number, from_="LOA", body="x", status_callback=f"{told.url}/r", validity_period=2
                )
        assert told.got == []
        with running(ledger, TurnedClock(BEGIN + timedelta(seconds=1.9)), credentials=(ACCOUNT, TOKEN)):
            [(_, _, form)] = told.wait_for(1)
            assert (form["To"], form["MessageStatus"], form["ErrorCode"]) == (slow, "failed", "30036")


def test_callbacks_may_be_lost_doubled_or_late_but_never_early() -> None:
    afters = [0.5, 3.0]
    assert Faults(lose_callbacks=1).callback_delays("SM1", afters) == [[], []]
    doubled = Faults(duplicate_callbacks=1).callback_delays("SM1", afters)
    assert [len(times) for times in doubled] == [2, 2]
    shuffled = [Faults(shuffle_callbacks=True).callback_delays(f"SM{number}", afters) for number in range(50)]
    assert {sent[0] > delivered[0] for sent, delivered in shuffled} == {True, False}
    for plan in [doubled, *shuffled]:
        assert all(time >= after for times, after in zip(plan, afters, strict=True) for time in times)


def test_a_callback_elsewhere_than_on_this_machine_is_never_sent() -> None:
    with running() as (url, app), sdk(url) as client:
        for where in ("http://10.1.2.3/r", "https://127.0.0.1/r", "http://loa.example/r?u=http://127.0.0.1/"):
            client.messages.create(to=_numbers(Kind.ON)[0], from_="LOA", body="x", status_callback=where)
        assert app.callbacks.elsewhere == 3


def test_a_callback_is_tried_again_once_on_a_dead_connection_only() -> None:
    """The receiver hangs up on the first try; a 500 is an answer and is left at that."""
    got: list[bytes] = []
    done = threading.Event()

    def hang_up_then_answer(listening: socket.socket) -> None:
        for answer in (b"", b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"):
            connection, _ = listening.accept()
            got.append(connection.recv(65536))
            connection.sendall(answer)
            if answer:
                done.wait(5)
            connection.close()

    with listen(0) as listening:
        thread = threading.Thread(target=hang_up_then_answer, args=(listening,))
        thread.start()
        clock = StoppedClock(BEGIN)
        with running(clock=clock) as (url, _), sdk(url) as client:
            where = f"http://localhost:{listening.getsockname()[1]}/r"
            [to] = _numbers(Kind.SLOW)
            client.messages.create(to=to, from_="LOA", body="x", status_callback=where, validity_period=1)
            clock.instant += timedelta(seconds=1)
            deadline = threading.Event()
            for _ in range(200):
                if len(got) == 2:
                    break
                deadline.wait(0.02)
            done.set()
        thread.join(5)
    assert len(got) == 2
    assert got[0] == got[1]


def test_the_command_says_where_it_listens_and_stops_cleanly(ledger: Path) -> None:
    command = [sys.executable, "-m", "engine", "sandbox", "--port", "0", "--ledger", str(ledger)]
    environment = os.environ | {
        "LOA_CLOCK": "2027-07-16T08:30",
        "LOA_LANG": "en",
        "TWILIO_ACCOUNT_SID": "",
        "TWILIO_AUTH_TOKEN": "",
    }
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, env=environment) as process:
        url = json.loads(process.stdout.readline())["url"]
        with sdk(url) as client:
            made = client.messages.create(to=_numbers(Kind.ON)[0], from_="LOA", body="x")
        assert made.date_created.astimezone(UTC) - BEGIN < timedelta(minutes=1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stdout.read() == b""
    assert len(_lines(ledger)) == 1
    bad = subprocess.run([*command, "--rate", "many"], capture_output=True, env=environment, check=False)
    assert bad.returncode == 2
    nowhere = subprocess.run([*command[:-1], "/no/where/x"], capture_output=True, env=environment, check=False)
    assert (nowhere.returncode, nowhere.stderr.count(b"\n")) == (1, 1)


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("", Overrides(1, False)),
        ("rc=5&rp=all", Overrides(5, True)),
        ("rc=0", Overrides(0, False)),
        ("rc=9&rp=ct", Overrides(1, False)),
        ("nonsense", Overrides(1, False)),
    ],
)
def test_a_callback_address_asks_for_more_tries_than_it_gets(fragment: str, expected: Overrides) -> None:
    assert overrides_of(fragment) == expected
