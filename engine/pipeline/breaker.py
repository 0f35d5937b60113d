"""The circuit breaker of a sender: when it rests, how it is tried again, and what speaks about it at all. Pure.

    free ──10 failures in a row, or 20 and as many as successes──▶ open: rests 30 s, then twice as long each time
     ▲  ╲──429──▶ paused: as long as the vendor asks; five times in a row without a success: open
     │                                                    │
     └──the probe went through── half open: one row goes ahead ◀──the rest is over
                                     └── the probe failed: open again, twice as long (five minutes at most)

    any ──wrong credentials, account──▶ stopped, until a person releases it

Only what speaks about the sender counts: no connection, 429, no answer, 5xx, a refusal with a code that nobody
knows. A refused number is an answer like any other. While a sender rests its queue stays as it is; rows expire by
``valid_for`` as always.

How many outcomes can become unknown when a vendor takes requests and answers none, for each process:
``at_once(rate)`` calls are on their way, each of the first nine that end lets another start, and the tenth opens the
breaker: ``at_once(rate) + 9``, 109 at 20 a second. Where only some answers are lost, at most ``doubt_limit(rate)``
(100 at 20 a second) may be in doubt at once, beyond what is on its way; the sender rests until look-ups have settled
some of them.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from engine.channels.base import Decision, Outcome
from engine.status import Status
from engine.store.senders import FOREVER, LONGEST_REST, Standing

IN_A_ROW = 10  # failures without a success between: no vendor that works gives those by chance
# With 30 % of the calls failing at random, 20 failures that are half of a window come about once in 150 windows; with
# 10 of them it would be every tenth.
FAILURES = 20
WINDOW = 80  # outcomes, then the counts are halved: what was an hour ago does not weigh for ever
THROTTLES = 5  # 429s one after the other, each pause waited for
REST, LONGEST = 30.0, 300.0  # seconds; a network that is back is used again within five minutes
LONGEST_PAUSE = 60.0  # a 429 that asks for more opens the breaker: then a probe goes first
FORGOTTEN = 900.0  # free for that long, a sender begins with the short rest again
JITTER = 0.15  # of a rest, so that processes and senders of one vendor don't come back together

ON_THEIR_WAY = 5.0  # seconds of the rate that may wait for an answer: a vendor slower than that is slowed down to
FEWEST, MOST = 16, 512  # calls on their way, whatever the rate


class Word(StrEnum):
    """What an outcome says about the sender."""

    ANSWERED = "answered"  # the vendor works, whatever it says about this number
    NOTHING = "nothing"  # the call was never made
    FAULT = "fault"
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"  # its queue is full, or its texts are filtered: rest at once
    REFUSED = "refused"  # credentials, account: stop


class State(StrEnum):
    """Where a sender stands, as people see it."""

    FREE = "free"
    PAUSED = "paused"
    OPEN = "open"
    HALF_OPEN = "half_open"
    STOPPED = "stopped"


class Permit(StrEnum):
    """What may be claimed."""

    ALL = "all"
    PROBE = "probe"  # one row
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Said:
    """One outcome, as far as it is about the sender. ``retry_after`` in seconds, where the vendor asked for it."""

    word: Word
    reason: str | None = None
    delivery_id: int | None = None
    retry_after: float = 0.0


def said(outcome: Outcome) -> Said:
    """What an outcome says about the sender that it came through."""
    word = word_of(outcome.status, outcome.decision, outcome.reason)
    return Said(word, outcome.reason, outcome.delivery_id, outcome.retry_after or 0.0)


def word_of(status: Status, decision: Decision, reason: str | None) -> Word:
    """The word for a status, a decision and a reason of ours."""
    if decision is Decision.STOP_SENDER:
        return Word.REFUSED
    if decision is Decision.HOLD_SENDER:
        return Word.OVERLOADED
    if reason in ("released", "unreadable"):
        return Word.NOTHING
    if reason == "put_off":  # greylisting: whoever is new there is told to come back, one after the other
        return Word.ANSWERED
    if status is Status.QUEUED:
        return Word.THROTTLED if reason == "throttled" else Word.FAULT
    if status is Status.UNKNOWN:
        return Word.FAULT
    # A code that nobody knows may be about the number or the sender; of ten in a row it is not the numbers.
    return Word.FAULT if status is Status.FAILED and reason == "refused" else Word.ANSWERED


def state_of(standing: Standing, now: float) -> State:
    """Where a sender stands at ``now`` (real seconds)."""
    if standing.stopped:
        return State.STOPPED
    if standing.rests(now):
        return State.PAUSED if standing.opened_real is None else State.OPEN
    return State.FREE if standing.opened_real is None else State.HALF_OPEN


def heard(standing: Standing, told: Said, *, now: float, rest: float = REST, spread: float = 0.0) -> Standing:
    """The standing after an outcome. ``rest`` is the first rest in seconds, ``spread`` (0…1) chooses its jitter."""
    if standing.stopped:
        return standing
    if told.word is Word.REFUSED:
        return replace(standing, held_until=FOREVER, held_reason=told.reason or "stopped", probe_id=None)
    state = state_of(standing, now)
    if told.word is Word.OVERLOADED and state is not State.OPEN:
        return opened(standing, told, now=now, rest=rest, spread=spread)
    if state in (State.OPEN, State.PAUSED) and told.word in (Word.THROTTLED, Word.OVERLOADED):
        # Calls that were on their way: one burst is one overload. What the vendor asks for is heard all the same.
        until = max(standing.held_until or 0.0, now + min(told.retry_after, LONGEST_REST))
        return replace(standing, held_until=until)
    if state is State.OPEN:
        return standing
    if state is State.HALF_OPEN:
        return _probed(standing, told, now=now, rest=rest, spread=spread)
    return _counted(standing, told, now=now, rest=rest, spread=spread)


def leaves_alone(standing: Standing, outcome: Outcome) -> bool:
    """Whether ``heard`` would give back ``standing`` as it is: a plain acceptance while nothing has gone wrong.

    That is nearly every outcome of nearly every day; asking this first saves 3 µs of each.
    """
    return (
        outcome.status is Status.ACCEPTED
        and outcome.decision is Decision.NONE
        and outcome.reason is None
        and standing.opened_real is None
        and not (standing.failures or standing.throttles)
    )


def _probed(standing: Standing, told: Said, *, now: float, rest: float, spread: float) -> Standing:
    """Half open only the probe's outcome counts: what else comes in now left before the rest."""
    if told.delivery_id is None or told.delivery_id != standing.probe_id:
        return standing
    if told.word is Word.NOTHING:
        return replace(standing, probe_id=None, probe_until=None)
    if told.word is Word.ANSWERED:
        return Standing(holds=standing.holds, closed_real=now)
    return opened(standing, told, now=now, rest=rest, spread=spread)


