"""What is said while a proof runs, looked over for what nobody may read: log lines, print, the words of outcomes."""

import contextlib
import io
import logging
from collections.abc import Iterator, Sequence
from typing import Any


@contextlib.contextmanager
def overheard(vendor: str, outcomes: type, secrets: Sequence[str], also: str = "") -> Iterator[None]:
    """Fail when a secret shows in a log line, in print, in ``also``, or in an outcome that is made meanwhile."""
    said, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(said), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    seen: list[Any] = []
    kind: Any = outcomes
    original = kind.__init__

    def noted(self: Any, *given: Any, **named: Any) -> None:
        original(self, *given, **named)
        seen.append(self)

    kind.__init__ = noted
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            yield
    finally:
        kind.__init__ = original
        root.removeHandler(handler)
        root.setLevel(level)
    words = said.getvalue() + "".join(f"{outcome!r} {outcome.detail}" for outcome in seen) + also
    for secret in secrets:
        if secret in words:
            raise AssertionError(f"{vendor} gives something away that nobody may read")
