"""The seam between the pipeline and a place where posts appear: a page, an official account, a channel.

What ``base.Provider`` is for messages to people, ``Publisher`` is for posts: one file per vendor, whose words never
leave it. Publishing is irreversible and no vendor has an idempotency key: the pipeline commits its claim first, calls
once, and after an answer that was lost it looks at the place's own list (``listed``) before any second try.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from engine.channels.base import Decision
from engine.status import PostStatus


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the workspace, already checked for kind and size. ``media_type`` is image/jpeg or image/png."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Publication:
    """One attempt at one post, ready to be published. ``text`` is what people read, plain, NFC.

    ``progress`` is what an earlier stage of the same post left by ``keep`` (the vendor's id of an article that was
    created and not yet broadcast), else None: a vendor that needs several calls goes on from there.
    """

    post_id: int
    attempt: int
    text: str
    title: str | None = None
    link: str | None = None
    picture: Picture | None = None
    progress: str | None = None


Keep = Callable[[str], Awaitable[None]]  # writes down, durably, how far a post has come, before the next call


@dataclass(frozen=True, slots=True)
class PostOutcome:
    """What one attempt came to.

    ``status``: published (the vendor gave its id), accepted (taken over, nothing can be seen of it: apprise; or a
    moderator still looks at it: Zalo), failed, unknown (nobody can say), or queued (proven not processed: again).
    ``address`` is where people see the post. ``code``, ``reason``, ``decision``, ``retry_after`` (seconds) and
    ``detail`` as in ``base.Outcome``.
    """

    post_id: int
    attempt: int
    status: PostStatus
    vendor_id: str | None = None
    address: str | None = None
    code: str | None = None
    reason: str | None = None
    decision: Decision = Decision.NONE
    retry_after: float | None = None
    detail: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ListedPost:
    """One post as the place itself lists it, to recognise ours by its text after a lost answer."""

    vendor_id: str
    created_at: datetime
    text: str
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """How people answered a post so far, each figure as the vendor counts it; None: this vendor does not tell."""

    reach: int | None = None
    reactions: int | None = None
    clicks: int | None = None
    comments: int | None = None
    shares: int | None = None


class Publisher(Protocol):
    """One page, account or channel of ``loa.yaml``. Created inside the event loop that uses it."""

    name: str
    live: bool  # True when people see it: then no turned clock and no post of a rehearsal

    async def publish(self, publication: Publication, keep: Keep) -> PostOutcome:
        """Publish once, never repeating a call by itself. Never raises for what a vendor or the network does."""
        ...

    async def listed(self, since: datetime) -> Sequence[ListedPost]:
        """Everything the place shows since then, complete. Raises ``base.LookUpFailed``; ``base.NoLog``: it has no
        list that can be read.
        """
        ...

    async def response(self, vendor_id: str) -> Response | None:
        """How people answered one post; None: the place no longer has it. Raises ``base.LookUpFailed``."""
        ...

    async def expiry(self) -> datetime | None:
        """When the credentials end; None: never, or the vendor does not say. Raises ``base.LookUpFailed``."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...
