"""Posts through ``apprise``, which speaks to more than a hundred services, for every place without an adapter here.

It answers with a boolean and gives no id. True: the service took it, ``accepted``, and nothing more will ever be known.
False says that something did not succeed, never what: a refused password and a timeout after the service had read the
request look the same, and its log lines are for people. So False is ``unknown`` and goes to a person (there is no list
to look at, ``NoLog``); proven not processed is only what apprise itself did not try, because it cannot read the
address. What may repeat a call by itself is switched off: ``retry`` in an address, and following redirects.
Some services' own code in apprise waits and tries again after an HTTP 429, which was not processed.

Tested over real HTTP on loopback (``json://``); no other service.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from engine.channels.addresses import is_loopback
from engine.channels.apprise_sender import ApprisePlace
from engine.channels.base import NoLog
from engine.channels.duty_officer import quiet_asset
from engine.channels.post_calls import Meaning, Verdict, stops
from engine.channels.publishing import Keep, ListedPost, Picture, PostOutcome, Publication, Response
from engine.status import PostStatus

_PATIENCE = 25.0  # seconds; the thread behind it may go on, and so may the service


class ApprisePublisher:
    """One place."""

    name = "apprise"

    def __init__(self, config: ApprisePlace, patience: float = _PATIENCE) -> None:
        self._address, self._patience = config.address.get_secret_value(), patience
        self.live = not is_loopback(self._address)

    async def publish(self, publication: Publication, keep: Keep) -> PostOutcome:
        """One notification, in a thread of its own: apprise blocks."""
        try:
            verdict = await asyncio.wait_for(asyncio.to_thread(self._notify, publication), self._patience)
        except TimeoutError:
            verdict = Verdict(Meaning(PostStatus.UNKNOWN, "no_answer"))
        if verdict is None:
            return PostOutcome(publication.post_id, publication.attempt, PostStatus.ACCEPTED)
        return verdict.of(publication)

    def _notify(self, publication: Publication) -> Verdict | None:
        """None: taken. Only before ``notify`` is called can it be proven that nothing was sent."""
        import apprise

        asset = quiet_asset()
        place = apprise.Apprise(asset=asset)
        if not place.add(self._address) or len(place) != 1:
            return Verdict(stops("address"))
        for service in place:
            service.retry = 0
            service.optional = False  # "nice to have" would call every failure a success
        words = "\n\n".join(filter(None, (publication.text, _link(publication))))
        attached = _attached(publication.picture, asset) if publication.picture else None
        try:
            result = place.notify(
                body=words, title=publication.title or "", body_format=apprise.NotifyFormat.TEXT, attach=attached
            )
        except Exception as error:  # a service's plugin may raise what it likes
            return Verdict(Meaning(PostStatus.UNKNOWN, "unexpected"), detail=type(error).__name__)
        return None if result else Verdict(Meaning(PostStatus.UNKNOWN, "no_answer"))

    async def listed(self, since: datetime) -> Sequence[ListedPost]:
        """Raises ``NoLog``: apprise only writes."""
        raise NoLog

    async def response(self, vendor_id: str) -> Response | None:
        """Raises ``NoLog``: apprise only writes."""
        raise NoLog

    async def expiry(self) -> datetime | None:
        """Nothing is known of it."""
        return None

    async def close(self) -> None:
        """Nothing to give back: each call has a connection of its own."""


def _link(publication: Publication) -> str | None:
    return publication.link if publication.link and publication.link not in publication.text else None


def _attached(picture: Picture, asset: Any) -> Any:
    import apprise
    from apprise.attachment.memory import AttachMemory

    attached = apprise.AppriseAttachment(asset=asset)
    memory: Any = AttachMemory
    attached.add(memory(content=picture.content, name=picture.name, mimetype=picture.media_type))
    return attached
