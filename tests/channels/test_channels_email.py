"""E-mail over a real socket: one table of replies and breaks, each with its one meaning, and nobody is named."""

import asyncio
import email
import email.policy
import socket
import ssl
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import ValidationError
from smtp_standin import HANG_UP, PASSWORD, RESET, SILENCE, USER, MailServer, certificate

from engine.channels import VENDORS
from engine.channels.base import Decision, Letter, NoLog, OpenedWith, Outcome, Outgoing
from engine.channels.email_message import stuffed
from engine.channels.email_sender import EmailSender
from engine.channels.smtp import SmtpProvider
from engine.channels.testing.overhearing import overheard
from engine.clock import SystemClock
from engine.errors import LoaError
from engine.status import Status

TO = "nguoi.phat.012@xa-mau.example"
LETTER = Letter(
    "Bài đọc trên loa: 17:00, ngày 16/07/2027", "<p>Kính nhờ</p>", "loa.7.mark", "vi", b"%PDF-1.4 x", "a.pdf"
)
MESSAGE = Outgoing(7, 3, TO, "Kính nhờ đọc.\n.một dấu chấm đầu dòng\nhttps://loa.example/l/x", 3600, None, LETTER)
SECRETS = (TO, "nguoi.phat.012", PASSWORD, USER, MESSAGE.body)
SPOKEN = f"5.7.1 <{TO}> NGUOI.PHAT.012 not by {USER} {PASSWORD} loa@coquan.example 0900 000 123"


class Case(NamedTuple):
    """What must come of one reply. ``safe``: nothing was taken, so it may be sent again."""

    answers: dict[str, str]
    status: Status
    reason: str | None = None
    decision: Decision = Decision.NONE
    retry_after: float | None = None
    code: str | None = None


QUEUED, FAILED, UNKNOWN = Status.QUEUED, Status.FAILED, Status.UNKNOWN
RETRY, STOP, HOLD = Decision.RETRY, Decision.STOP_SENDER, Decision.HOLD_SENDER
CASES = {
    "ordinary": Case({}, Status.ACCEPTED),
    "taken, then a break": Case({"QUIT": HANG_UP}, Status.ACCEPTED),
    "forwarded": Case({"RCPT": "251 will forward"}, Status.ACCEPTED),
    "server shuts down": Case({"GREETING": "421 4.3.2 later"}, QUEUED, "throttled", RETRY, code="421 4.3.2"),
    "server wants nobody": Case({"GREETING": "554 no"}, QUEUED, "refused", HOLD, code="554"),
    "no greeting": Case({"GREETING": "HTTP/1.1 400 Bad Request"}, QUEUED, "malformed", RETRY),
    "wrong password": Case({"AUTH": "535 5.7.8 no"}, QUEUED, "credentials", STOP, code="535 5.7.8"),
    "login rests": Case({"AUTH": "454 4.7.0 later"}, QUEUED, "throttled", RETRY, code="454 4.7.0"),
    "no login offered": Case({"EHLO": "250 thu.example"}, QUEUED, "credentials", STOP),
    "sender not ours": Case({"MAIL": "553 5.7.1 not yours"}, QUEUED, "sender", STOP, code="553 5.7.1"),
    "login wanted": Case({"MAIL": "530 5.7.0 log in"}, QUEUED, "credentials", STOP, code="530 5.7.0"),
    "greylisting": Case({"RCPT": "450 4.2.0 come back"}, QUEUED, "put_off", RETRY, 300.0, "450 4.2.0"),
    "no such mailbox": Case({"RCPT": "550 5.1.1 unknown"}, FAILED, "mailbox", code="550 5.1.1"),
    "no such mailbox, old": Case({"RCPT": "550 unknown"}, FAILED, "mailbox", code="550"),
    "mailbox full": Case({"RCPT": "552 5.2.2 full"}, FAILED, "mailbox_full", code="552 5.2.2"),
    "no relaying": Case({"RCPT": "554 5.7.1 relay denied"}, FAILED, "refused", code="554 5.7.1"),
    "not now": Case({"DATA": "451 4.3.0 later"}, QUEUED, "put_off", RETRY, 300.0, "451 4.3.0"),
    "cut before the content": Case({"DATA": HANG_UP}, QUEUED, "no_connection", RETRY),
    "silent before the content": Case({"RCPT": SILENCE}, QUEUED, "no_connection", RETRY),
    "nonsense before the content": Case({"RCPT": "hm"}, QUEUED, "malformed", RETRY),
    "put off after the content": Case({"CONTENT": "452 4.3.1 no room"}, QUEUED, "put_off", RETRY, 300.0, "452 4.3.1"),
    "spam, they say": Case({"CONTENT": "554 5.7.1 spam"}, FAILED, "refused", code="554 5.7.1"),
    "cut after the content": Case({"CONTENT": HANG_UP}, UNKNOWN, "no_answer"),
    "reset after the content": Case({"CONTENT": RESET}, UNKNOWN, "no_answer"),
    "silent after the content": Case({"CONTENT": SILENCE}, UNKNOWN, "no_answer"),
    "nonsense after the content": Case({"CONTENT": "hm"}, UNKNOWN, "malformed"),
    "a line without an end": Case({"CONTENT": "250 " + "x" * 9000}, UNKNOWN, "malformed"),
    "another digit": Case({"CONTENT": "354 go on"}, UNKNOWN, "malformed", code="354"),
    "secret in an error": Case({"RCPT": f"550 {SPOKEN}"}, FAILED, "refused", code="550 5.7.1"),
}


