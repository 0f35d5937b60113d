"""A page that people read, or not: a list of posts, and how many have seen each by when. Pure but for the list.

How people answer a post is a function of the seed, its id and its age, and of nothing else, so that any process may
ask later. Most of a post's readers come on its first two days, as on a real page; the figures only ever grow.
"""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple

_REMEMBERED = 10_000  # posts of one page
_FADES = 2 * 86_400.0  # seconds in which two thirds of a post's readers have come
_SMALLEST, _LARGEST = 200, 4_000  # people whom a commune's page reaches with one post


class Posted(NamedTuple):
    """One post as the page lists it."""

    id: str
    at: datetime
    text: str


class Answered(NamedTuple):
    """How people have answered a post so far."""

    reach: int
    reactions: int
    clicks: int
    comments: int
    shares: int


@dataclass(slots=True)
class Page:
    """One page. ``key`` makes its ids its own; ``seed`` chooses how many people read it."""

    key: str
    seed: int = 0
    _posts: list[Posted] = field(default_factory=list)

    def post(self, number: int, text: str, at: datetime) -> Posted:
        """Put a post up. ``number`` is the caller's; asked twice, the page shows it twice, as any page would."""
        made = Posted(f"{self.key}_{int(at.timestamp() * 1000):x}_{number}_{len(self._posts)}", at, text)
        self._posts.append(made)
        del self._posts[:-_REMEMBERED]
        return made

    def since(self, instant: datetime) -> list[Posted]:
        """What the page shows since then, newest first."""
        return [one for one in reversed(self._posts) if one.at >= instant]


def made_at(post_id: str) -> datetime | None:
    """When the post with that id was put up; None for an id that no page of ours gave."""
    parts = post_id.rsplit("_", 3)
    try:
        return datetime.fromtimestamp(int(parts[1], 16) / 1000, UTC) if len(parts) == 4 else None
    except (ValueError, OverflowError, OSError):
        return None


def answered(post_id: str, age: float, seed: int = 0) -> Answered:
    """How people have answered the post by ``age`` seconds."""
    drawn = blake2b(post_id.encode(), digest_size=8, key=f"{seed}".encode()).digest()
    all_of_them = _SMALLEST + int.from_bytes(drawn[:2]) * (_LARGEST - _SMALLEST) // 0xFFFF
    reach = int(all_of_them * -math.expm1(-max(age, 0.0) / _FADES))
    shares = [reach * (1 + part % 8) // per for part, per in zip(drawn[2:6], (100, 120, 400, 600), strict=True)]
    return Answered(reach, *shares)
