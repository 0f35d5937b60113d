"""Who opens the runs and asks the vendors, where several processes share a database.

One leads, by a lock that it holds for life; the others follow: they dispatch and receive. Leadership only spares
work. What keeps a run from being opened twice is the uniqueness of its row, so a follower that sees no leader at
work (stopped, hung, cut off with its session still open) stands in for it until there is one again.

Look-ups and polls are the leader's as well. Several asking would multiply the calls to the vendor, and a proof of
absence is measured on the monotonic clock of one machine.
"""

from engine.clock import real
from engine.errors import LoaError
from engine.log import get
from engine.pipeline.process import Process
from engine.store.database import Lock
from engine.store.locks import LifeLock
from engine.store.workers import leaders

FRESH = 30.0  # seconds since a leader was last heard of; it says so every five

_log = get("leadership")


class Leadership:
    """Our part among the processes. ``leads``: the lock is ours; ``acts``: we do the leader's work just now."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._lock = LifeLock(process.database, Lock.LEADER)
        self.leads = False
        self.acts = False

    def seek(self) -> bool:
        """Keep or seek the lead; True when we have just begun to act. Raises ``LoaError`` when nobody can tell."""
        before = self.acts
        try:
            self.leads = self._lock.held() or self._lock.take()
        except LoaError:
            self.leads = self.acts = False
            raise
        self.acts = self.leads or not somebody_leads(self._process)
        if self.acts != before:
            _log.info("lead" if self.leads else "stand_in" if self.acts else "follow")
        return self.acts and not before

    def let_go(self) -> None:
        """Leave the lead to whoever comes next."""
        self._lock.let_go()
        self.leads = self.acts = False


def somebody_leads(process: Process) -> bool:
    """Whether another process leads and has been heard of lately."""
    ours, now = process.worker.id if process.worker else "", real()
    return any(worker != ours and now - seen <= FRESH for worker, seen in leaders(process.database))
