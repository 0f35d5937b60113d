"""Rehearsing a campaign: its whole period on a turned clock, in a copy of the database, against phones of clay.

The functions that open, claim, send, receive and finish are those of the true sending; only the clock and the provider
differ. Nothing of the original is written, and nothing leaves the machine.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, RowMapping

from engine.areas.registry import Registry
from engine.clock import SteppedTime, monotonic
from engine.content.snapshot import Snapshot
from engine.content.workspace import Loaded
from engine.pipeline import rehearse_rules as rules
from engine.pipeline.files import load_workspace
from engine.pipeline.process import Process
from engine.pipeline.rehearse_course import Course, Progress, RehearsedWorker, Wait
from engine.pipeline.rehearse_faults import Faults
from engine.pipeline.rehearse_figures import Day, RunCourse, add_movements, courses, days
from engine.pipeline.rehearse_proof import Broken, count_within, prove
from engine.pipeline.rehearse_rules import Finding
from engine.pipeline.rehearse_scratch import refuse_too_large, scratch_folder
from engine.pipeline.rehearse_stage import Asked, Stage, bytes_needed, open_stage, places_of, set_the_stage
from engine.pipeline.rehearse_vendor import World
from engine.pipeline.relay_link import HERE
from engine.settings import Settings
from engine.status import PostStatus
from engine.store import excerpt, posts, rehearsed, runs

NOWHERE = "http://127.0.0.1:9"  # in place of any vendor's address: a loopback one, so nothing counts as live


@dataclass
class Rehearsed:
    """What a rehearsal came to. ``process`` is open on the copy until the block ends."""

    snapshot: Snapshot
    process: Process
    asked: Asked
    faults: Faults
    approved: bool
    start: datetime
    end: datetime
    days: list[Day]
    courses: list[RunCourse]
    waits: list[tuple[RunCourse, Wait]]
    capped_people: int
    spent_before_vnd: int
    findings: list[Finding]
    already: int  # occurrences that had had their run before
    others: tuple[str, ...]  # campaigns that ran beside it
    seconds: float = 0.0  # that it took

    @property
    def ok(self) -> bool:
        """Nothing was broken."""
        return not any(finding.kind in ("broken", "bug") for finding in self.findings)


@contextmanager
def rehearsing(
    settings: Settings,
    asked: Asked,
    *,
    now: datetime,
    environment: Mapping[str, str],
    registry: Registry,
    progress: Progress | None = None,
) -> Iterator[Rehearsed]:
    """Rehearse ``asked``; the copy lives as long as the block.

    Raises ``ContentError`` or ``LoaError``: files with errors, no such campaign or approval, a cancelled campaign, no
    database, a wrong key, no room on the disk.
    """
    began = monotonic()
    loaded = load_workspace(settings, now, environment)
    stage = open_stage(settings, asked, loaded, now, environment)
    try:
        with scratch_folder(settings) as folder:
            copy = excerpt.create_excerpt(folder / "copy.db")
            try:
                places = {place for one in stage.current.values() for place in places_of(one, registry)}
                wanted = excerpt.Wanted(asked.campaign, places, stage.start - stage.window, stage.start)
                excerpt.fill_excerpt(stage.original.database, copy, wanted)
                stage.original.database.close()
                time = SteppedTime(stage.start.timestamp())
                apart = replace(
                    settings, public_url=settings.public_url or HERE, twilio_url=NOWHERE, clock_turned=False
                )
                process = Process(apart, copy, stage.original.keyring, time, {}, seconds=time)
                process.worker = RehearsedWorker(copy, "rehearse")
                refuse_too_large(folder, bytes_needed(process, stage, registry))
                set_the_stage(process, stage)
                result = _rehearse(process, time, stage, registry, loaded, progress)
                result.seconds = monotonic() - began
                yield result
            finally:
                copy.close()
    finally:
        stage.original.database.close()


def _rehearse(
    process: Process,
    time: SteppedTime,
    stage: Stage,
    registry: Registry,
    loaded: Loaded,
    progress: Progress | None,
) -> Rehearsed:
    key, world = stage.asked.campaign, World(SteppedTime(time.true), stage.faults, stage.asked.seed)
    with process.database.read() as connection:
        spent = rehearsed.spent(connection, key)
    course = Course(process, time, key, stage.current, registry, world, stage.faults)
    asyncio.run(course.run(progress))
    with process.database.read() as connection:
        found = runs.of_campaign(connection, key)
        moved = list(rehearsed.movements(connection, [run["id"] for run in found]))
        played = courses(stage.snapshot, stage.known, found, course.held)
        by_id = {run["id"]: played[f"{run['step']}/{run['occurrence']}"] for run in found if _is_new(run, played)}
        add_movements(by_id, moved)
        told = rehearsed.handed(connection, by_id)
        broken = prove(connection, stage.snapshot, by_id, moved, told, world.handed, stage.start, spent)
        if lost := sum(one.fate == "lost" for one in played.values()):
            broken.append(Broken("unaccounted", lost))
        broken += _add_posts(connection, stage.snapshot, played, world)
        capped = rehearsed.capped_people(connection, by_id)
    findings = [*stage.findings, *rules.from_clay(stage.snapshot, stage.original, told.synthetic)]
    findings += rules.from_nobody(list(played.values()))
    findings += rules.from_courses(stage.snapshot, list(played.values()), stage.now)
    findings += rules.from_proof(broken, clock_was_wrong=bool(stage.faults.jumps))
    if course.sending.by_a_wrong_clock:
        findings.append(rules.wrong_clock(course.sending.by_a_wrong_clock))
    quiet = (stage.snapshot.campaign.limits.quiet_hours,)
    ring = count_within(moved, by_id, quiet, stage.snapshot.zone, arrived=True)
    if ring:
        findings.append(rules.rings(ring))
    findings += rules.from_check(loaded.problems_of([key]) if key in loaded.uses else ())
    due = {run["id"]: run["due"] for run in found}
    reminders = {(run["step"], run["occurrence"]) for run in found if run["occurrence"].endswith(runs.REMINDER)}
    return Rehearsed(
        snapshot=stage.snapshot,
        process=process,
        asked=stage.asked,
        faults=stage.faults,
        approved=stage.approved,
        start=stage.start,
        end=process.clock.now(),
        days=days(moved, due, stage.start, stage.snapshot.zone, spent),
        courses=list(played.values()),
        waits=[(by_id[wait.run_id], wait) for wait in course.waits if wait.run_id in by_id],
        capped_people=capped,
        spent_before_vnd=spent,
        findings=findings,
        already=len({(run["step"], run["occurrence"]) for run in found if not _is_new(run, played)} - reminders),
        others=tuple(sorted(stage.current.keys() - {key})),
    )


def _add_posts(
    connection: Connection, snapshot: Snapshot, played: Mapping[str, RunCourse], world: World
) -> list[Broken]:
    """Count the posts of each course; what the pages' own ledger has against them."""
    broken: Counter[str] = Counter()
    for row in posts.of_campaigns(connection, [snapshot.campaign.key]):
        course = played.get(f"{row['step']}/{row['occurrence']}")
        if course is None:
            continue
        course.posts[row["status"]] += 1
        times = world.posted[row["id"]]
        broken["post_twice"] += times > 1
        broken["post_unaccounted"] += (times > 0) != (row["status"] == PostStatus.PUBLISHED)
    return [Broken(rule, count) for rule, count in broken.items() if count]


def _is_new(run: RowMapping, played: Mapping[str, RunCourse]) -> bool:
    return f"{run['step']}/{run['occurrence']}" in played
