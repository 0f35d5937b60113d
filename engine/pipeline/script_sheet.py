"""What a relay needs to know of one broadcast: where, when, how long, and the words. For the page and the print."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Row

from engine.areas import registry as areas
from engine.areas.area import Era
from engine.clock import VIETNAM
from engine.i18n import sentence_in
from engine.pipeline.invitation import tongue
from engine.pipeline.process import Process


@dataclass(frozen=True, slots=True)
class Script:
    """One script in its place. ``language`` is that of the words, ``tongue`` that of all around them."""

    organisation: str
    commune: str
    language: str
    tongue: str
    planned_at: datetime
    minutes: int
    words: str

    def say(self, key: str, **values: object) -> str:
        """One of our own sentences in the reader's language."""
        return sentence_in(self.tongue, f"loudspeaker.{key}", **values)

    def moment(self, at: datetime) -> str:
        """An instant as it is read: 17:00, ngày 16/07/2027."""
        local = at.astimezone(VIETNAM)
        return self.say("page-moment", at=f"{local:%H:%M}", day=f"{local:%d/%m/%Y}")

    @property
    def length(self) -> str:
        """About how many minutes."""
        return self.say("page-minutes", minutes=self.minutes)


def script_of(process: Process, row: Row[Any], language: str | None = None) -> Script:
    """The script of a broadcast; ``language`` (``vi``, ``en``) of what stands around the words."""
    return Script(
        organisation=process.snapshot(row.digest).organisation.name,
        commune=commune_name(row.era, row.commune),
        language=row.language,
        tongue=language if language in ("vi", "en") else tongue(row.language),
        planned_at=row.planned_at,
        minutes=row.minutes,
        words=row.words,
    )


def commune_name(era: str, code: str) -> str:
    """A commune's name; its code where the tables have it no more."""
    registry, its_era = areas.load(), cast("Era", era)
    return registry.get(its_era, code).name if registry.has(its_era, code) else code
