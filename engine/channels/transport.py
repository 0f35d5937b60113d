"""HTTP for vendors: a pool of kept connections, a limit on every wait, and never the same request twice.

A vendor's adapter must know which of three things happened: an answer came; the request provably never left
(``NeverSent``: safe to send again); or nobody can say (``NoAnswer``: the message may be on its way). Only what
aiohttp raises while it *connects* proves that nothing left: ``ClientConnectorError`` (refused, unreachable, DNS,
TLS) and ``ConnectionTimeoutError`` (connect, or waiting for a free place in the pool). Everything else that is
not an answer is the third case, also where it looks harmless: a kept connection that is found dead may have
died after the vendor read the request.

aiohttp repeats a request on a dead kept connection only for idempotent methods (``IDEMPOTENT_METHODS`` in its
``client.py``, seen in 3.14); a POST is not among them, redirects are not followed, and a test holds it
(keep-alive warm, request read, connection cut → the server counted one).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from types import MappingProxyType

import aiohttp
from yarl import URL

# A call ends within 30 s, as the pipeline's leases ask: aiohttp rounds a limit above 5 s up to a whole second.
CONNECT_SECONDS = 8.0
TOTAL_SECONDS = 25.0
# Vendors close a quiet connection after a minute or so. Ours is given up long before, because a request
# written into a connection that is just being closed comes to nothing anybody can prove.
KEEP_SECONDS = 15.0
LARGEST_ANSWER = 16 << 20  # bytes: a list of 1,000 messages is about 1 MB
LONGEST_WAIT = 3600.0
_NONE: Mapping[str, str] = MappingProxyType({})


class NeverSent(Exception):
    """No byte of the request has left this machine: safe to send again."""


class NoAnswer(Exception):
    """The request may have been read, but no whole answer came: cut, timed out, or not HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. ``retry_after`` in seconds, when the vendor asked for a pause; ``headers`` in any letter case."""

    status: int
    body: bytes
    retry_after: float | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: _NONE, repr=False)


class Transport:
    """A pool of connections; made inside the event loop that uses it, closed by ``close``.

    ``connections`` bounds the calls on the way at once: at 50 messages a second and an answer after one
    second 50 are needed.
    """

    def __init__(
        self,
        connections: int = 128,
        connect_seconds: float = CONNECT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        if connect_seconds >= total_seconds:  # else the total limit could end a connect, and prove nothing
            raise ValueError("a connect must end before the call does")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEP_SECONDS),
            timeout=aiohttp.ClientTimeout(total=total_seconds, connect=connect_seconds, sock_connect=connect_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async def call(self, method: str, url: str | URL, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """One request, once. Raises ``NeverSent`` or ``NoAnswer``; cancelling it leaves the outcome unknown."""
        if self._session.closed:
            raise NeverSent("closed")
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                read = await _read(response)
                pause = response.headers.get("Retry-After")
                return Answer(
                    response.status,
                    read,
                    _seconds(pause, response.headers.get("Date")) if pause is not None else None,
                    response.headers,
                )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise NeverSent(type(error).__name__) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NoAnswer(type(error).__name__) from error

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, or ``aiohttp.ClientPayloadError`` when it is longer than any honest answer."""
    if response.content_length is not None and response.content_length <= LARGEST_ANSWER:
        whole = await response.read()  # the length is of the compressed bytes
        if len(whole) <= LARGEST_ANSWER:
            return whole
        raise aiohttp.ClientPayloadError("too long")
    parts, length = [], 0
    async for part in response.content.iter_chunked(1 << 16):
        parts.append(part)
        length += len(part)
        if length > LARGEST_ANSWER:
            response.close()
            raise aiohttp.ClientPayloadError("too long")
    return b"".join(parts)


def _seconds(pause: str, date: str | None) -> float | None:
    """``Retry-After`` (RFC 9110, 10.2.3) in seconds; a date counts from the answer's own ``Date``."""
    try:
        seconds = float(int(pause))
    except ValueError:
        try:
            until = parsedate_to_datetime(pause)
            seconds = (until - parsedate_to_datetime(date or "")).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT)
