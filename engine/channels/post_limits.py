"""What a place takes: how long a text, which pictures. Data for ``loa check``, handed over by the caller.

Light: content learns it before any vendor's code is imported.
"""

from dataclasses import dataclass

JPEG, PNG = "image/jpeg", "image/png"


@dataclass(frozen=True, slots=True)
class PostLimits:
    """The limits of one vendor. ``text`` is the longest text; ``with_picture`` where a picture makes it shorter.

    ``title`` is the longest title, 0 where posts have none (it is their first line then). ``pictures`` are media
    types; none: no picture of the workspace can be published there. ``picture_bytes`` is the largest file. ``utf16``:
    the vendor counts UTF-16 units, so that most emoji count twice; otherwise characters as Unicode has them.
    """

    text: int
    with_picture: int | None = None
    title: int = 0
    pictures: frozenset[str] = frozenset()
    picture_bytes: int = 0
    utf16: bool = False

    def length(self, text: str) -> int:
        """How long a text is to this vendor."""
        return len(text.encode("utf-16-le")) // 2 if self.utf16 else len(text)

    def longest(self, *, picture: bool) -> int:
        """The longest text that fits, with a picture or without."""
        return self.with_picture if picture and self.with_picture is not None else self.text
