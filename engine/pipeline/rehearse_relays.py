"""The relays of a rehearsal: most read and say so soon, some after the reminder, a few never. By the seed alone."""

import heapq
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from engine.pipeline import broadcasts as road
from engine.pipeline.process import Process
from engine.store import broadcasts

SAY_SO = 0.75  # of the relays who got the link confirm by themselves,
AFTER_REMINDER = 0.6  # of the others so many when they are reminded
_WITHIN = (5, 90)  # minutes after the hour, or the reminder
_TIMES = ((1, 2, 3), (70, 25, 5))  # how often a script is read, and how common that is


@dataclass
class RehearsedRelays:
    """Confirms in the copy as relays might."""

    process: Process
    seed: int
    _answers: list[tuple[datetime, int]] = field(default_factory=list)
    _seen: int = 0  # the last broadcast that was looked at

    def work(self, now: datetime) -> None:
        """Open the reminders that are due at ``now``, and take the confirmations that have come by then."""
        self._learn()
        for reminder in road.remind_due(self.process):
            with self.process.database.read() as connection:
                reminded = broadcasts.reminded_by(connection, reminder)
            for broadcast_id in reminded:
                dice = self._dice(broadcast_id, "reminder")
                if dice.random() < AFTER_REMINDER:
                    # from the morning on: a reminder that waits for the end of the night is not answered in it
                    self._expect(broadcast_id, now + timedelta(hours=14), dice)
        while self._answers and self._answers[0][0] <= now:
            at, broadcast_id = heapq.heappop(self._answers)
            self._confirm(at, broadcast_id)

    def following(self, now: datetime, campaign: str) -> datetime | None:
        """The next instant after ``now`` at which there is something to do; None: nothing is to come."""
        self._learn()
        with self.process.database.read() as connection:
            reminder = broadcasts.next_reminder(connection, now, campaign)
        found = [] if reminder is None or reminder <= now else [reminder]
        found += [self._answers[0][0]] if self._answers else []
        return min(found, default=None)

    def _learn(self) -> None:
        """Decide of every new broadcast whether its relay will say so, and when."""
        with self.process.database.read() as connection:
            new = broadcasts.after(connection, self._seen)
        for broadcast_id, planned in new:
            dice = self._dice(broadcast_id, "hour")
            if dice.random() < SAY_SO:
                self._expect(broadcast_id, planned, dice)
            self._seen = broadcast_id

    def _expect(self, broadcast_id: int, after: datetime, dice: random.Random) -> None:
        heapq.heappush(self._answers, (after + timedelta(minutes=dice.randint(*_WITHIN)), broadcast_id))

    def _confirm(self, at: datetime, broadcast_id: int) -> None:
        with self.process.database.read() as connection:
            row = broadcasts.one(connection, broadcast_id)
            if row is None or row.called_off or row.times is not None or at >= row.closes_at:
                return
            if not broadcasts.was_handed(connection, broadcast_id):
                return  # nobody reads what nobody got
        times = self._dice(broadcast_id, "times").choices(*_TIMES)[0]
        road.confirm(self.process, broadcast_id, road.Confirmation(times, row.planned_at), by="link")

    def _dice(self, broadcast_id: int, what: str) -> random.Random:
        return random.Random(f"{self.seed}.{broadcast_id}.{what}")
