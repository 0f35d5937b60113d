"""E-mail by SMTP through an office's own server: one connection an e-mail, and never the same one twice.

The content is sent in one place, after which only the server's last reply says whether the e-mail was taken. Until its
first byte has left, whatever happens proves that nothing was sent, and it may be tried again; from then on a break, a
timeout or a reply that cannot be read is ``unknown``. SMTP has no log that could be asked: a person finds out, or the
relay's confirmation and reminder make it needless. A server's yes is ``accepted``, never ``delivered``: bounces come
as e-mail to the address that sends.

The standard library's client waits in threads of its own. Each wait has a limit, and the whole call one; a call that
has reached it is cut off before it may begin its content.
"""

import asyncio
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from engine.channels import email_message
from engine.channels.addresses import is_loopback
from engine.channels.base import InvalidReceipt, Letter, NoLog, Outcome, Outgoing, ReceiptWord, VendorMessage
from engine.channels.email_sender import EmailSender, address_of
from engine.channels.smtp_replies import (
    BAD_CERTIFICATE,
    CREDENTIALS,
    NO_ANSWER,
    NO_CONNECTION,
    NOT_ENCRYPTED,
    Meaning,
    Place,
    enhanced_in,
    malformed,
    meaning_of,
)
from engine.clock import Clock
from engine.log import get, redact
from engine.status import Status
from engine.text.email_address import is_sample

WAIT_SECONDS = 10.0  # for a connection, and for each reply before the content
TOTAL_SECONDS = 25.0  # a call ends within 30 s, as the pipeline's leases ask
AT_ONCE = 8  # conversations: few servers let one client have more
LONGEST_DETAIL = 500
_log = get("smtp")
_ADDRESS = re.compile(r"[^\s@<>\"',;:()]+@[^\s@<>\"',;:()]+")


class _Refused(Exception):
    """The conversation is over: the server said no, or something that is no reply."""

    def __init__(self, meaning: Meaning, code: int | None = None, words: str = "") -> None:
        super().__init__()
        self.meaning, self.code, self.words = meaning, code, words


