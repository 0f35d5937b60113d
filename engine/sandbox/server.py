"""``loa sandbox``: enough of Twilio's Messages API for the unmodified official SDK, on the loopback address.

A bare ASGI app: create, fetch, list; basic authentication; error bodies; 429; signed status callbacks; faults
on request. There are no endpoints to control it: flags decide, and the ledger tells what happened.

Credentials: those of ``TWILIO_ACCOUNT_SID`` and ``TWILIO_AUTH_TOKEN`` when both are set; else any account
(``AC…``) with any token is let in, and its callbacks are signed with the token it presented last. After a
restart without those variables callbacks that fall due before the account calls again are lost.
"""

import asyncio
import binascii
import json
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from engine import clock as clocks
from engine.clock import Clock
from engine.sandbox import requests as asked
from engine.sandbox.callbacks import LOOPBACK, Callbacks
from engine.sandbox.faults import Fault, Faults, RateGate
from engine.sandbox.ledger import Ledger
from engine.sandbox.listing import list_page
from engine.sandbox.messages import API, Message, MessageLog
from engine.sandbox.model import PhoneModel
from engine.sandbox.requests import Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LIST = re.compile(rf"/{API}/Accounts/(AC[0-9A-Za-z]+)/Messages\.json")
_ONE = re.compile(rf"/{API}/Accounts/(AC[0-9A-Za-z]+)/Messages/([0-9A-Za-z]+)\.json")
_LARGEST_FORM = 1 << 16  # bytes


class Sandbox:
    """The ASGI app. ``ledger`` None: nothing is written (for tests of the app alone)."""

    def __init__(
        self,
        ledger: Path | None,
        clock: Clock,
        faults: Faults | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> None:
        self._faults = faults or Faults()
        self._clock = clock
        self._credentials = credentials
        self._tokens: dict[str, str] = dict([credentials]) if credentials else {}
        self._known_headers: dict[bytes, str] = {}
        self.log = MessageLog(PhoneModel(self._faults.seed))
        self._ledger = Ledger(ledger, self.log) if ledger else None
        self._asked_before: Counter[str] = Counter(message.to for message in self.log)
        self._gate = RateGate(self._faults.rate) if self._faults.rate else None
        self.callbacks = Callbacks(self.log, clock, self._faults, self._tokens.get)
        now = clock.now().timestamp()
        for message in self.log:
            self.callbacks.plan(message, not_before=now)

    def close(self) -> None:
        """Close the ledger."""
        if self._ledger:
            self._ledger.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            status, answer = await self._answer(scope, receive)
        except Refusal as refusal:
            status, answer = refusal.status, refusal.body()
        if self._faults.latency:
            await asyncio.sleep(self._faults.latency)
        if answer is None:  # the connection is cut and nothing is said
            scope["state"]["cut"]()
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        body = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if status == 429:
            headers.append((b"retry-after", b"1"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, dict[str, Any] | None]:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if host.rpartition(":")[0].strip("[]") not in LOOPBACK and host.strip("[]") not in LOOPBACK:
            raise Refusal(*asked.NOT_LOOPBACK)  # a page in a browser must not reach this through a name of its own
        path, method = scope["path"], scope["method"]
        if path == "/" and method == "GET":
            return 200, {"service": "loa sandbox", "messages": len(self.log)}
        account = self._authenticated(headers.get(b"authorization", b""))
        if found := _LIST.fullmatch(path):
            self._own(account, found[1])
            if method == "POST":
                return await self._create(found[1], await _form(receive))
            if method == "GET":
                query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
                return 200, list_page(self.log, found[1], query, self._now())
            raise Refusal(*asked.NOT_ALLOWED)
        if found := _ONE.fullmatch(path):
            self._own(account, found[1])
            if method != "GET":
                raise Refusal(*asked.NOT_ALLOWED)
            message = self.log.find(found[2])
            if message is None or message.account != found[1]:
                raise Refusal(*asked.NOT_FOUND)
            return 200, self.log.view(message, self._now())
        raise Refusal(*asked.NOT_FOUND)

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _authenticated(self, header: bytes) -> str:
        """The account that calls; remembers its token for signing. Raises the refusal 20003."""
        if (known := self._known_headers.get(header)) is not None:
            return known
        kind, _, encoded = header.partition(b" ")
        try:
            account, colon, token = b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Refusal(*asked.NOT_AUTHENTICATED) from None
        if kind.lower() != b"basic" or not colon or not token or not account.startswith("AC"):
            raise Refusal(*asked.NOT_AUTHENTICATED)
        if self._credentials is not None and (account, token) != self._credentials:
            raise Refusal(*asked.NOT_AUTHENTICATED)
        self._tokens[account] = token
        self._known_headers = {header: account, **dict(list(self._known_headers.items())[:63])}
        return account

    def _own(self, caller: str, account: str) -> None:
        if caller != account:
            raise Refusal(*asked.NOT_FOUND)

    async def _create(self, account: str, form: Mapping[str, str]) -> tuple[int, dict[str, Any] | None]:
        if self._gate is not None and not self._gate.lets_through(clocks.monotonic()):
            raise Refusal(*asked.TOO_MANY)
        to = form.get("To", "")
        nth = self._asked_before[to]
        fault = self._faults.on_create(to, nth)
        self._asked_before[to] = nth + 1
        if fault is Fault.ERROR_BEFORE:
            raise Refusal(*asked.BROKEN)
        message = self._accept(account, asked.read_creation(form, self.log.model))
        if fault is Fault.ERROR_AFTER:
            raise Refusal(*asked.BROKEN)
        if fault is Fault.DROP_RESPONSE:
            return 0, None
        return 201, self.log.view(message, message.created_ms / 1000)

    def _accept(self, account: str, creation: asked.Creation) -> Message:
        """Record a message: first in the ledger, then in memory. A ledger that cannot be written is a 500."""
        created_ms = int(self._now() * 1000)
        place = len(self.log)
        named = f"{self._faults.seed}|{place}|{created_ms}|{creation.to}".encode()
        message = Message(
            sid="SM" + blake2b(named, digest_size=16).hexdigest(),
            account=account,
            to=creation.to,
            sender=creation.sender,
            service=creation.service,
            body=creation.body,
            created_ms=created_ms,
            callback=creation.callback,
            validity=creation.validity,
            trait=self.log.model.trait(creation.to),
            place=place,
        )
        if self._ledger is not None:
            try:
                self._ledger.write(message)
            except OSError:
                raise Refusal(*asked.BROKEN) from None
        self.log.add(message)
        self.callbacks.plan(message)
        return message


async def _form(receive: Receive) -> dict[str, str]:
    body, more = b"", True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise Refusal(*asked.BROKEN)
        body += event.get("body", b"")
        more = event.get("more_body", False)
        if len(body) > _LARGEST_FORM:
            raise Refusal(413, 20413, "The request is too large")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise Refusal(400, 20001, "The form is not readable") from None
