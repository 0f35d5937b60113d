"""The plan: what a campaign will do and cost, worked out by the same rules and words as the sending itself.

One pass over the contacts counts their kinds; everything else is decided once per kind. Caps are simulated along
the calendar, over this campaign, the other approved ones and what has gone out lately, once for every distinct
pattern of steps that people fall under.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping

from engine.areas.registry import Registry
from engine.content.campaign import Step
from engine.content.loudspeaker import EMAIL
from engine.content.occurrences import Occurrence
from engine.content.snapshot import Snapshot
from engine.i18n import number as written
from engine.i18n import sentence
from engine.pipeline import relay_link
from engine.pipeline.caps import Event, Made, capped_events
from engine.pipeline.do_not_call import list_warnings
from engine.pipeline.hours import first_claim
from engine.pipeline.process import Process
from engine.pipeline.providers import any_live
from engine.pipeline.resolve import Resolved, Resolver
from engine.pipeline.rules import NO_EMAIL, QUEUED
from engine.status import CampaignStatus, RunStatus, StepStatus
from engine.store import campaigns, groups, kinds, runs, snapshots
from engine.store.kinds import Arms, Kind, Questions
from engine.text.segments import count

MOST_PAST_RUNS = 40  # marks fit into 63 bits; that is five weeks of a daily step


@dataclass(slots=True)
class PlannedRun:
    """One run to come. ``duration_s`` at the sender's rate, in seconds; ``excluded`` by reason.

    ``queued`` and ``queued_cost_vnd`` are what the fan-out will queue: the recipients, and those whom a cap or the
    hours stop later, at the claim.
    """

    step: str
    occurrence: str
    channel: str
    due: datetime
    starts: datetime  # the due time, or the end of quiet hours after it
    recipients: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    segments: int = 0
    cost_vnd: int = 0
    duration_s: float = 0.0
    queued: int = 0
    queued_cost_vnd: int = 0
    minutes: int = 0  # of a loudspeaker's step: that reading the longest of its scripts takes
    posts: int = 0  # of a run on pages: one for each; it has no recipients
    by_sender: Counter[str] = field(default_factory=Counter)  # recipients by the first sender of their road


@dataclass(slots=True)
class Sums:
    """Deliveries, segments and cost of something."""

    recipients: int = 0
    segments: int = 0
    cost_vnd: int = 0
    people: int = 0
    excluded: int = 0

    def add(self, recipients: int, segments: int, cost_vnd: int) -> None:
        """Add the figures of one run."""
        self.recipients += recipients
        self.segments += segments
        self.cost_vnd += cost_vnd


@dataclass(slots=True)
class Plan:
    """A campaign's plan. ``by_district`` has legacy district codes; None: the old district is ambiguous."""

    campaign: str
    runs: list[PlannedRun]
    by_district: dict[str | None, Sums]
    totals: Sums
    warnings: list[str]


def make_plan(process: Process, snapshot: Snapshot, registry: Registry, *, at: datetime | None = None) -> Plan:
    """The plan of ``snapshot`` as of ``at`` (default: the campaign clock), for the contacts there are now."""
    now = at or process.clock.now()
    link = relay_link.sample(process.settings)
    resolver = Resolver(snapshot, registry, drafts=not any_live(process, snapshot), link=link)
    with process.database.read() as connection:
        known = runs.occurrences_known(connection, snapshot.campaign.key)
        others = [
            process.snapshot(digest)
            for campaign, digest in snapshots.approved_digests(connection).items()
            if campaign != snapshot.campaign.key
            and campaigns.status_of(connection, campaign) is not CampaignStatus.CANCELLED
        ]
        cancelled = {
            step
            for step, status in campaigns.steps_of(connection, snapshot.campaign.key).items()
            if status is StepStatus.CANCELLED
        }
        events = _events(process, snapshot, others, registry, known, now, resolver, cancelled)
        past = _past_runs(process, runs.recent(connection, now - _longest_window(snapshot)), now)
        questions = _questions(resolver, events, past)
        counted = list(kinds.count_kinds(connection, questions))
        names = _personal_segments(process, resolver, questions, connection)
        warnings = [*_unknown_groups(groups.known(connection), snapshot), *list_warnings(connection, snapshot, now)]
    warnings += _without_address(process, snapshot)
    plan = _sum_up(snapshot, registry, resolver, events, past, questions, counted, names, warnings)
    plan.runs += _post_runs(snapshot, known, now, cancelled)
    plan.runs.sort(key=lambda run: (run.due, run.step))
    return plan


