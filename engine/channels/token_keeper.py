"""A vendor's single-use tokens, kept for all processes: what an adapter needs of whoever keeps them.

Channels know no database; the pipeline hands a keeper in when it opens a sender. What is kept is opaque to the keeper,
sealed at rest, and durable when ``replace`` returns.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Kept(Protocol):
    """What is kept of one account. ``version`` grows with every change; ``text`` is secret."""

    @property
    def version(self) -> int: ...
    @property
    def text(self) -> str: ...


class TokenKeeper(Protocol):
    """The tokens of one account at one vendor."""

    async def load(self) -> Kept | None:
        """What is kept now; None: nothing yet. Raises ``LoaError`` when the store cannot be read."""
        ...

    async def replace(self, seen: int, text: str) -> bool:
        """Keep ``text`` if the version is still ``seen`` (0: nothing kept yet); False when somebody was faster.

        It is on the disk when this returns. Raises ``LoaError`` when the store cannot be written.
        """
        ...

    def alone(self) -> AbstractAsyncContextManager[None]:
        """For the block the only one of all processes and machines that renews these tokens.

        Whoever dies gives it up; no transaction is open meanwhile. Waits for another's renewal. Raises ``LoaError``
        when it cannot be had in half a minute.
        """
        ...


Keeps = Callable[[str], TokenKeeper]  # account → its keeper
