"""How people answered a post on a Facebook page, each figure as Facebook counts it.

Reach is ``post_total_media_view_unique`` (people; the older ``*_impressions*`` ended on 15 June 2026). Comments and the
total of reactions need the right ``pages_read_user_content``; without it reactions are summed over their types and
comments stay unknown. Facebook renews its figures about once a day.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from engine.channels.base import LookUpFailed
from engine.channels.facebook_errors import error_of, is_gone, meaning_of, verdict_of
from engine.channels.post_calls import count_of, get, no_look, tree
from engine.channels.publishing import Response
from engine.channels.transport import Transport

_METRICS = ("post_total_media_view_unique", "post_reactions_by_type_total", "post_clicks")
_COUNTS = "reactions.summary(total_count).limit(0),comments.summary(total_count).limit(0),shares"


class Figures:
    """The figures of one page's posts."""

    def __init__(self, root: str, headers: Mapping[str, str], token: str, transport: Transport) -> None:
        self._root, self._headers, self._token, self._transport = root, dict(headers), token, transport

    async def of(self, vendor_id: str) -> Response | None:
        """How people answered one post. What the token may not read stays None. Raises ``LookUpFailed``."""
        counts = await self._counts(vendor_id)
        if counts is None:
            return None
        metrics = await self._metrics(vendor_id)
        by_type = metrics.get("post_reactions_by_type_total")
        summed = [count_of(value) or 0 for value in by_type.values()] if isinstance(by_type, dict) else None
        return Response(
            reach=count_of(metrics.get("post_total_media_view_unique")),
            reactions=counts.get("reactions", sum(summed) if summed is not None else None),
            clicks=count_of(metrics.get("post_clicks")),
            comments=counts.get("comments"),
            shares=counts.get("shares"),
        )

    async def _counts(self, vendor_id: str) -> dict[str, int] | None:
        """Reactions, comments, shares; nothing where the page gave no right to read them; None: no such post."""
        answer = await get(self._transport, f"{self._root}/{quote(vendor_id)}?fields={_COUNTS}", self._headers)
        if answer.status == 200:
            said = tree(answer.body)
            shares = said.get("shares")
            found = {name: _total(said.get(name)) for name in ("reactions", "comments")}
            # a post that nobody has shared has no such field
            found["shares"] = count_of(shares.get("count")) if isinstance(shares, dict) else 0
            return {name: value for name, value in found.items() if value is not None}
        code, subcode, _ = error_of(answer.body)
        if is_gone(code, subcode):
            return None
        if meaning_of(code, subcode).reason == "permission":
            return {}
        raise no_look(verdict_of(answer, self._token))

    async def _metrics(self, vendor_id: str) -> dict[str, Any]:
        """Facebook refuses a whole question for one metric it no longer knows: then each is asked for by itself."""
        try:
            return await self._insights(vendor_id, _METRICS)
        except LookUpFailed as failed:
            if failed.reason != "metric":
                raise
        found: dict[str, Any] = {}
        for metric in _METRICS:
            try:
                found |= await self._insights(vendor_id, (metric,))
            except LookUpFailed as failed:
                if failed.reason != "metric":
                    raise
        return found

    async def _insights(self, vendor_id: str, metrics: Sequence[str]) -> dict[str, Any]:
        way = f"{self._root}/{quote(vendor_id)}/insights?{urlencode({'metric': ','.join(metrics)})}"
        answer = await get(self._transport, way, self._headers)
        if answer.status == 200:
            data = tree(answer.body).get("data")
            return dict(map(_metric, data)) if isinstance(data, list) else {}
        code, subcode, _ = error_of(answer.body)
        if code == 100 or meaning_of(code, subcode).reason == "permission":
            raise LookUpFailed("metric")
        raise no_look(verdict_of(answer, self._token))


def _metric(one: Any) -> tuple[str, Any]:
    values = one.get("values") if isinstance(one, dict) else None
    last = values[-1] if isinstance(values, list) and values else {}
    return str(one.get("name") if isinstance(one, dict) else ""), last.get("value") if isinstance(last, dict) else None


def _total(part: Any) -> int | None:
    summary = part.get("summary") if isinstance(part, dict) else None
    return count_of(summary.get("total_count")) if isinstance(summary, dict) else None
