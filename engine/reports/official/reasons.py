"""Why deliveries failed, for section III: the most frequent first. Pure."""

from engine.reports.measured import Measured
from engine.reports.official.gathered import Reason
from engine.reports.publication import SEPARATOR
from engine.reports.reasons import REASONS, words_of
from engine.status import Status


def failure_reasons(told: Measured, small_cell: int = 1) -> list[Reason]:
    """The reasons of failed deliveries in ``told``; none that stands for fewer than ``small_cell`` of them.

    A reason for which there are no words (a plug-in's own) is left out: the report tells no codes.
    """
    found = [
        (str(row.values["reason"]), int(row.values["deliveries"] or 0))
        for row in told.rows
        if row.values["status"] == Status.FAILED
    ]
    found.sort(key=lambda one: -one[1])
    return [
        Reason(words_of(reason), count)
        for reason, count in found
        if count >= small_cell and all(one in REASONS for one in reason.split(SEPARATOR))
    ]
