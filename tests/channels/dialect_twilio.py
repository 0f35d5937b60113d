"""Twilio's answers, for the table of cases."""

from engine.channels import VENDORS
from engine.channels.base import OpenedWith
from engine.channels.testing.cases import TELEPORTED
from engine.channels.testing.dialect import SPOKEN, Dialect
from engine.channels.testing.standin import reply
from engine.channels.transport import Transport
from engine.channels.twilio import TwilioProvider
from engine.clock import SystemClock

TOKEN, ACCOUNT = "s3cret-token-of-clay", "AC" + "0" * 32


def _error(status: int, code: int, words: str = "refused", headers: dict[str, str] | None = None) -> bytes:
    return reply(status, {"code": code, "message": words, "more_info": "x", "status": status}, headers)


def _created(status: str = "queued", segments: str = "1") -> bytes:
    return reply(201, {"sid": "SM" + "a" * 32, "status": status, "num_segments": segments, "error_code": None})


def _open(url: str, transport: Transport) -> TwilioProvider:
    config = VENDORS["twilio"].schema.model_validate({"from": "BCD138LS", "account": ACCOUNT, "token": TOKEN})
    return TwilioProvider(config, OpenedWith(SystemClock(), url), transport)


DIALECTS = {
    "twilio": Dialect(
        "twilio",
        _open,
        {
            "ordinary": _created(),
            "long text": _created(segments="4"),
            "delivered at once": _created("delivered"),
            "throttled": _error(429, 20429, headers={"Retry-After": "7"}),
            "sender overloaded": _error(429, 21611),
            "expired token": _error(401, 20003),
            "refused": _error(400, 21999),
            "opted out": _error(400, 21610),
            "invalid number": _error(400, 21211),
            "landline": _error(400, 21635),
            "sender not registered": _error(400, 21212),
            "vendor broke": _error(500, 20500),
            "unknown status": _created(TELEPORTED),
            "secret in an error": _error(400, 21211, f"{SPOKEN} {TOKEN} token={TOKEN} {ACCOUNT}"),
        },
        secrets=(TOKEN, ACCOUNT),
    )
}
