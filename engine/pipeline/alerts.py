"""Alerts: the duty officer hears of every new incident, whatever happens to this process, and is not flooded.

``deliver`` notices incidents, writes alerts in the transaction that marks them as told, and then sends what is due:
a crash between the two sends again, so an alert comes at least once. One alert a topic (a sender, a campaign, a kind
of doubtful deliveries) and hour; what happens meanwhile is in the next one, as a digest. It runs in a thread of its
own and takes the database for milliseconds: a dead mail server keeps no delivery waiting.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.channels.duty_officer import notify
from engine.clock import SystemClock, real
from engine.content import yamlfile
from engine.content.organisation import filled
from engine.content.workspace import CONFIGURATION
from engine.errors import LoaError
from engine.i18n import number, sentence
from engine.log import get
from engine.pipeline import incidents
from engine.pipeline.process import Process
from engine.store import alerts, audit
from engine.store.alerts import Due, Untold

ONE_EACH = 3600.0  # seconds between two alerts of one topic
LEASE = 120.0  # seconds one process has for sending; then whoever lives sends it again
AGAIN, LONGEST = 60.0, 3600.0  # seconds until the next try, doubling
GIVEN_UP = 2 * 86_400.0  # after two days a person has seen it otherwise
KEPT = 90 * 86_400.0
TOLD = 20  # lines in one alert
SHOWN_AFTER = 5  # tries that failed: `loa status` shows that nobody can be reached
UNTOLD = ("alert_undelivered",)  # there is nobody to tell

Chance = Callable[[], float]

_log = get("alerts")


@dataclass(frozen=True, slots=True)
class Duty:
    """Who is told: the addresses as written in ``loa.yaml`` (secrets are still ``${NAME}``), and by whom."""

    addresses: tuple[str, ...] = field(default=(), repr=False)
    organisation: str = ""


# A broken loa.yaml is what the officer must hear of: the addresses of before are used until it can be read again.
_last_read: dict[Path, Duty] = {}


async def deliver(process: Process) -> int:
    """Notice incidents and send what is due; how many alerts went out. Call it every minute, from one place.

    Nothing is sent on a clock that is neither the machine's nor ``LOA_CLOCK``'s: that is a rehearsal.
    """
    return await asyncio.to_thread(deliver_now, process)


def deliver_now(process: Process, chance: Chance = random.random) -> int:
    """``deliver`` in the calling thread; ``chance`` gives numbers in [0, 1) for the jitter of tries."""
    incidents.notice(process)
    if not isinstance(process.clock, SystemClock) and not process.settings.clock_turned:
        return 0
    duty = on_duty(process.settings.workspace)
    if not duty.addresses:
        return 0
    by_target = {process.keyring.sign(address): address for address in duty.addresses}
    _make(process, list(by_target))
    return _send_due(process, duty, by_target, chance)


def on_duty(workspace: Path) -> Duty:
    """The addresses and the organisation's name in ``loa.yaml``; as they were last read while it cannot be read."""
    try:
        tree = yamlfile.read(workspace / CONFIGURATION).tree
        written = yamlfile.plain(tree) if tree is not None else None
    except (OSError, LoaError):
        return _last_read.get(workspace, Duty())
    if not isinstance(written, dict):
        return _last_read.get(workspace, Duty())
    listed, organisation = written.get("alerts"), written.get("organisation")
    addresses = tuple(one for one in listed if isinstance(one, str)) if isinstance(listed, list) else ()
    name = organisation.get("name") if isinstance(organisation, dict) else None
    _last_read[workspace] = Duty(addresses, name if isinstance(name, str) else "")
    return _last_read[workspace]


def topic_of(one: Untold) -> str:
    """What is told of once an hour: a sender, a campaign with its runs, a kind of doubtful deliveries or posts."""
    sort, _, name = one.subject.partition(":")
    if sort in ("delivery", "post"):
        return one.kind
    return f"campaign:{name.partition('/')[0]}" if sort == "run" else one.subject


