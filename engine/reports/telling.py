"""From a question to what is told of it: the report with posts, broadcasts and activities beside it, or a measure."""

from typing import cast

from engine.i18n import sentence
from engine.pipeline.process import Process
from engine.reports.asking import Asking, asking_of
from engine.reports.dimensions import read_by
from engine.reports.freezing import Notice
from engine.reports.measured import Measure
from engine.reports.set_beside import set_beside
from engine.reports.told import Tellable, Told, ToldDerived
from engine.reports.wanted import Wanted, check_told, derived_dimensions, part_of


def tell(process: Process, wanted: Wanted, notice: Notice) -> Tellable:
    """What there is to say. Raises ``UsageError`` for words that mean nothing together, ``LoaError`` for unknown names.

    ``notice`` takes sentences that stand beside the report and in none of its forms.
    """
    check_told(wanted)
    with process.database.one_moment():
        return _tell(process, wanted, notice)


def _tell(process: Process, wanted: Wanted, notice: Notice) -> Tellable:
    asking = asking_of(process, wanted, notice, publish=wanted.publish)
    if wanted.derived:
        dimensions = derived_dimensions(wanted)
        if wanted.beside is not None:
            return ToldDerived(set_beside(asking, dimensions, wanted.beside))
        return ToldDerived(asking.measured(cast("Measure", wanted.what), *dimensions))
    by = wanted.along or ""
    return _told(asking, by, part_of(wanted.what, by))


def _told(asking: Asking, by: str, part: str) -> Told:
    made = read_aloud = on_pages = by_hand = None
    if part in ("all", "deliveries"):
        dimensions = read_by(by)
        assert dimensions is not None
        made = asking.report(*dimensions)
        read_aloud = asking.broadcasts(dimensions[0])
    if part in ("all", "posts") and asking.campaigns:
        on_pages = asking.posts(by)
    if part in ("all", "activities"):
        by_hand = asking.activities(by)
    as_of = made.as_of if made else asking.as_of
    return Told(by, ", ".join(asking.campaigns), as_of, made, by_hand, on_pages, read_aloud)


def one_table(told: Tellable, wanted: Wanted) -> str | None:
    """What is to be said of a form that holds one table (CSV), where there are others that it leaves out."""
    if not isinstance(told, Told) or wanted.what not in (None, "all") or told.deliveries is None:
        return None
    others = any(part is not None and not part.empty for part in (told.activities, told.posts))
    return sentence("cli_report.one-table") if others else None