def opened(port: int, wait: float = 5.0, total: float = 8.0, **keys: Any) -> SmtpProvider:
    given = {"from": "loa@coquan.example", "host": "127.0.0.1", "port": port, "security": "none"}
    config = EmailSender.model_validate(given | {"user": USER, "password": PASSWORD} | keys)
    return SmtpProvider(config, SystemClock(), wait=wait, total=total)


async def submit(server: MailServer, *, times: int = 1, **keys: Any) -> list[Outcome]:
    async with server.running():
        provider = opened(server.port, **keys)
        outcomes = [outcome for _ in range(times) for outcome in await provider.send([MESSAGE])]
        await provider.close()
    return outcomes


@pytest.mark.parametrize("name", CASES)
def test_every_reply_of_a_mail_server_gets_its_one_meaning(name: str) -> None:
    case = CASES[name]
    server = MailServer(case.answers)
    quick = {"wait": 0.3, "total": 0.4} if SILENCE in case.answers.values() else {}
    with overheard("email", Outcome, SECRETS, repr(MESSAGE)):
        [outcome] = asyncio.run(submit(server, **quick))
    found = (outcome.status, outcome.reason, outcome.decision, outcome.retry_after, outcome.code)
    assert found == (case.status, case.reason, case.decision, case.retry_after, case.code)
    assert (outcome.delivery_id, outcome.attempt, server.connections) == (7, 3, 1)
    assert outcome.vendor_id == ("loa.7.mark@coquan.example" if case.status is Status.ACCEPTED else None)
    if "secret" in name:
        assert outcome.detail is not None and "not by" in outcome.detail


def test_nobody_listens_and_it_is_not_sent_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, never listening: refused
        [outcome] = asyncio.run(opened(taken.getsockname()[1]).send([MESSAGE]))
    assert (outcome.status, outcome.reason, outcome.decision) == (QUEUED, "no_connection", RETRY)