def _make(process: Process, targets: Sequence[str]) -> None:
    now_real = real()
    with process.database.read() as connection:
        new = alerts.untold(connection, UNTOLD)
        lately = alerts.told_lately(connection, now_real - ONE_EACH, now_real) if new else set()
    by_topic: dict[str, list[Untold]] = {}
    for one in new:
        if topic_of(one) not in lately:
            by_topic.setdefault(topic_of(one), []).append(one)
    if not by_topic:
        return
    with process.database.write() as connection:
        for topic, some in sorted(by_topic.items()):
            taken = alerts.take(connection, [one.id for one in some], now_real)
            content = content_of([one for one in some if one.id in taken])
            if content:
                alerts.add(connection, topic, json.dumps(content, ensure_ascii=False), targets, now_real)
        alerts.forget(connection, now_real - KEPT)


def content_of(some: Sequence[Untold]) -> list[tuple[str, str, int]]:
    """(kind, subject, how many): deliveries are counted, everything else is named."""
    counted = Counter((one.kind, "delivery:" if one.subject.startswith("delivery:") else one.subject) for one in some)
    return [(kind, subject, count) for (kind, subject), count in sorted(counted.items())]


def _send_due(process: Process, duty: Duty, by_target: dict[str, str], chance: Chance) -> int:
    with process.database.read() as connection:
        waiting = alerts.due(connection, real())
    sent, dead = 0, set[str]()
    for alert in waiting:
        if alert.target not in by_target:
            with process.database.write() as connection:
                alerts.readdress(connection, alert, list(by_target), real())
        elif alert.target not in dead:  # one that has just not answered is not asked again in this round
            through = _send(process, duty, by_target[alert.target], alert, chance)
            sent += through
            if not through:
                dead.add(alert.target)
    return sent


def _send(process: Process, duty: Duty, address: str, alert: Due, chance: Chance) -> bool:
    with process.database.write() as connection:
        if not alerts.lease(connection, alert, real() + LEASE):
            return False
    try:
        through = notify(filled(address, process.environment), *words(alert, duty, process.settings.clock_turned))
    except LoaError as error:  # a variable that is not set
        _log.error("alert", code=error.code)
        through = False
    at, now_real = process.clock.now(), real()
    with process.database.write() as connection:
        if through:
            alerts.end(connection, alert.id, now_real, sent=True)
            audit.settle_incident(connection, at=at, kind="alert_undelivered", subject="process:alerts")
            return True
        if now_real - alert.made_real > GIVEN_UP:
            alerts.end(connection, alert.id, now_real, sent=False)
        else:
            wait = min(AGAIN * 2.0 ** min(alert.tries, 10), LONGEST) * (0.75 + chance() / 2)
            alerts.postpone(connection, alert.id, now_real + wait)
        if alert.tries + 1 >= SHOWN_AFTER:
            audit.raise_incident(connection, process.keyring, at=at, kind="alert_undelivered", subject="process:alerts")
    _log.warning("not_delivered", alert=alert.id, tries=alert.tries + 1)
    return False


def words(alert: Due, duty: Duty, practice: bool) -> tuple[str, str]:
    """Title and body, in the language of this process. Nothing in them names a person or a number."""
    title = sentence(f"alerts.title{'-practice' if practice else ''}", organisation=duty.organisation)
    content = json.loads(alert.content)
    lines = [
        sentence(
            "alerts.line",
            subject=sentence("incidents.subject-deliveries", count=number(count))
            if subject == "delivery:"
            else incidents.about(subject),
            what=incidents.what(kind),
        )
        for kind, subject, count in content[:TOLD]
    ]
    if len(content) > TOLD:
        lines.append(sentence("alerts.more", count=number(len(content) - TOLD)))
    return title, "\n".join([*lines, sentence("alerts.see")])
