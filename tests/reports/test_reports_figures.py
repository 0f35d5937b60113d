from hypothesis import given
from hypothesis import strategies as st

from engine.reports.figures import COLUMNS, STATUSES, Figures, total
from engine.status import Status


def test_the_keys_are_the_contracts_in_its_order():
    assert list(Figures().document()) == [
        "targeted", "excluded", "queued", "sending", "accepted", "delivered", "failed", "expired", "unknown",
        "cancelled", "segments", "cost_vnd", "delivery_rate",
    ]  # fmt: skip
    assert list(Figures().document()) == list(COLUMNS)


def test_no_status_is_left_out_of_the_sum():
    assert set(STATUSES) == set(Status)


def test_the_rate_is_of_what_was_to_be_sent():
    figures = Figures()
    for status, deliveries in (("delivered", 6), ("failed", 2), ("excluded", 5), ("cancelled", 3)):
        figures.add(status, deliveries, 0, 0)
    assert figures.targeted == 16
    assert figures.delivery_rate == 6 / 8


def test_a_rate_of_nothing_is_null_and_not_a_division_by_zero():
    figures = Figures()
    figures.add("excluded", 4, 0, 0)
    figures.add("cancelled", 1, 0, 0)
    assert figures.delivery_rate is None
    figures.add("failed", 1, 0, 0)
    assert figures.delivery_rate == 0.0


TALLIES = st.lists(
    st.tuples(st.sampled_from(STATUSES), st.integers(0, 9), st.integers(0, 99), st.integers(0, 9999)), max_size=20
)


@given(st.lists(TALLIES, max_size=5))
def test_totals_are_the_sum_of_the_rows(rows: list[list[tuple[Status, int, int, int]]]):
    figures = []
    for tallies in rows:
        one = Figures()
        for tally in tallies:
            one.add(*tally)
        figures.append(one)
    summed = total(figures)
    flat = [tally for tallies in rows for tally in tallies]
    assert summed.targeted == sum(tally[1] for tally in flat)
    assert (summed.segments, summed.cost_vnd) == (sum(tally[2] for tally in flat), sum(tally[3] for tally in flat))
    assert summed.statuses[Status.DELIVERED] == sum(tally[1] for tally in flat if tally[0] is Status.DELIVERED)