def _post_runs(
    snapshot: Snapshot, known: set[tuple[str, str]], now: datetime, cancelled: Collection[str]
) -> list[PlannedRun]:
    """The runs on pages to come: they reach nobody in particular, cost nothing, and go at any hour."""
    return [
        PlannedRun(
            step.id, occurrence.key, step.channel, occurrence.due, max(occurrence.due, now), posts=len(step.sender)
        )
        for step in snapshot.campaign.steps
        if step.posted and step.id not in cancelled
        for occurrence in snapshot.occurrences(step)
        if not runs.is_known(known, step.id, occurrence.key, occurrence.due)
        and now <= occurrence.missed_after
        and now < occurrence.expires
    ]


def _events(
    process: Process,
    snapshot: Snapshot,
    others: Sequence[Snapshot],
    registry: Registry,
    known: set[tuple[str, str]],
    now: datetime,
    resolver: Resolver,
    cancelled: Collection[str],
) -> list[Event]:
    """Every run to come, of this campaign and the other approved ones, in the order in which they start."""
    found = [
        _event(snapshot, step, occurrence, now, resolver, ours=True)
        for step in snapshot.campaign.steps
        if step.id not in cancelled and not step.posted
        for occurrence in snapshot.occurrences(step)
        if not runs.is_known(known, step.id, occurrence.key, occurrence.due)
        and now <= occurrence.missed_after
        and now < occurrence.expires
    ]
    if not found:
        return []
    last = max(event.starts for event in found)
    for other in others if snapshot.campaign.limits.per_person or _contacted_windows(snapshot) else ():
        with process.database.read() as connection:
            opened = runs.occurrences_known(connection, other.campaign.key)
        other_resolver = Resolver(other, registry, drafts=True)
        found += [
            _event(other, step, occurrence, now, other_resolver, ours=False)
            for step in other.campaign.steps
            if step.rings
            for occurrence in other.occurrences(step)
            if not runs.is_known(opened, step.id, occurrence.key, occurrence.due)
            and now <= occurrence.missed_after
            and occurrence.due <= last
        ]
    return sorted(found, key=_turn)


def _turn(event: Event) -> tuple[datetime, datetime, str, int]:
    """The order in which runs get their turn: as they may start, as they were due, as they were opened."""
    campaign = event.snapshot.campaign
    return event.starts, event.occurrence.due, campaign.key, campaign.steps.index(event.step)


def _event(
    snapshot: Snapshot, step: Step, occurrence: Occurrence, now: datetime, resolver: Resolver, *, ours: bool
) -> Event:
    opens = max(snapshot.opens(step, occurrence.due), now)
    starts = first_claim(snapshot, step, opens) or occurrence.expires
    within = snapshot.audiences[str(step.audience)].exclude.contacted_within
    return Event(
        snapshot=snapshot,
        step=step,
        occurrence=occurrence,
        opens=opens,
        starts=starts,
        ours=ours,
        resolver=resolver,
        cap=_cap_of(snapshot) if step.person_addressed else None,
        contacted_within=within,
        expired=starts >= occurrence.expires,
    )


def _cap_of(snapshot: Snapshot) -> tuple[int, timedelta] | None:
    cap = snapshot.campaign.limits.per_person
    return (cap.count, cap.window) if cap else None


def _contacted_windows(snapshot: Snapshot) -> list[timedelta]:
    return [
        audience.exclude.contacted_within
        for audience in snapshot.audiences.values()
        if audience.exclude.contacted_within is not None
    ]


