"""The two kinds of pictures on a page: charts that come as SVG, and bars that the page draws by itself.

Neither has scripts, styles or a request of its own. A chart carries the words that say the same; a bar stands in a
table beside its number, so that the table says it.
"""

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart as inline SVG that carries no style of its own, its title, and the words that say the same."""

    svg: Markup
    title: str
    alternative: str


def bar(share: float | None) -> Markup:
    """A bar of ``share`` (0…1) of the room there is, none of None; those who listen have the number beside it."""
    if share is None:
        return Markup("")
    width = f"{max(0.0, min(1.0, share)) * 100:.2f}"
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<rect class="bar-room" width="100" height="10"/><rect class="bar-value" width="{}" height="10"/></svg>'
    ).format(width)
