"""What a frozen report keeps beside its deliveries, as JSON and back: posts, broadcasts, activities, measures. Pure.

Lines are kept as lists in the order of their columns, so that they are told again in that order whatever JSON does.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from engine.reports.activities import ActivityLine, ActivityReport, AskedActivities
from engine.reports.broadcasts import BroadcastReport, Heard
from engine.reports.coverage import COMMUNES
from engine.reports.measured import MEASURES, Measure, Measured, MeasuredRow, Values
from engine.reports.places import Place
from engine.reports.posts import FIGURES, AskedPosts, PostFigures, PostReport
from engine.status import PostStatus

_STATUSES = tuple(map(str, PostStatus))


def posts_kept(report: PostReport) -> dict[str, Any]:
    """Posts along one dimension."""
    lines = [[_key(key), _post(figures)] for key, figures in report.lines]
    return {"by": report.asked.by, "era": report.asked.era, "lines": lines, "totals": _post(report.totals)}


def posts_read(kept: Mapping[str, Any], asked: AskedPosts) -> PostReport:
    """The posts that ``posts_kept`` wrote; without a dimension, their totals."""
    lines = [(_read(key), _read_post(figures)) for key, figures in kept["lines"]] if asked.by else []
    return PostReport(asked, tuple(lines), _read_post(kept["totals"]))


def _post(figures: PostFigures) -> list[int | None]:
    return [*(figures.statuses[status] for status in _STATUSES), *(figures.answers[name] for name in FIGURES)]


def _read_post(kept: Sequence[int | None]) -> PostFigures:
    statuses = {status: count for status, count in zip(_STATUSES, kept, strict=False) if count}
    answers = dict(zip(FIGURES, kept[len(_STATUSES) :], strict=True))
    return PostFigures(Counter(statuses), answers)


def broadcasts_kept(report: BroadcastReport, era: str) -> dict[str, Any]:
    """Broadcasts along one dimension."""
    lines = [[_key(key), list(heard)] for key, heard in report.lines]
    return {"by": report.by, "era": era, "lines": lines, "totals": list(report.totals)}


def broadcasts_read(kept: Mapping[str, Any], by: str, *, lines: bool) -> BroadcastReport:
    """The broadcasts that ``broadcasts_kept`` wrote; ``lines`` False for a dimension that they do not have."""
    found = [(_read(key), Heard(*heard)) for key, heard in kept["lines"]] if lines else []
    return BroadcastReport(by, tuple(found), Heard(*kept["totals"]))


def activities_kept(report: ActivityReport) -> dict[str, Any]:
    """Activities along one dimension."""
    return {
        "by": report.asked.by,
        "era": report.asked.era,
        "lines": [[_key(line.key), *line[1:]] for line in report.lines],
        "totals": [list(line) for line in report.totals],
        "left_out": report.left_out,
    }


def activities_read(kept: Mapping[str, Any], asked: AskedActivities) -> ActivityReport:
    """The activities that ``activities_kept`` wrote; without a dimension, their totals."""
    lines = [ActivityLine(_read(key), *rest) for key, *rest in kept["lines"]] if asked.by else []
    totals = tuple(ActivityLine(*line) for line in kept["totals"])
    return ActivityReport(asked, tuple(lines), totals, kept["left_out"])


def measured_kept(told: Measured, era: str) -> dict[str, Any]:
    """One measure along its dimensions."""
    return {
        "what": told.what,
        "by": ",".join(told.dimensions),
        "era": era,
        "rows": [[[_key(key) for key in row.keys], _values(told.what, row.values)] for row in told.rows],
        "totals": _values(told.what, told.totals),
        "more": dict(told.more),
        "retired": told.retired,
    }


def measured_read(kept: Mapping[str, Any], about: Measured) -> Measured:
    """The measure that ``measured_kept`` wrote; ``about`` says what it was asked of."""
    rows = tuple(
        MeasuredRow(tuple(map(_read, keys)), _read_values(about.what, values)) for keys, values in kept["rows"]
    )
    totals = _read_values(about.what, kept["totals"])
    return Measured(
        about.what, about.campaign, about.dimensions, about.as_of, rows, totals, _more(kept["more"]), kept["retired"],
        about.published, about.frozen,
    )  # fmt: skip


def _values(what: Measure, values: Values) -> list[Any]:
    return [values[name] for name in MEASURES[what]]


def _read_values(what: Measure, kept: Sequence[Any]) -> Values:
    return dict(zip(MEASURES[what], kept, strict=True))


def _more(kept: Mapping[str, Any]) -> dict[str, Any]:
    """What stands beside the rows, in the order in which a report of today has it."""
    communes = kept.get("communes")
    if communes is None:
        return dict(kept)
    listed = {name: communes[name] for name in COMMUNES}
    for name in ("none", "untouched"):
        listed[name] = [Place(one["era"], one["code"], one["name"]).document() for one in communes[name]]
    return {**kept, "communes": listed}


def _key(key: Place | str) -> list[str | None] | str:
    return list(key) if isinstance(key, Place) else key


def _read(key: Sequence[Any] | str) -> Place | str:
    return key if isinstance(key, str) else Place(*key)
