"""Keeping a report's figures under an id, with its line in the audit log; and opening what was kept."""

from collections.abc import Callable

from sqlalchemy.exc import IntegrityError

from engine import __version__
from engine.areas import registry as areas
from engine.errors import LoaError
from engine.i18n import sentence
from engine.pipeline.process import Process
from engine.reports import frozen
from engine.reports.publication import publication_of
from engine.reports.report import Asked
from engine.store import audit, publications

Notice = Callable[[str], None]  # what is said beside a report: a sentence for people, never part of a form


def keep(process: Process, asked: Asked, *, exact: bool, note: str | None) -> frozen.Frozen:
    """Keep the figures of ``asked`` (its campaigns and days) and log it. ``exact``: not in publication units.

    Raises ``LoaError`` (``frozen.nothing``, ``frozen.again``).
    """
    publication = None
    if not exact:
        publication = publication_of(process.database, areas.load, process.snapshot, asked.campaigns)
    now = process.clock.now()
    kept = frozen.freeze(process.database, areas.load, process.snapshot, asked, now, publication, note=note)
    try:
        with process.database.write() as connection:
            publications.freeze(connection, kept)
            detail = f"{kept.id} sha256={kept.digest} {'exact' if exact else 'published'}"
            audit.record(connection, process.keyring, at=now, action="freeze", subject=kept.campaigns, detail=detail)
    except IntegrityError:
        with process.database.read() as connection:
            there = publications.frozen(connection, kept.id)
        if there is None or there.digest != kept.digest:
            raise LoaError("frozen.again") from None  # another report got the same four letters: one in a million
    return frozen.opened(process.database, kept.id)


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
