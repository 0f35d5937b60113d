"""The two gateways of docs/examples, for the table of cases."""

from typing import Any

from gateway_examples import KEY, SECRET, TOKEN, config_of

from engine.channels.base import OpenedWith
from engine.channels.http_gateway import HttpProvider
from engine.channels.testing.cases import TELEPORTED
from engine.channels.testing.dialect import SPOKEN, Dialect
from engine.channels.testing.standin import reply
from engine.channels.transport import Transport
from engine.clock import SystemClock


def opener(letter: str) -> Any:
    def opened(url: str, transport: Transport) -> HttpProvider:
        return HttpProvider(config_of(letter, url), OpenedWith(SystemClock()), transport)

    return opened


def _a(code: str, words: str | None = None, status: int = 200, headers: dict[str, str] | None = None) -> bytes:
    """Gateway A: everything in HTTP 200."""
    said = {"CodeResult": code, "CountRegenerate": 0} | ({"ErrorMessage": words} if words else {"SMSID": "d5" * 16})
    return reply(status, said, headers)


def _b(code: str, words: str | None = None, status: int = 200, headers: dict[str, str] | None = None) -> bytes:
    """Gateway B: status and code, the transaction's number in data."""
    if words:
        return reply(status, {"status": "error", "code": code, "message": words, "invalidPhone": []}, headers)
    data = {"tranId": 123456, "totalSMS": 1, "totalPrice": 250, "invalidPhone": []}
    return reply(status, {"status": "success", "code": code, "data": data}, headers)


_TOO_MANY = {"name": "Too Many Requests", "message": "Rate limit exceeded.", "code": 0, "status": 429}
_NO_ENTRY = {"name": "Unauthorized", "message": "Your request was made with invalid credentials.", "status": 401}
_UNSAID = {
    "delivered at once": "the answer to a hand-over has no status",
    "sender overloaded": "no code says so",
    "opted out": "no code says so",
    "landline": "no code says so",
}

DIALECTS = {
    "gateway-a": Dialect(
        "http",
        opener("a"),
        {
            "ordinary": _a("100"),
            "long text": _a("100"),
            "throttled": reply(429, _TOO_MANY, {"Retry-After": "7"}),
            "expired token": _a("101", "Authorize Failed"),
            "refused": _a("99", "Phone is blocked"),
            "invalid number": _a("108", "Phone number invalid"),
            "sender not registered": _a("104", "Brand name code is not exist"),
            "vendor broke": _a("100", status=500),
            "unknown status": _a(TELEPORTED, "?"),
            "secret in an error": _a("108", f"{SPOKEN} key={KEY} SecretKey: {SECRET}"),
        },
        secrets=(KEY, SECRET),
        has_no=_UNSAID,
    ),
    "gateway-b": Dialect(
        "http",
        opener("b"),
        {
            "ordinary": _b("00"),
            "long text": _b("00"),
            "throttled": reply(429, _TOO_MANY, {"Retry-After": "7"}),
            "expired token": reply(401, _NO_ENTRY),
            "refused": _b("101", "Invalid or missing parameters"),
            "invalid number": _b("105", "Phone number invalid"),
            "vendor broke": _b("500", "Internal error, please try again"),
            "unknown status": _b(TELEPORTED, "?"),
            "secret in an error": _b("105", f"{SPOKEN} token={TOKEN} {TOKEN}"),
        },
        secrets=(TOKEN,),
        has_no=_UNSAID | {"sender not registered": "no code says so"},
    ),
}