def _longest_window(snapshot: Snapshot) -> timedelta:
    cap = snapshot.campaign.limits.per_person
    return max([*_contacted_windows(snapshot), cap.window if cap else timedelta()], default=timedelta())


def _past_runs(process: Process, found: Iterable[RowMapping], now: datetime) -> dict[int, Made]:
    """Run id → when and how its deliveries count, for runs that may still weigh on caps, in the order of their turn."""
    live = {RunStatus.READY, RunStatus.RUNNING, RunStatus.PAUSED, RunStatus.ENQUEUEING}
    past = {}
    for run in found:
        snapshot, is_open = process.snapshot(run["digest"]), run["status"] in live
        step = snapshot.campaign.step(run["step"])
        if step.posted:
            continue  # nobody's cap is touched by a post
        first = first_claim(snapshot, step, max(run["opened_at"], now) if is_open else run["opened_at"])
        at = first or run["expires_at"]
        past[run["id"]] = Made(at, _cap_of(snapshot) if is_open else None, waits=is_open and at > now)
    return dict(sorted(past.items(), key=lambda item: (item[1].at, item[0]))[-MOST_PAST_RUNS:])


def _questions(resolver: Resolver, events: Sequence[Event], past: dict[int, Made]) -> Questions:
    arms: dict[str, Arms] = {}
    asked: dict[tuple[str, ...], None] = {}
    do_not_call = email = False
    for one in [resolver, *(event.resolver for event in events if not event.ours)]:
        asks = one.questions()
        arms |= {arm.campaign: arm for arm in asks.arms}
        asked |= dict.fromkeys(asks.groups)
        do_not_call |= asks.do_not_call
        email |= asks.email
    return Questions(
        arms=tuple(arms.values()), groups=tuple(asked), runs=tuple(past), do_not_call=do_not_call, email=email
    )


def _personal_segments(
    process: Process, resolver: Resolver, questions: Questions, connection: Connection
) -> dict[tuple[Kind, str], int]:
    """Segments of texts with names in them: (kind, step) → their sum over the kind's people, by real names."""
    steps = [step for step in resolver.snapshot.campaign.steps if resolver.is_personal(step) and not step.aloud]
    sums: dict[tuple[Kind, str], int] = defaultdict(int)
    if not steps:
        return sums
    resolved: dict[tuple[Kind, str], Resolved | None] = {}
    for kind, name_sealed in kinds.names_of(connection, questions):
        name = process.keyring.unseal(name_sealed) if name_sealed else ""
        for step in steps:
            key = (kind, step.id)
            if key not in resolved:
                resolved[key] = resolver.resolve(step, kind, questions, arm=kind.arms[0])
            one = resolved[key]
            if one is not None and one.words is not None:
                personal = one.words.rendered.personal
                sums[key] += count(one.words.rendered.words(name)).segments if personal else one.words.counted.segments
    return sums


