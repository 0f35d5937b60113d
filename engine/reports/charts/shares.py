"""What a chart shows of a row's figures. Pure."""

from typing import NamedTuple

from engine.i18n import number
from engine.reports.figures import Figures
from engine.status import Status

NOTHING = "—"


class Shares(NamedTuple):
    """Deliveries that were to go out, in three parts that add up to ``to_send``."""

    to_send: int  # ``Figures.addressed``: the denominator of the delivery rate
    delivered: int
    lost: int  # failed, or expired
    waiting: int  # not handed over yet, or without an answer


def shares(figures: Figures) -> Shares:
    """The parts of a row's figures."""
    counts = figures.statuses
    to_send = figures.addressed
    delivered, lost = counts[Status.DELIVERED], counts[Status.FAILED] + counts[Status.EXPIRED]
    return Shares(to_send, delivered, lost, to_send - delivered - lost)


def handed_over(figures: Figures) -> int:
    """Deliveries that went to a vendor: it took them, refused them, or nobody knows yet. Expired ones stay out."""
    ended = (Status.ACCEPTED, Status.DELIVERED, Status.FAILED, Status.UNKNOWN)
    return sum(figures.statuses[status] for status in ended)


def percent(part: int, whole: int) -> str:
    """``93,4%``, or a dash where there is no whole."""
    return f"{number(part / whole * 100, 1)}%" if whole else NOTHING