class _Conversation:
    """One e-mail's call, made in a thread, cut off from the loop. ``begun``: its content may have left."""

    def __init__(self, config: EmailSender, context: ssl.SSLContext | None, wait: float) -> None:
        self._config, self._context, self._wait = config, context, wait
        self._lock = threading.Lock()
        self._smtp: smtplib.SMTP | None = None
        self._over = False
        self.begun = False

    def cut(self) -> None:
        """End it now: what has not begun its content never will."""
        with self._lock:
            self._over = True
            if self._smtp is not None and self._smtp.sock is not None:
                with suppress(OSError):
                    self._smtp.sock.shutdown(socket.SHUT_RDWR)

    def hold(self, to: str, content: bytes) -> None:
        """Submit the e-mail. Returns when the server has taken it; raises ``_Refused`` or whatever broke."""
        smtp = self._connected()
        try:
            self._introduced(smtp)
            self._say(smtp, Place.SENDER, f"MAIL FROM:<{self._config.sender}>")
            self._say(smtp, Place.RECIPIENT, f"RCPT TO:<{to}>")
            self._say(smtp, Place.DATA, "DATA", 3)
            with self._lock:
                if self._over:
                    raise ConnectionError
                self.begun = True
            if smtp.sock is not None:  # the last reply may take longer: servers look for viruses first
                smtp.sock.settimeout(TOTAL_SECONDS)
            smtp.send(content)
            self._hear(smtp, Place.CONTENT)
            with suppress(Exception):  # taken is taken
                smtp.docmd("QUIT")
        finally:
            smtp.close()

    def _connected(self) -> smtplib.SMTP:
        config, ours = self._config, self._config.sender.rpartition("@")[2]
        try:
            if config.security == "tls":
                smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                    config.host, config.at_port, local_hostname=ours, timeout=self._wait, context=self._context
                )
            else:
                smtp = smtplib.SMTP(config.host, config.at_port, local_hostname=ours, timeout=self._wait)
        except smtplib.SMTPConnectError as error:
            raise self._refusal(Place.GREETING, error.smtp_code, error.smtp_error) from None
        with self._lock:
            self._smtp = smtp
            if self._over:
                smtp.close()
                raise ConnectionError
        return smtp

    def _introduced(self, smtp: smtplib.SMTP) -> None:
        """Say who calls, encrypt, log in: all that the configuration asks for, or nothing goes out."""
        self._greeted(smtp)
        if self._config.security == "starttls":
            if not smtp.has_extn("starttls"):
                raise _Refused(NOT_ENCRYPTED)
            try:
                smtp.starttls(context=self._context)
            except smtplib.SMTPResponseException as error:
                raise self._refusal(Place.ENCRYPTION, error.smtp_code, error.smtp_error) from None
            self._greeted(smtp)
        if self._config.user is None or self._config.password is None:
            return
        try:
            smtp.login(self._config.user.get_secret_value(), self._config.password.get_secret_value())
        except smtplib.SMTPAuthenticationError as error:
            raise self._refusal(Place.LOGIN, error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPResponseException:
            raise _Refused(malformed(Place.LOGIN)) from None
        except smtplib.SMTPServerDisconnected:
            raise
        except (smtplib.SMTPException, UnicodeError):  # no login offered, or none that we know
            raise _Refused(CREDENTIALS) from None

    def _greeted(self, smtp: smtplib.SMTP) -> None:
        code, words = smtp.ehlo()
        if code // 100 != 2:
            raise self._refusal(Place.GREETING, code, words)

    def _say(self, smtp: smtplib.SMTP, place: Place, line: str, wanted: int = 2) -> None:
        smtp.putcmd(line)
        self._hear(smtp, place, wanted)

    def _hear(self, smtp: smtplib.SMTP, place: Place, wanted: int = 2) -> None:
        """Read a reply; its first digit decides (RFC 5321, 4.2)."""
        try:
            code, words = smtp.getreply()
        except smtplib.SMTPResponseException:  # the client's own word for a line without an end
            raise _Refused(malformed(place)) from None
        if code // 100 != wanted:
            raise self._refusal(place, code, words)

    def _refusal(self, place: Place, code: int, words: bytes | str) -> _Refused:
        said = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
        return _Refused(meaning_of(place, code, said), code if 200 <= code < 600 else None, said)


class SmtpProvider:
    """One mail server with one account. ``wait`` and ``total`` in seconds, shorter in tests."""

    name = "email"

    def __init__(
        self, config: EmailSender, clock: Clock, *, wait: float = WAIT_SECONDS, total: float = TOTAL_SECONDS
    ) -> None:
        self.sender = config.sender
        self.live = not is_loopback(address_of(config.host))
        self._config, self._clock, self._wait, self._total = config, clock, wait, total
        # Verified against the machine's own authorities (SSL_CERT_FILE for an office's own), TLS 1.2 at least.
        self._context = None if config.security == "none" else ssl.create_default_context()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="email")

    async def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Submit every e-mail once. One outcome for each; never raises for what a server or the network does."""
        return list(await asyncio.gather(*(self._send(message) for message in batch)))

    async def _send(self, message: Outgoing) -> Outcome:
        letter = message.letter
        if letter is None:
            return _outcome(message, Meaning(Status.FAILED, "unreadable"))
        if self.live and is_sample(message.to):
            return _outcome(message, Meaning(Status.FAILED, "synthetic"))
        talk = _Conversation(self._config, self._context, self._wait)
        call = asyncio.get_running_loop().run_in_executor(self._threads, self._made, talk, message, letter)
        try:
            return await asyncio.wait_for(call, self._total)
        except TimeoutError:
            talk.cut()  # first: from here on ``begun`` does not change
            return _outcome(message, NO_ANSWER if talk.begun else NO_CONNECTION)
        except asyncio.CancelledError:
            talk.cut()
            raise

    def _made(self, talk: _Conversation, message: Outgoing, letter: Letter) -> Outcome:
        try:
            content = email_message.written(self._config, message, letter, self._clock.now())
            talk.hold(message.to, email_message.stuffed(content))
        except _Refused as refused:
            words = enhanced_in(refused.words) if refused.words else None
            code = " ".join(filter(None, (str(refused.code) if refused.code else None, words)))
            return _outcome(message, refused.meaning, code or None, self._kept(refused.words, message.to))
        except ssl.SSLCertVerificationError:
            return _outcome(message, BAD_CERTIFICATE)
        except (OSError, smtplib.SMTPException) as error:
            broken = NO_ANSWER if talk.begun else NO_CONNECTION
            return _outcome(message, broken, None, type(error).__name__)
        except Exception as error:  # a bug of ours: while nothing has begun, nothing has left
            _log.error("email", kind=type(error).__name__)
            if talk.begun:
                return _outcome(message, Meaning(Status.UNKNOWN, "unexpected"))
            return _outcome(message, Meaning(Status.FAILED, "unreadable"))
        return Outcome(
            message.delivery_id,
            message.attempt,
            Status.ACCEPTED,
            vendor_id=email_message.message_id(self._config, letter),
        )

    def _kept(self, words: str, to: str) -> str | None:
        """The server's words as they may be stored: without addresses, whoever's name is in them, and our secrets."""
        own = [to.rpartition("@")[0], self._config.sender.rpartition("@")[0]]
        for secret in (self._config.user, self._config.password):
            own += [secret.get_secret_value()] if secret is not None else []
        words = _ADDRESS.sub("…", words)
        for one in sorted(filter(None, own), key=len, reverse=True):
            words = re.sub(re.escape(one), "…", words, flags=re.IGNORECASE)
        return redact(words)[:LONGEST_DETAIL] or None

    async def fetch(self, vendor_id: str) -> VendorMessage | None:
        """Raises ``NoLog``: a mail server tells nobody what became of an e-mail."""
        raise NoLog

    async def list_to(self, to: str) -> list[VendorMessage]:
        """Raises ``NoLog``."""
        raise NoLog

    def read_receipt(self, url: str, headers: Mapping[str, str], form: Mapping[str, str]) -> ReceiptWord:
        """Refuses everything: no mail server calls back."""
        raise InvalidReceipt("address")

    async def close(self) -> None:
        """Let the threads go; what is on its way has its own limits."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _outcome(message: Outgoing, meaning: Meaning, code: str | None = None, detail: str | None = None) -> Outcome:
    return Outcome(
        message.delivery_id,
        message.attempt,
        meaning.status,
        code=code,
        reason=meaning.reason,
        decision=meaning.decision,
        retry_after=meaning.retry_after,
        detail=detail,
    )
