"""The SDK's HTTP client over our transport: its look-ups get our timeouts, and its log lines stay unwritten.

(The SDK's own client logs every field of a request, numbers and texts included.)
"""

import logging
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode, urlsplit

from twilio.http import AsyncHttpClient
from twilio.http.response import Response

from engine.channels.transport import Transport


class Throttled(Exception):
    """HTTP 429 to a look-up; ``retry_after`` in seconds (the SDK's exception drops the header)."""

    def __init__(self, retry_after: float | None) -> None:
        super().__init__("throttled")
        self.retry_after = retry_after


class NotAllowed(Exception):
    """HTTP 401 or 403 to a look-up (the SDK's list hides the status in an exception without one)."""


class SdkClient(AsyncHttpClient):  # type: ignore[misc]  # the SDK carries no types
    """What ``twilio.rest.Client`` calls. ``base_url`` replaces scheme and host of every address."""

    def __init__(self, transport: Transport, base_url: str | None) -> None:
        super().__init__(logging.getLogger("engine.channels.twilio"), True, None)
        self._transport = transport
        self._base_url = base_url.rstrip("/") if base_url else None

    def address(self, url: str) -> str:
        """Where a request for ``url`` really goes."""
        if self._base_url is None:
            return url
        parts = urlsplit(url)
        return self._base_url + parts.path + (f"?{parts.query}" if parts.query else "")

    async def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Any:
        """One request for the SDK. Raises ``NeverSent``, ``NoAnswer``, ``Throttled`` or ``NotAllowed``."""
        address = self.address(uri)
        if params:
            address += ("&" if "?" in address else "?") + urlencode(params, doseq=True)
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = "Basic " + b64encode(":".join(auth).encode()).decode()
        body = urlencode(data, doseq=True).encode() if data else None
        answer = await self._transport.call(method, address, sent, body)
        if answer.status == 429:
            raise Throttled(answer.retry_after)
        if answer.status in (401, 403):
            raise NotAllowed
        return Response(answer.status, answer.body.decode("utf-8", "replace"), {})
