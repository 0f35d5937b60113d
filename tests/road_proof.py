"""What must hold of a database after any road: the tallies are the rows."""

from collections.abc import Callable, Iterable
from typing import Any

Query = Callable[..., Iterable[Any]]


def prove_tallies(query: Query) -> None:
    """Both tallies equal the rows in every key. ``query(statement, **values)`` gives rows."""
    rows = _counted(
        query(
            "SELECT run_id, era, commune, variant, status, count(*),"
            " sum(CASE WHEN handed_at IS NULL THEN 0 ELSE segments END),"
            " sum(CASE WHEN handed_at IS NULL THEN 0 ELSE cost_vnd END)"
            " FROM delivery GROUP BY run_id, era, commune, variant, status"
        ),
        5,
    )
    tally = _counted(
        query(
            "SELECT run_id, era, commune, variant, status, sum(deliveries), sum(segments), sum(cost_vnd)"
            " FROM tally_area GROUP BY run_id, era, commune, variant, status"
        ),
        5,
    )
    assert tally == rows
    for trait in ("language", "sender", "prefix", "reason"):
        rows = _counted(
            query(
                f"SELECT run_id, {trait}, status, count(*) FROM delivery WHERE {trait} IS NOT NULL"
                f" GROUP BY run_id, {trait}, status"
            ),
            3,
        )
        tally = _counted(
            query(
                "SELECT run_id, value, status, sum(deliveries) FROM tally_trait"
                f" WHERE trait = '{trait}' GROUP BY run_id, value, status"
            ),
            3,
        )
        assert tally == rows, trait


def _counted(rows: Iterable[Any], keys: int) -> dict[tuple[Any, ...], tuple[int, ...]]:
    found = {tuple(row[:keys]): tuple(int(value or 0) for value in row[keys:]) for row in rows}
    return {key: value for key, value in found.items() if any(value)}
