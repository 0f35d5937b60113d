"""Why deliveries failed, for section III: from tallies, the most frequent first."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection

from engine.reports import tally_queries
from engine.reports.official.gathered import Reason
from engine.reports.reasons import REASONS, words_of
from engine.status import Status


def failure_reasons(connection: Connection, runs: Sequence[int], small_cell: int = 1) -> list[Reason]:
    """The reasons of failed deliveries of ``runs``; none that stands for fewer than ``small_cell`` of them.

    A reason for which there are no words (a plug-in's own) is left out: the report tells no codes.
    """
    found: Counter[str] = Counter()
    for line in tally_queries.by_trait(connection, runs, "reason"):
        if line.sums.status == Status.FAILED:
            found[line.value] += line.sums.deliveries
    told = [(reason, count) for reason, count in found.most_common() if count >= small_cell]
    return [Reason(words_of(reason), count) for reason, count in told if reason in REASONS]
