"""One round over the in-process sandbox: the shortest road there is."""

from pipeline_road import Person, Road


def test_one_round_reaches_everyone_once_and_a_second_one_nobody(road: Road) -> None:
    road.people(*[Person() for _ in range(20)])
    done = road.round()
    assert (done.counts.claimed, done.problems) == (20, [])
    assert road.statuses() == {"accepted": 20}
    assert road.round().counts.claimed == 0
    road.prove_tallies()
