"""The breaker by itself: a sender that is tried too soon, too often or never again costs a campaign."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.channels.base import Decision, Outcome
from engine.channels.twilio_errors import ERRORS
from engine.pipeline import breaker
from engine.pipeline.breaker import Permit, Said, State, Word
from engine.status import Status
from engine.store.senders import FOREVER, LONGEST_REST, Standing

NOW = 1_800_000_000.0
FREE = Standing()
FAULT, WELL = Said(Word.FAULT, "no_answer", 1), Said(Word.ANSWERED, None, 1)


def hear(standing: Standing, *told: Said, now: float = NOW, spread: float = 0.0) -> Standing:
    for one in told:
        standing = breaker.heard(standing, one, now=now, spread=spread)
    return standing


def ask(standing: Standing, now: float, in_doubt: int = 0) -> tuple[Permit, Standing]:
    return breaker.asked(standing, now=now, in_doubt=in_doubt, limit=100)


def test_ten_failures_in_a_row_open_it_and_nine_do_not() -> None:
    assert breaker.state_of(hear(FREE, *[FAULT] * 9, WELL, *[FAULT] * 9), NOW) is State.FREE
    opened = hear(FREE, *[FAULT] * 10)
    assert (breaker.state_of(opened, NOW), opened.held_reason) == (State.OPEN, "no_answer")
    assert ask(opened, NOW + 29)[0] is Permit.NONE
    assert ask(opened, NOW + 30)[0] is Permit.PROBE


def test_half_of_the_calls_failing_opens_it_though_never_ten_in_a_row() -> None:
    assert breaker.state_of(hear(FREE, *[FAULT, WELL] * 19), NOW) is State.FREE
    assert breaker.state_of(hear(FREE, *[FAULT, WELL] * 20), NOW) is State.OPEN
    assert breaker.state_of(hear(FREE, *[FAULT, WELL, WELL] * 200), NOW) is State.FREE


def test_each_failed_probe_doubles_the_rest_up_to_five_minutes() -> None:
    standing, now, rests = hear(FREE, *[FAULT] * 10), NOW, []
    for _ in range(6):
        rests.append(round(standing.held_until - now))
        now = standing.held_until
        assert ask(standing, now)[0] is Permit.PROBE
        standing = hear(breaker.probing(standing, 7, now=now), replace(FAULT, delivery_id=7), now=now)
    assert rests == [30, 60, 120, 240, 300, 300]
    assert standing.opened_real == NOW, "since when it does not work is what the officer is told"


def test_one_probe_at_a_time_and_another_when_its_worker_died() -> None:
    half = hear(FREE, *[FAULT] * 10)
    out = breaker.probing(half, 7, now=NOW + 31)
    assert ask(out, NOW + 32)[0] is Permit.NONE
    assert ask(out, NOW + 31 + 60)[0] is Permit.PROBE
    released = hear(out, Said(Word.NOTHING, "released", 7), now=NOW + 33)
    assert ask(released, NOW + 33)[0] is Permit.PROBE


def test_only_the_probe_closes_it_and_only_the_probe_opens_it_again() -> None:
    """Calls of before the rest end after it: what they say is old."""
    out = breaker.probing(hear(FREE, *[FAULT] * 10), 7, now=NOW + 31)
    assert hear(out, replace(WELL, delivery_id=8), replace(FAULT, delivery_id=9), now=NOW + 32) == out
    closed = hear(out, replace(WELL, delivery_id=7), now=NOW + 32)
    assert (breaker.state_of(closed, NOW + 32), closed.opened_real, closed.failures) == (State.FREE, None, 0)
    assert ask(closed, NOW + 32)[0] is Permit.ALL


def test_a_sender_that_breaks_again_soon_rests_longer_and_after_a_quarter_of_an_hour_begins_anew() -> None:
    closed = replace(hear(FREE, *[FAULT] * 10), held_until=None, opened_real=None, closed_real=NOW + 40)
    soon = hear(closed, *[FAULT] * 10, now=NOW + 100)
    assert soon.held_until == NOW + 160
    late = hear(closed, *[FAULT] * 10, now=NOW + 1000)
    assert late.held_until == NOW + 1030


def test_a_burst_of_refusals_is_one_overload_and_a_longer_wish_of_the_vendor_is_heard() -> None:
    full = Said(Word.OVERLOADED, "queue_full", 1)
    once = hear(FREE, full)
    assert hear(once, full, full, full) == once
    assert hear(once, replace(full, retry_after=90.0)).held_until == NOW + 90
    assert hear(FREE, replace(full, retry_after=90.0)).held_until == NOW + 90


def test_429_pauses_for_as_long_as_the_vendor_says_and_opens_when_it_never_ends() -> None:
    throttled = Said(Word.THROTTLED, "throttled", 1, retry_after=2.0)
    paused = hear(FREE, throttled)
    assert (breaker.state_of(paused, NOW), paused.held_until) == (State.PAUSED, NOW + 2)
    assert hear(paused, throttled, throttled, now=NOW + 0.5).throttles == 1, "one burst is one"
    assert ask(paused, NOW + 2)[0] is Permit.ALL, "no probe: the vendor works"
    standing, now = FREE, NOW
    for _ in range(4):
        standing, now = hear(standing, throttled, now=now), now + 3
    assert breaker.state_of(standing, now) is State.FREE
    assert breaker.state_of(hear(standing, throttled, now=now), now) is State.OPEN
    assert hear(standing, WELL, now=now).throttles == 0
    assert breaker.state_of(hear(FREE, replace(throttled, retry_after=600.0)), NOW + 599) is State.OPEN


def test_429_without_a_word_on_when_pauses_longer_each_time() -> None:
    throttled = Said(Word.THROTTLED, "throttled", 1)
    standing, now, pauses = FREE, NOW, []
    for _ in range(4):
        standing = hear(standing, throttled, now=now)
        pauses.append(standing.held_until - now)
        now = standing.held_until
    assert pauses == [1, 2, 4, 8]


def test_wrong_credentials_stop_it_for_good_whatever_comes_after() -> None:
    stopped = hear(FREE, Said(Word.REFUSED, "credentials", 1))
    assert (stopped.held_until, stopped.held_reason) == (FOREVER, "credentials")
    after = hear(stopped, WELL, FAULT, Said(Word.OVERLOADED), Said(Word.THROTTLED), now=NOW + 1e9)
    assert after == stopped
    assert ask(stopped, NOW + 1e9)[0] is Permit.NONE


def test_too_much_in_doubt_rests_until_some_of_it_is_settled_and_then_a_probe_goes() -> None:
    permit, standing = ask(FREE, NOW, in_doubt=100)
    assert (permit, standing.held_reason, breaker.state_of(standing, NOW)) == (Permit.NONE, "unanswered", State.OPEN)
    permit, standing = ask(standing, NOW + 31, in_doubt=100)
    assert (permit, standing.held_until, standing.holds) == (Permit.NONE, NOW + 61, 0)
    assert ask(standing, NOW + 62, in_doubt=99)[0] is Permit.PROBE


def test_jitter_takes_at_most_its_share_off_a_rest_and_never_comes_before_a_vendor_s_wish() -> None:
    for spread in (0.0, 0.5, 0.999):
        rest = hear(FREE, *[FAULT] * 10, spread=spread).held_until - NOW
        assert 30 * (1 - breaker.JITTER) <= rest <= 30
        pause = hear(FREE, Said(Word.THROTTLED, retry_after=10.0), spread=spread).held_until - NOW
        assert 10 <= pause <= 10 * (1 + breaker.JITTER)


words = st.builds(
    Said,
    st.sampled_from([word for word in Word if word is not Word.REFUSED]),
    st.just("x"),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.0, 1.0, 45.0, 600.0, 5000.0]),
)
steps = st.lists(
    st.one_of(words, st.sampled_from([0.0, 0.1, 1.0, 29.0, 61.0, 400.0, 4000.0]), st.just("ask")), max_size=60
)


@given(steps, st.floats(0, 0.999))
def test_whatever_happens_it_claims_nothing_at_rest_and_is_tried_again_in_time(
    events: list[Said | float | str], spread: float
) -> None:
    standing, now, probe_at = FREE, NOW, None
    for event in events:
        if isinstance(event, float):
            now += event
        elif isinstance(event, Said):
            before, standing = standing, breaker.heard(standing, event, now=now, spread=spread)
            if breaker.state_of(before, now) is State.HALF_OPEN and breaker.state_of(standing, now) is State.FREE:
                assert (event.word, event.delivery_id) == (Word.ANSWERED, before.probe_id), "only the probe closes it"
        else:
            permit, standing = breaker.asked(standing, now=now, in_doubt=0, limit=100, spread=spread)
            resting = breaker.state_of(standing, now) in (State.OPEN, State.PAUSED)
            assert not resting or permit is Permit.NONE
            if permit is Permit.PROBE:
                assert probe_at is None or standing.probe_id is None or now - probe_at >= 60, "two probes at once"
                standing, probe_at = breaker.probing(standing, 1, now=now), now
        assert standing.failures + standing.successes < breaker.WINDOW
        assert standing.in_a_row < breaker.IN_A_ROW and standing.throttles < breaker.THROTTLES
        assert standing.held_until is None or standing.held_until <= now + LONGEST_REST
    assert ask(standing, now + LONGEST_REST + 60)[0] is not Permit.NONE, "a queue that nobody tries again is lost"


@given(*[st.floats(-1e12, 1e12) | st.none()] * 4, st.integers(0, 60))
def test_no_stamp_of_a_wrong_clock_keeps_a_sender_from_being_tried(
    held: float | None, opened: float | None, closed: float | None, probe: float | None, holds: int
) -> None:
    standing = Standing(
        held_until=held, held_reason="x", holds=holds, opened_real=opened, closed_real=closed, probe_id=3,
        probe_until=probe,
    )  # fmt: skip
    assert ask(standing, NOW + LONGEST_REST)[0] is not Permit.NONE or ask(standing, NOW)[0] is not Permit.NONE
    after = hear(standing, *[FAULT] * 10, Said(Word.OVERLOADED))
    assert after.held_until is None or not after.rests(NOW) or after.held_until <= NOW + LONGEST_REST


# What the design calls safe to send again, and what speaks about the sender; a reason for each odd row.
QUEUED, UNKNOWN, FAILED, ACCEPTED = Status.QUEUED, Status.UNKNOWN, Status.FAILED, Status.ACCEPTED
WORDS = [
    (ACCEPTED, Decision.NONE, None, Word.ANSWERED),
    (Status.DELIVERED, Decision.NONE, None, Word.ANSWERED),
    (Status.EXPIRED, Decision.NONE, "expired", Word.ANSWERED),
    (QUEUED, Decision.RETRY, "no_connection", Word.FAULT),
    (QUEUED, Decision.RETRY, "throttled", Word.THROTTLED),
    (QUEUED, Decision.NONE, "released", Word.NOTHING),  # our own doing
    (QUEUED, Decision.HOLD_SENDER, "queue_full", Word.OVERLOADED),
    (QUEUED, Decision.STOP_SENDER, "credentials", Word.REFUSED),
    (UNKNOWN, Decision.NONE, "no_answer", Word.FAULT),
    (UNKNOWN, Decision.NONE, "vendor_error", Word.FAULT),
    (UNKNOWN, Decision.NONE, "malformed", Word.FAULT),
    (UNKNOWN, Decision.NONE, "unexpected", Word.FAULT),
    (UNKNOWN, Decision.NONE, "unknown_status", Word.FAULT),
    (FAILED, Decision.NONE, "landline", Word.ANSWERED),  # the number's fault
    (FAILED, Decision.OPT_OUT, "opted_out", Word.ANSWERED),
    (FAILED, Decision.NONE, "unreadable", Word.NOTHING),  # a damaged row of ours
    (FAILED, Decision.NONE, "refused", Word.FAULT),  # a code that nobody knows: ten in a row are not the numbers
    (FAILED, Decision.HOLD_SENDER, "filtered", Word.OVERLOADED),
]


@pytest.mark.parametrize(("status", "decision", "reason", "word"), WORDS)
def test_a_failure_counts_against_the_sender_exactly_when_it_speaks_about_it(
    status: Status, decision: Decision, reason: str | None, word: Word
) -> None:
    assert breaker.said(Outcome(1, 1, status, reason=reason, decision=decision)).word is word


def test_every_decision_and_every_status_of_an_outcome_is_in_the_table() -> None:
    assert {row[1] for row in WORDS} == set(Decision)
    assert {row[0] for row in WORDS} == {
        ACCEPTED, Status.DELIVERED, Status.EXPIRED, QUEUED, UNKNOWN, FAILED
    }  # fmt: skip


@pytest.mark.parametrize("code", ERRORS)
def test_a_refused_number_never_rests_a_sender_and_a_refused_sender_never_fails_a_number(code: int) -> None:
    meaning = ERRORS[code]
    word = breaker.word_of(meaning.at_create, meaning.decision, meaning.reason)
    if meaning.decision in (Decision.STOP_SENDER, Decision.HOLD_SENDER):
        assert word in (Word.REFUSED, Word.OVERLOADED)
        assert meaning.at_create is QUEUED or meaning.reason == "filtered"
    elif meaning.decision is Decision.RETRY:
        assert (word, meaning.at_create) == (Word.THROTTLED, QUEUED)
    else:
        assert (word, meaning.processed) == (Word.ANSWERED, True)


@pytest.mark.parametrize(("rate", "calls", "doubt"), [(0.2, 16, 100), (20, 100, 100), (50, 250, 150), (500, 512, 1500)])
def test_the_published_bounds_on_what_may_become_unknown(rate: float, calls: int, doubt: int) -> None:
    assert (breaker.at_once(rate), breaker.doubt_limit(rate)) == (calls, doubt)


SECONDS = st.floats(0, 2e9) | st.none()
COUNTS = st.integers(0, 3)


@given(
    st.builds(
        Standing,
        held_until=SECONDS | st.just(FOREVER), holds=COUNTS, opened_real=SECONDS, closed_real=SECONDS, failures=COUNTS,
        successes=COUNTS, in_a_row=COUNTS, throttles=COUNTS, probe_id=st.just(1) | st.none(), probe_until=SECONDS,
    ),
    st.sampled_from([Status.ACCEPTED, Status.QUEUED, Status.UNKNOWN, Status.FAILED]),
    st.sampled_from([None, "released", "refused", "throttled"]),
    st.sampled_from(Decision),
    st.floats(0, 2e9),
)  # fmt: skip
def test_an_outcome_that_is_passed_over_would_have_changed_nothing(
    standing: Standing, status: Status, reason: str | None, decision: Decision, now: float
) -> None:
    outcome = Outcome(1, 1, status, reason=reason, decision=decision)
    if breaker.leaves_alone(standing, outcome):
        assert breaker.heard(standing, breaker.said(outcome), now=now, rest=60.0, spread=0.5) == standing
    plain = Outcome(1, 1, Status.ACCEPTED)
    assert breaker.leaves_alone(FREE, plain) and not breaker.leaves_alone(replace(FREE, failures=1), plain)
