"""Opening what was frozen, by whoever asks."""

from collections.abc import Callable

from engine import __version__
from engine.areas import registry as areas
from engine.errors import LoaError
from engine.i18n import sentence
from engine.pipeline.process import Process
from engine.reports import frozen

Notice = Callable[[str], None]  # what is said beside a report: a sentence for people, never part of a form


def reopened(process: Process, report_id: str, notice: Notice, *, publish: bool) -> frozen.Frozen:
    """A frozen report as it stood. Raises ``LoaError`` for exact figures that are to be passed on as published ones."""
    found = frozen.opened(process.database, report_id)
    refuse_exact(found, publish=publish)
    if found.content["area_table"] != areas.load().version or found.kept.program != __version__:
        notice(sentence("frozen.other-version", program=found.kept.program))
    return found


def refuse_exact(found: frozen.Frozen, *, publish: bool) -> None:
    """Raises ``LoaError`` (``frozen.not-published``) where exact figures would be passed on."""
    if publish and not found.kept.published:
        raise LoaError("frozen.not-published", id=found.kept.id)