def _sum_up(
    snapshot: Snapshot,
    registry: Registry,
    resolver: Resolver,
    events: Sequence[Event],
    past: dict[int, Made],
    questions: Questions,
    counted: Sequence[tuple[Kind, int]],
    names: dict[tuple[Kind, str], int],
    warnings: list[str],
) -> Plan:
    planned = {
        number: PlannedRun(event.step.id, event.occurrence.key, event.step.channel, event.occurrence.due, event.starts)
        for number, event in enumerate(events)
        if event.ours
    }
    districts: dict[str | None, Sums] = defaultdict(Sums)
    totals = Sums()
    for kind, people in counted:
        statuses = _statuses(events, kind, questions)
        blocked = capped_events(events, statuses, _past_times(kind, past, questions))
        reached = False
        for number, run in planned.items():
            event, resolved = events[number], statuses[number]
            if resolved is None:
                continue
            reason = blocked.get(number)
            segments = cost = 0
            if resolved.status == QUEUED and resolved.words is not None:
                segments = names.get((kind, event.step.id), resolved.words.counted.segments * people)
                cost = segments * resolved.sender.price_per_segment
                if reason != "contacted_recently":  # that is decided before the rows are written
                    run.queued += people
                    run.queued_cost_vnd += cost
            status = reason or ("expired" if event.expired and resolved.status == QUEUED else resolved.status)
            if status != QUEUED or resolved.words is None:
                run.excluded[status] += people
                continue
            reached = True
            run.recipients += people
            run.by_sender[resolved.sender.key] += people
            run.segments += segments
            run.cost_vnd += cost
            run.minutes = max(run.minutes, resolved.words.minutes)
            area = registry.historic_district(kind.era, kind.commune)  # type: ignore[arg-type]  # the table's check
            districts[area.district_code].add(people, segments, cost)
        totals.people += people if reached else 0
    for run in planned.values():
        run.duration_s = max((some / snapshot.senders[key].rate for key, some in run.by_sender.items()), default=0.0)
        totals.add(run.recipients, run.segments, run.cost_vnd)
        totals.excluded += run.excluded.total()
    warnings = [*warnings, *_over_budget(snapshot, list(planned.values())), *_no_addresses(snapshot, planned.values())]
    in_order = sorted(planned.values(), key=lambda run: (run.due, run.step))
    return Plan(snapshot.campaign.key, in_order, dict(districts), totals, warnings)


def _no_addresses(snapshot: Snapshot, planned: Iterable[PlannedRun]) -> list[str]:
    """Steps with a sender of e-mail of whose relays nobody has an address."""
    reached: dict[str, bool] = {}
    for run in planned:
        roads = snapshot.roads(snapshot.campaign.step(run.step))
        if EMAIL in roads and run.recipients + run.excluded[NO_EMAIL]:
            reached[run.step] = reached.get(run.step, False) or bool(run.by_sender[roads[EMAIL][0].key])
    return [sentence("loudspeaker.no-addresses", step=step) for step, some in reached.items() if not some]


def _over_budget(snapshot: Snapshot, planned: list[PlannedRun]) -> list[str]:
    """A run reserves all it holds when it opens, and gives back what was not handed over when it is finished."""
    budget, spent = snapshot.campaign.limits.budget, 0
    for run in sorted(planned, key=lambda run: run.due):
        if budget is not None and spent + run.queued_cost_vnd > budget:
            cost = written(sum(run.cost_vnd for run in planned))
            return [sentence("pipeline.over-budget", cost=cost, budget=written(budget), step=run.step)]
        spent += run.cost_vnd
    return []


def _statuses(events: Sequence[Event], kind: Kind, questions: Questions) -> list[Resolved | None]:
    """What the kind gets in each event by the rules alone, before caps; decided once a step."""
    by_step: dict[tuple[str, str], Resolved | None] = {}
    arms = {arm.campaign: kind.arms[place] for place, arm in enumerate(questions.arms)}
    found = []
    for event in events:
        key = (event.snapshot.campaign.key, event.step.id)
        if key not in by_step:
            by_step[key] = event.resolver.resolve(event.step, kind, questions, arm=arms[key[0]])
        found.append(by_step[key])
    return found


def _past_times(kind: Kind, past: dict[int, Made], questions: Questions) -> tuple[Made, ...]:
    return tuple(made for run_id, made in past.items() if kind.marks & questions.run_mark(run_id))


def _without_address(process: Process, snapshot: Snapshot) -> list[str]:
    """Steps whose links would lead nowhere."""
    return [
        sentence("loudspeaker.no-public-url", step=step.id)
        for step in snapshot.campaign.steps
        if step.aloud and relay_link.needs_address(process, snapshot.senders_of(step))
    ]


def _unknown_groups(known: set[str], snapshot: Snapshot) -> list[str]:
    asked = {group: key for key, audience in snapshot.audiences.items() for group in audience.groups.any}
    return [
        sentence("pipeline.nobody-in-group", group=group, audience=audience)
        for group, audience in sorted(asked.items())
        if group not in known
    ]
