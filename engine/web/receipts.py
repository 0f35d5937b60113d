"""The receipts route: a bare ASGI app, verified, committed in groups, answered after the commit.

Bare because thousands arrive in a second: 6.2k/s so, 0.3k/s through a framework and an ORM.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote

from engine.channels.base import InvalidReceipt, ReceiptWord
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
    """POST ``/receipts/<sender>?d=…&a=…&s=…``. 204 applied or known, 403 not genuine, 404 no such sender, 503 later."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._commits: GroupCommit[Received, Fate | None] = GroupCommit(
            lambda batch: receive.commit(service.process, batch), service.writer
        )

    async def __call__(self, scope: Scope, receive_part: Receive, send: Send) -> None:
        """Answer one request."""
        await _answer(send, await self._handle(scope, receive_part))

    async def drained(self) -> None:
        """Wait until every receipt taken so far is committed."""
        await self._commits.drained()

    async def _handle(self, scope: Scope, receive_part: Receive) -> int:
        if scope["method"] != "POST":
            return 405
        body = await _body(receive_part)
        if body is None:
            return 413
        sender = unquote(scope["path"].rpartition("/")[2])
        provider = self._service.provider_of(sender)
        base = self._service.process.settings.public_url
        if provider is None or base is None:
            return 404
        query = scope["query_string"].decode("latin-1")
        url = f"{base}{PATH}/{scope['raw_path'].decode('latin-1').rpartition('/')[2]}?{query}"
        try:
            fields = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body)))
        except ValueError:
            return 400
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            word = provider.read_receipt(url, headers, fields)
            self._check_mark(sender, word, query)
        except InvalidReceipt as error:
            _log.warning("refused", why=str(error), sender=sender)
            return 403
        received = Received(
            word, body.decode(), sender, self._service.process.clock.now(), real(), self._service.poll_after(sender)
        )
        try:
            await self._commits.add(received)
        except Exception as error:  # never 2xx for what is not stored, never a traceback for what the vendor sent
            _log.error("receipt", code=error.code if isinstance(error, LoaError) else type(error).__name__)
            return 503
        return 204

    def _check_mark(self, sender: str, word: ReceiptWord, query: str) -> None:
        mark = parse_qs(query).get("s", [""])[0]
        if not is_ours(self._service.process.keyring, sender, word.delivery_id, word.attempt, mark):
            raise InvalidReceipt("address")


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


async def _answer(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
