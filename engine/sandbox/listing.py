"""The list of messages: filters and pages as Twilio's API has them, newest first."""

from collections.abc import Mapping
from datetime import date
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from engine.sandbox.messages import API, Message, MessageLog, day_of, sent_at
from engine.sandbox.requests import Refusal

_PAGE, _LARGEST_PAGE = 50, 1000


def list_page(log: MessageLog, account: str, query: Mapping[str, str], now: float) -> dict[str, Any]:
    """One page of an account's messages at ``now`` (campaign seconds since 1970).

    ``To``, ``From``, ``DateSent``, ``DateSent<``, ``DateSent>`` (on or before, on or after), ``PageSize`` up
    to 1000; ``PageToken`` continues. Dates are whole UTC days, and a message that has not left yet has no
    date: a filter by date hides it, here as there.
    """
    size = _whole(query.get("PageSize"), _PAGE, least=1, most=_LARGEST_PAGE)
    page = _whole(query.get("Page"), 0, least=0, most=1 << 31)
    before = _token(log, query.get("PageToken"))
    dates = {name: _day(query[name]) for name in ("DateSent", "DateSent<", "DateSent>") if query.get(name)}
    wanted_sender = query.get("From")

    def matches(message: Message) -> bool:
        if message.account != account or (wanted_sender and message.sender != wanted_sender):
            return False
        return not dates or _within(dates, sent_at(message, log.course(message), now))

    found = list(islice(filter(matches, log.newest_first(query.get("To") or None, before)), size + 1))
    kept = {name: value for name, value in query.items() if name not in ("Page", "PageToken", "PageSize")}

    def address(number: int, token: str | None) -> str:
        place = {**kept, "PageSize": size, "Page": number} | ({"PageToken": token} if token else {})
        return f"/{API}/Accounts/{account}/Messages.json?{urlencode(place)}"

    shown = found[:size]
    return {
        "messages": [log.view(message, now) for message in shown],
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + max(0, len(shown) - 1),
        "first_page_uri": address(0, None),
        "next_page_uri": address(page + 1, f"PA{shown[-1].sid}") if len(found) > size else None,
        "previous_page_uri": None,  # the SDK pages forwards only
        "uri": address(page, query.get("PageToken")),
    }


def _within(dates: Mapping[str, date], sent: float | None) -> bool:
    if sent is None:
        return False
    day = day_of(sent)
    return (
        dates.get("DateSent", day) == day and day <= dates.get("DateSent<", day) and day >= dates.get("DateSent>", day)
    )


def _whole(text: str | None, default: int, *, least: int, most: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdigit()):
        raise Refusal(400, 20001, "A page must be a whole number.")
    return max(least, min(int(text[:10]), most))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise Refusal(400, 20001, "A date must be written YYYY-MM-DD.") from None


def _token(log: MessageLog, token: str | None) -> int | None:
    if not token:
        return None
    message = log.find(token.removeprefix("PA"))
    if message is None:
        raise Refusal(400, 20006, "The page token is not known.")
    return message.place
