"""Where a picture stands on a page: bars that the page draws by itself, without scripts, styles or another request.

This is the one place a page gets a picture from. Every bar stands in a table beside its number, so that the table is
the picture's text alternative; a chart that comes as SVG with a text of its own is a ``Picture`` too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as inline SVG that carries no style of its own, and the words that say the same."""

    svg: Markup
    alternative: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One value: its name, the number as people write it, and the bar."""

    label: str
    shown: str
    svg: Markup
    link: str | None = None


def bars(values: Sequence[tuple[str, float, str]], links: Sequence[str | None] = ()) -> list[Bar]:
    """Bars of (name, value, value as written), the longest as wide as there is room; in the order given."""
    most = max((value for _, value, _ in values), default=0)
    wheres = links or [None] * len(values)
    return [
        Bar(name, shown, bar(value / most if most else 0), link)
        for (name, value, shown), link in zip(values, wheres, strict=True)
    ]


def bar(share: float | None) -> Markup:
    """A bar of ``share`` (0…1) of the room there is, none of None; those who listen have the number beside it."""
    if share is None:
        return Markup("")
    width = f"{max(0.0, min(1.0, share)) * 100:.2f}"
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<rect class="bar-room" width="100" height="10"/><rect class="bar-value" width="{}" height="10"/></svg>'
    ).format(width)
