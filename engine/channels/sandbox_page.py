"""A page of the sandbox, in-process: posts for rehearsals and exercises, which nobody outside ever sees.

Like its phones it keeps no state that matters: an id says when the post was made, so any process can ask how it was
answered. What a killed process had put up is gone with it, and the empty list says so.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from engine.channels.publishing import Keep, ListedPost, PostOutcome, Publication, Response
from engine.clock import Clock
from engine.sandbox.posts import Page, answered, made_at
from engine.status import PostStatus


class SandboxPage:
    """One page, known by its sender's key. ``watch``, where given, is told the post's number and its text."""

    name = "sandbox"
    live = False

    def __init__(self, key: str, clock: Clock, seed: int = 0, watch: Callable[[int, str], None] | None = None) -> None:
        self._clock, self._seed, self._watch = clock, seed, watch
        self._page = Page(key, seed)

    async def publish(self, publication: Publication, keep: Keep) -> PostOutcome:
        """Put the post up at once."""
        made = self._page.post(publication.post_id, publication.text, self._clock.now())
        if self._watch is not None:
            self._watch(publication.post_id, publication.text)
        return PostOutcome(
            publication.post_id,
            publication.attempt,
            PostStatus.PUBLISHED,
            vendor_id=made.id,
            address=f"https://sandbox.invalid/{made.id}",
        )

    async def listed(self, since: datetime) -> Sequence[ListedPost]:
        """What this process has put up since then."""
        return [ListedPost(one.id, one.at, one.text) for one in self._page.since(since)]

    async def response(self, vendor_id: str) -> Response | None:
        """How many have seen the post by now; None for an id that is none of ours."""
        made = made_at(vendor_id)
        if made is None:
            return None
        found = answered(vendor_id, (self._clock.now() - made).total_seconds(), self._seed)
        return Response(found.reach, found.reactions, found.clicks, found.comments, found.shares)

    async def expiry(self) -> datetime | None:
        """Never: there are no credentials."""
        return None

    async def close(self) -> None:
        """Nothing to give back."""
