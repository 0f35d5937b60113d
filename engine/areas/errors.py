"""What can be wrong with an area somebody wrote; each error carries what the officer may choose from."""

from collections.abc import Sequence

from engine.areas.area import Area
from engine.errors import LoaError
from engine.i18n import sentence

SHOWN = 8


class AreaError(LoaError):
    """An area that cannot be told. ``candidates`` are the areas it may be, best first.

    ``labels`` says each in words ("Xã Mẫu Sơn, Huyện Cao Lộc, Tỉnh Lạng Sơn (legacy 06238)").
    """

    def __init__(
        self, key: str, /, *, candidates: Sequence[Area] = (), labels: Sequence[str] = (), **values: object
    ) -> None:
        self.candidates, self.labels = tuple(candidates), tuple(labels)
        super().__init__(key, **values)

    def __str__(self) -> str:
        words = super().__str__()
        if not self.labels:
            return words
        shown = "; ".join(self.labels[:SHOWN])
        if len(self.labels) > SHOWN:
            shown = sentence("areas.and-more", shown=shown, more=len(self.labels) - SHOWN)
        return f"{words} {sentence(self.choices_key, choices=shown)}"

    choices_key = "areas.choices"


class UnknownArea(AreaError):
    """No area has this name or code; ``candidates`` are the nearest spellings."""

    choices_key = "areas.did-you-mean"


class AmbiguousArea(AreaError):
    """Several areas have this name; ``candidates`` are all of them."""


class EraNeeded(AmbiguousArea):
    """The name or code means different areas in the two eras, and the era would settle it."""
