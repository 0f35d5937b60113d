"""The receipts route: a bare ASGI app, verified, committed in groups, answered after the commit.

Bare because thousands arrive in a second: 6.2k/s so, 0.3k/s through a framework and an ORM.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote

from engine.channels.base import InvalidReceipt, ReceiptWord
from engine.channels.callback_address import FIXED, read_marks
from engine.channels.http_answer import flattened
from engine.clock import real
from engine.errors import LoaError
from engine.log import get
from engine.pipeline import receive
from engine.pipeline.group_commit import GroupCommit
from engine.pipeline.receipt_address import PATH, is_ours
from engine.pipeline.receive import Received
from engine.pipeline.service import Service
from engine.store.outbox import Fate

LARGEST = 64 * 1024  # bytes of one receipt

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = get("receipts")


class Receipts:
    """``/receipts/<sender>?d=…&a=…&s=…`` and ``/receipts/<sender>/<marks>``.

    2xx applied or known, 403 not genuine, 404 no such sender, 405 not by this method, 503 later.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._commits: GroupCommit[Received, Fate | None] = GroupCommit(
            lambda batch: receive.commit(service.process, batch), service.writer
        )

    async def __call__(self, scope: Scope, receive_part: Receive, send: Send) -> None:
        """Answer one request."""
        await _answer(send, *await self._handle(scope, receive_part))

    async def drained(self) -> None:
        """Wait until every receipt taken so far is committed."""
        await self._commits.drained()

    async def _handle(self, scope: Scope, receive_part: Receive) -> tuple[int, bytes]:
        if scope["method"] not in ("POST", "GET"):
            return 405, b""
        body = await _body(receive_part)
        if body is None:
            return 413, b""
        way = scope["raw_path"].decode("latin-1").removeprefix(f"{PATH}/").split("/")
        sender = unquote(way[0])
        provider = self._service.provider_of(sender) if len(way) <= 2 else None
        base = self._service.process.settings.public_url
        if provider is None or base is None:
            return 404, b""
        if scope["method"] == "GET" and not self._service.takes_get(sender):
            return 405, b""
        query = scope["query_string"].decode("latin-1")
        url = f"{base}{PATH}/{'/'.join(way)}" + (f"?{query}" if query else "")
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            fields = _fields(scope["method"], headers.get("content-type", ""), query, body)
        except ValueError:
            return 400, b""
        try:
            word = provider.read_receipt(url, headers, fields)
            self._check_mark(sender, word, way[1] if len(way) == 2 else None, query)
        except InvalidReceipt as error:
            _log.warning("refused", why=str(error), sender=sender)
            return 403, b""
        received = Received(
            word,
            body.decode() if scope["method"] == "POST" else query,
            sender,
            self._service.process.clock.now(),
            real(),
            self._service.poll_after(sender),
            fixed=len(way) == 2 and way[1].startswith(f"{FIXED}."),
        )
        try:
            await self._commits.add(received)
        except Exception as error:  # never 2xx for what is not stored, never a traceback for what the vendor sent
            _log.error("receipt", code=error.code if isinstance(error, LoaError) else type(error).__name__)
            return 503, b""
        wanted = getattr(provider, "receipt_answer", None)
        return (200, wanted.encode()) if wanted else (204, b"")

    def _check_mark(self, sender: str, word: ReceiptWord, marks: str | None, query: str) -> None:
        """Refuse an address that we did not give out, or that is another delivery's than the word's."""
        if marks is None:
            addressed = word.delivery_id, word.attempt, parse_qs(query).get("s", [""])[0]
            if word.delivery_id is None:
                raise InvalidReceipt("address")
        else:
            read = read_marks(marks)
            if read is None or (read[0] is not None and read[:2] != (word.delivery_id, word.attempt)):
                raise InvalidReceipt("address")
            addressed = read
        if not is_ours(self._service.process.keyring, sender, *addressed):
            raise InvalidReceipt("address")


def _fields(method: str, kind: str, query: str, body: bytes) -> dict[str, str]:
    """What a callback says, by name. Raises ``ValueError`` for what is neither a form nor JSON."""
    if method == "GET":
        return dict(parse_qsl(query, keep_blank_values=True))
    if kind.partition(";")[0].strip().lower().endswith("json"):
        return flattened(json.loads(body))
    return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body)))


async def _body(receive_part: Receive) -> bytes | None:
    pieces, size = [], 0
    while True:
        message = await receive_part()
        piece = message.get("body", b"")
        size += len(piece)
        if size > LARGEST:
            return None
        pieces.append(piece)
        if not message.get("more_body"):
            return b"".join(pieces)


async def _answer(send: Send, status: int, words: bytes) -> None:
    headers = [(b"content-length", str(len(words)).encode())]
    if words:
        headers.append((b"content-type", b"text/plain; charset=utf-8"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words})
