"""What the pages read from: the figures of ``engine.reports`` over one process, asked for at most once a page."""

from collections import OrderedDict
from threading import Lock

from engine.areas import registry as areas
from engine.clock import real
from engine.content.snapshot import Snapshot
from engine.i18n import language
from engine.pipeline.files import Files
from engine.pipeline.plan import Plan, make_plan
from engine.pipeline.process import Process
from engine.reports import campaigns as keys
from engine.reports.calendar import Calendar, make_calendar
from engine.reports.forms import quiet
from engine.reports.overview import overview
from engine.reports.standing import Overview
from engine.reports.tally_queries import campaigns_with_runs
from engine.reports.telling import tell
from engine.reports.told import Tellable
from engine.reports.wanted import Wanted
from engine.store import audit, kinds, runs

KEPT = 32  # plans; one of a million people takes seconds, and a page that looks again by itself must not repeat it
READ_ROWS = ("coverage", "opt-outs")  # measures that no tally carries: 8 s of processor for ten million deliveries
KEEP = 600.0  # seconds of campaign time for which such a measure stands; the page says of when it is
FRESH = 60.0  # seconds of campaign time after which a plan is made again although nothing has changed


class Desk:
    """One process's files and figures, for pages in several threads."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._files = Files(process.settings)
        self._reading, self._planning = Lock(), Lock()
        self._counting = Lock()
        self._told: OrderedDict[object, Tellable] = OrderedDict()
        self._plans: OrderedDict[object, Plan] = OrderedDict()

    def known(self) -> list[str]:
        """Keys of all campaigns there are or have been, in alphabetical order."""
        with self.process.database.read() as connection:
            return sorted({*keys.in_folder(self.process.settings.workspace), *campaigns_with_runs(connection)})

    def snapshots(self) -> dict[str, Snapshot]:
        """The campaigns whose files have no errors, as the files stand."""
        with self._reading:
            self._files.refresh()
            return dict(self._files.campaigns)

    def overview(self, *campaigns: str) -> Overview:
        """How ``campaigns`` (default: all) stand now."""
        wanted = list(campaigns) or self.known()
        with self._reading:
            self._files.refresh()
            now = self.process.clock.now()
            return overview(self.process, wanted, self._files, now=now, real_now=real())

    def calendar(self, snapshot: Snapshot) -> tuple[Calendar, Plan]:
        """The campaign's calendar and the plan of what is to come."""
        plan = self._plan(snapshot)
        return make_calendar(self.process, snapshot, plan, now=self.process.clock.now()), plan

    def _plan(self, snapshot: Snapshot) -> Plan:
        now = self.process.clock.now()
        with self.process.database.read() as connection:
            stands = (kinds.contacts_version(connection), audit.latest(connection), runs.latest(connection))
        key = (snapshot.digest, stands, now.timestamp() // FRESH)
        with self._planning:  # two people who open the same page wait for one plan
            if key not in self._plans:
                self._plans[key] = make_plan(self.process, snapshot, areas.load())
                while len(self._plans) > KEPT:
                    self._plans.popitem(last=False)
            return self._plans[key]

    def told(self, wanted: Wanted) -> Tellable:
        """What there is to say of a question. What reads delivery rows is made by one at a time, and kept a while."""
        if wanted.what not in READ_ROWS:
            return tell(self.process, wanted, quiet)
        key = (wanted, language(), self.process.clock.now().timestamp() // KEEP)
        with self._counting:
            if key not in self._told:
                self._told[key] = tell(self.process, wanted, quiet)
                while len(self._told) > KEPT:
                    self._told.popitem(last=False)
            return self._told[key]

    def title(self, campaign: str, snapshots: dict[str, Snapshot]) -> str:
        """A campaign's title; of one without usable files that of its newest run, else its key."""
        if campaign in snapshots:
            return snapshots[campaign].campaign.title
        with self.process.database.read() as connection:
            digests = runs.digests(connection, campaign)
        return self.process.snapshot(digests[-1]).campaign.title if digests else campaign