def _counted(standing: Standing, told: Said, *, now: float, rest: float, spread: float) -> Standing:
    if told.word is Word.ANSWERED:
        if not (standing.failures or standing.throttles):
            return standing
        throttles = standing.throttles if standing.rests(now) else 0  # it left before the 429
        return _window(replace(standing, successes=standing.successes + 1, in_a_row=0, throttles=throttles))
    if told.word is Word.THROTTLED:
        times = standing.throttles + 1
        pause = told.retry_after or min(2.0 ** (times - 1), LONGEST_PAUSE)
        if times >= THROTTLES or pause > LONGEST_PAUSE:
            return opened(standing, told, now=now, rest=rest, spread=spread)
        pause *= 1.0 + JITTER * spread
        return replace(standing, throttles=times, held_until=now + pause, held_reason="throttled")
    if told.word is Word.FAULT:
        failures, in_a_row = standing.failures + 1, standing.in_a_row + 1
        if in_a_row >= IN_A_ROW or (failures >= FAILURES and failures >= standing.successes):
            return opened(standing, told, now=now, rest=rest, spread=spread)
        return _window(replace(standing, failures=failures, in_a_row=in_a_row))
    return standing


def _window(standing: Standing) -> Standing:
    if standing.failures + standing.successes < WINDOW:
        return standing
    failures = standing.failures // 2
    return replace(standing, failures=failures, successes=standing.successes // 2 if failures else 0)


def opened(standing: Standing, told: Said, *, now: float, rest: float, spread: float) -> Standing:
    """The breaker opens: a rest, twice as long as the last one unless the sender was free for long since."""
    since = standing.held_until if standing.opened_real is not None else standing.closed_real
    holds = standing.holds + 1 if since is not None and now - since < FORGOTTEN else 1
    pause = min(rest * 2.0 ** min(holds - 1, 20), max(rest, LONGEST)) * (1.0 - JITTER * spread)
    return Standing(
        held_until=now + max(pause, min(told.retry_after, LONGEST_REST)),
        held_reason=told.reason or "overloaded",
        holds=holds,
        opened_real=standing.opened_real if standing.opened_real is not None else now,
        closed_real=standing.closed_real,
    )


def asked(
    standing: Standing, *, now: float, in_doubt: int, limit: int, rest: float = REST, spread: float = 0.0
) -> tuple[Permit, Standing]:
    """What may be claimed now, and the standing to keep.

    ``in_doubt`` outcomes are unknown at present, ``limit`` at most may be.
    """
    if standing.stopped or standing.rests(now):
        return Permit.NONE, standing
    if in_doubt >= limit:
        until = now + rest * (1.0 - JITTER * spread)
        since = standing.opened_real if standing.opened_real is not None else now
        return Permit.NONE, replace(
            standing, held_until=until, held_reason="unanswered", opened_real=since, probe_id=None, probe_until=None
        )
    if standing.opened_real is None:
        return Permit.ALL, standing
    out = standing.probe_until is not None and now < standing.probe_until <= now + 2 * REST
    return (Permit.NONE if out else Permit.PROBE), standing


def probing(standing: Standing, delivery_id: int, *, now: float, rest: float = REST) -> Standing:
    """The standing while ``delivery_id`` goes ahead: twice the rest, then whoever took it is dead and another goes."""
    return replace(standing, probe_id=delivery_id, probe_until=now + 2 * rest)


def rest_of(orphan_after: float) -> float:
    """The first rest of a sender, in seconds: by then every call of before has ended (shorter only in tests)."""
    return min(REST, orphan_after / 2)


def at_once(rate: float) -> int:
    """How many calls of a sender may be on their way from one process; ``rate`` is a second."""
    return int(min(MOST, max(FEWEST, rate * ON_THEIR_WAY)))


def doubt_limit(rate: float) -> int:
    """How many outcomes of a sender may be in doubt at once: five percent of the minute until they are looked up."""
    return int(max(100.0, rate * 60.0 * 0.05))
