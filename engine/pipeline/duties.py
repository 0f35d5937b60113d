"""What ``loa run`` does again and again: the few jobs that APScheduler wakes, and which of them are the leader's.

Followers look only for senders they do not know, dispatch and receive; see ``leadership``.
"""

import asyncio
from datetime import UTC

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from engine.clock import VIETNAM, monotonic
from engine.pipeline import alerts, broadcasts, heartbeat, imports, retention
from engine.pipeline.jobs import Job
from engine.pipeline.leadership import Leadership
from engine.pipeline.process import Process
from engine.pipeline.service import Service
from engine.pipeline.watchdog import Beat, Watchdog

LOOK_EVERY = 1.0  # seconds, real ones; a look costs a few stats and one small query
LEAD_EVERY = 2.0
FIND_OUT_EVERY = 2.0
ALERTS_EVERY = 60.0
HOUSEKEEPING_EVERY = 60.0
REMINDERS_EVERY = 30.0
PAGES_EVERY = 60.0  # looks for posts and credentials whose turn it is: one small query
RETENTION_AT = (3, 30)  # hour and minute in Vietnam; and at the start, for a PC that is off at night

# Seconds of silence after which a part counts as dead. A heartbeat waits 30 s for a locked database; a vendor that
# hangs keeps a round of 700 questions for 18 minutes; a fan-out gives a sign with every chunk.
SCHEDULER_WITHIN, OPENING_WITHIN, FINDING_OUT_WITHIN = 120.0, 1800.0, 1800.0


def duties(process: Process, service: Service, leadership: Leadership, watchdog: Watchdog) -> list[Job]:
    """The jobs of the process, each with what the watchdog knows it by."""
    began, scheduler, finding_out = monotonic(), Beat(), Beat()
    watchdog.watch("scheduler", SCHEDULER_WITHIN, scheduler.silent)
    watchdog.watch("opening", OPENING_WITHIN, service.opening.silent)
    watchdog.watch("finding_out", FINDING_OUT_WITHIN, finding_out.silent)

    async def lead() -> None:
        if await asyncio.to_thread(leadership.seek):
            service.look_again()

    async def look() -> None:
        await service.look(acts=leadership.acts)

    async def find_out() -> None:
        finding_out()
        if leadership.acts:
            await service.find_out()

    async def publish() -> None:
        if leadership.acts:
            await service.publish()

    async def care_for_pages() -> None:
        if leadership.acts:
            await service.care_for_pages()

    async def beat() -> None:
        scheduler()
        alive_for = monotonic() - began
        await asyncio.to_thread(heartbeat.beat, process, leads=leadership.leads, alive_for=alive_for)

    async def alert() -> None:
        if leadership.acts:
            await alerts.deliver(process)

    async def remind() -> None:
        if leadership.acts:
            await asyncio.to_thread(broadcasts.remind_due, process)

    async def keep_house() -> None:
        if leadership.acts:
            await asyncio.to_thread(imports.settle_broken, process)

    async def retire() -> None:
        if leadership.acts and service.clock_is_trusted():
            await asyncio.to_thread(retention.retire, process, service.files, service.stopping.is_set)

    def every(seconds: float) -> IntervalTrigger:
        return IntervalTrigger(seconds=seconds, timezone=UTC)

    hour, minute = RETENTION_AT
    return [
        Job("lead", lead, lambda: every(LEAD_EVERY), at_once=True),
        Job("look", look, lambda: every(LOOK_EVERY), at_once=True),
        Job("find_out", find_out, lambda: every(FIND_OUT_EVERY)),
        Job("posts", publish, lambda: every(FIND_OUT_EVERY)),
        Job("pages", care_for_pages, lambda: every(PAGES_EVERY)),
        Job("heartbeat", beat, lambda: every(heartbeat.EVERY), at_once=True),
        Job("alerts", alert, lambda: every(ALERTS_EVERY)),
        Job("reminders", remind, lambda: every(REMINDERS_EVERY), at_once=True),
        Job("housekeeping", keep_house, lambda: every(HOUSEKEEPING_EVERY), at_once=True),
        Job("retention", retire, lambda: CronTrigger(hour=hour, minute=minute, timezone=VIETNAM), at_once=True),
    ]