def test_an_e_mail_that_nobody_can_read() -> None:
    server = MailServer()
    asyncio.run(submit(server, times=2, name="Ban Chỉ đạo 138", reply_to="tra.loi@coquan.example"))
    assert server.login == f"\0{USER}\0{PASSWORD}"
    assert "MAIL FROM:<loa@coquan.example>" in server.said and f"RCPT TO:<{TO}>" in server.said
    first, second = (
        email.message_from_bytes(mail.replace(b"\r\n..", b"\r\n."), policy=email.policy.default)
        for mail in server.mails
    )
    assert first["Message-ID"] == second["Message-ID"] == "<loa.7.mark@coquan.example>"  # a second one is recognised
    assert (first["To"], first["Subject"], first["Auto-Submitted"]) == (TO, LETTER.subject, "auto-generated")
    assert first["Content-Language"] == "vi"
    assert (first["From"], first["Reply-To"]) == (
        "Ban Chỉ đạo 138 <loa@coquan.example>",
        "tra.loi@coquan.example",
    )
    plain, pretty = first.get_body(("plain",)), first.get_body(("html",))
    assert plain is not None and pretty is not None
    assert plain.get_content().split() == MESSAGE.body.split() and "<p>Kính nhờ</p>" in pretty.get_content()
    [attached] = first.iter_attachments()
    assert (attached.get_content(), attached.get_filename()) == (LETTER.print_pdf, "a.pdf")
    assert all(mail.isascii() for mail in server.mails)  # no server on the way can break it
    assert stuffed(b".a\r\nb.\r\n.") == b"..a\r\nb.\r\n..\r\n.\r\n"  # a line of one dot would end it all


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    return certificate(tmp_path_factory.mktemp("keys"))


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_password_goes_out_without_a_certificate_that_is_trusted(
    security: str, keys: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, trusted = keys
    for trusts, wanted in ((False, (QUEUED, "certificate", STOP)), (True, (Status.ACCEPTED, None, Decision.NONE))):
        if trusts:
            monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        server = MailServer(context=context, at_once=security == "tls")
        [outcome] = asyncio.run(submit(server, security=security, host="localhost"))
        assert (outcome.status, outcome.reason, outcome.decision) == wanted
        assert bool(server.login) is trusts and len(server.mails) == trusts


def test_a_server_without_encryption_is_given_the_password() -> None:
    server = MailServer()
    [outcome] = asyncio.run(submit(server, security="starttls"))
    assert (outcome.reason, outcome.decision, server.login) == ("no_tls", STOP, "")


def test_a_made_up_address_is_written_to_for_real() -> None:
    provider = opened(1, host="thu.coquan.vn", security="tls")  # never called: nobody is behind .example
    [outcome] = asyncio.run(provider.send([MESSAGE]))
    assert provider.live and (outcome.status, outcome.reason) == (FAILED, "synthetic")


def test_a_mail_server_is_asked_what_it_cannot_know() -> None:
    with pytest.raises(NoLog):
        asyncio.run(opened(1).list_to(TO))


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"host": "thu.coquan.vn"}, "channels.email-plain"),
        ({"host": "smtp://127.0.0.1"}, "channels.email-host"),
        ({"password": None}, "channels.email-login"),
        ({"from": "Loa <loa@coquan.vn>"}, "channels.email-address"),
        ({"name": "Loa\r\nBcc: x@y.vn"}, "channels.email-name"),
    ],
)
def test_a_sender_that_cannot_work_or_shows_its_password(keys: dict[str, Any], code: str) -> None:
    with pytest.raises(ValidationError) as found:
        opened(25, **keys)
    cause: Any = found.value.errors()[0]["ctx"]["error"]
    assert isinstance(cause, LoaError) and cause.key == code


def test_a_stand_in_on_this_machine_counts_as_live() -> None:
    reaches = VENDORS["email"].reaches
    assert reaches is not None and reaches({"host": "::1"}) == ["smtp://[::1]"]
    config = EmailSender.model_validate({"from": "a@b.vn", "host": "localhost", "security": "none"})
    provider: Any = VENDORS["email"].open("thu", config, OpenedWith(SystemClock()))  # type: ignore[misc]
    assert not provider.live
