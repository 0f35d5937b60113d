"""Every sender of the workspace: what it is, how it stands, and how much waits for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from engine.channels import vendor
from engine.clock import real
from engine.content.organisation import Sender
from engine.errors import LoaError
from engine.i18n import sentence
from engine.pipeline import breaker
from engine.pipeline.breaker import State
from engine.pipeline.process import Process
from engine.pipeline.providers import is_live
from engine.store import senders
from engine.store.senders import Standing

UNUSABLE = "unusable"  # free, but not on this machine: a secret is not set


@dataclass(frozen=True, slots=True)
class SenderStands:
    """One sender. ``configured`` None: no longer in ``loa.yaml``. ``until`` is real time; ``problem`` a sentence."""

    key: str
    configured: Sender | None
    state: str
    until: datetime | None
    reason: str | None
    problem: str | None
    queued: int
    sending: int
    unknown: int


def all_senders(process: Process, configured: Mapping[str, Sender]) -> list[SenderStands]:
    """The senders in ``configured`` (as ``loa.yaml`` has them), and others that still have deliveries or rest."""
    now_real = real()
    with process.database.read() as connection:
        stand, queues = senders.standings(connection), senders.queues(connection)
    busy = {key for key, one in stand.items() if breaker.state_of(one, now_real) is not State.FREE} | queues.keys()
    return [
        _stands(process, key, configured.get(key), stand.get(key, Standing()), queues.get(key, {}), now_real)
        for key in [*configured, *sorted(busy - configured.keys())]
    ]


def _stands(
    process: Process, key: str, sender: Sender | None, standing: Standing, queue: Mapping[str, int], now_real: float
) -> SenderStands:
    state = breaker.state_of(standing, now_real)
    problem = _problem(process, sender) if sender is not None and state is State.FREE else None
    rests = state in (State.PAUSED, State.OPEN) and standing.held_until is not None
    return SenderStands(
        key=key,
        configured=sender,
        state=UNUSABLE if problem else str(state),
        until=datetime.fromtimestamp(standing.held_until or 0.0, UTC) if rests else None,
        reason=None if state is State.FREE else standing.held_reason,
        problem=problem,
        queued=queue.get("queued", 0),
        sending=queue.get("sending", 0),
        unknown=queue.get("unknown", 0),
    )


def _problem(process: Process, sender: Sender) -> str | None:
    """Why a sender could not be opened by a process with this environment; its secrets are not shown."""
    try:
        if process.settings.clock_turned and is_live(process, sender):
            return sentence("pipeline.turned-clock-live", sender=sender.key)
        sender.config(vendor(sender.provider), process.environment)
    except LoaError as error:
        return str(error)
    except ValidationError as error:
        fields = ", ".join(sorted({str(place) for one in error.errors() for place in one["loc"]}))
        return sentence("pipeline.bad-sender", sender=sender.key, fields=fields)
    return None
