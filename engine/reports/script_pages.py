"""A script in its place as a sheet to print."""

from engine.clock import VIETNAM
from engine.pipeline.script_sheet import Script
from engine.reports.script_pdf import Sheet, script_pdf


def pdf_of(script: Script, *, dated: bool = True) -> bytes:
    """The PDF of a script; ``dated`` False leaves out the day (a step that is read again and again).

    Raises ``LoaError`` (``loudspeaker.cannot-set``).
    """
    when = script.moment(script.planned_at) if dated else f"{script.planned_at.astimezone(VIETNAM):%H:%M}"
    about = (
        f"{script.say('page-where')}: {script.commune}",
        f"{script.say('page-when')}: {when}",
        f"{script.say('page-length')}: {script.length}",
    )
    return script_pdf(Sheet(script.say("page-title"), about, script.words, script.organisation))
