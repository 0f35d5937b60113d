"""One campaign's figures set beside another's: exact, or both in the units that are no finer than either's."""

from collections.abc import Collection
from dataclasses import replace

from engine.areas import registry as areas
from engine.reports.asking import Asking, chosen_campaigns
from engine.reports.beside import Beside, other_year
from engine.reports.dimensions import By
from engine.reports.publication import Publication, publication_of
from engine.reports.report import Asked, make_report
from engine.reports.tally_queries import runs_of


def set_beside(asking: Asking, dimensions: tuple[By, ...], name: str) -> Beside:
    """The report of ``asking`` along ``dimensions``, beside that of the campaign ``name`` on the same days of its year.

    Published lines of both are unions of what each campaign's own report tells, so that a line means the same on both
    sides and nothing more is told. Raises ``LoaError`` for a campaign nobody knows.
    """
    process = asking.process
    [other] = chosen_campaigns(process, [name])
    with process.database.read() as connection:
        mine, theirs = runs_of(connection, asking.campaigns), runs_of(connection, (other,))
    years = theirs[0].due.year - mine[0].due.year if mine and theirs else 0
    asked = Asked(asking.campaigns, dimensions[0], asking.era, asking.since, asking.until, *dimensions[1:])
    both = None
    if asking.publish:
        both = publication_of(process.database, areas.load, process.snapshot, (*asking.campaigns, other))
    reports = (
        make_report(
            process.database, areas.load, process.snapshot, one, process.clock.now(),
            _of(both, one.campaigns) if both is not None else None,
        )
        for one in (asked, other_year(asked, other, years))
    )  # fmt: skip
    return Beside(*reports)


def _of(both: Publication, campaigns: Collection[str]) -> Publication:
    """One side: its own runs, in the units of both. What the two share of words is looked up for each anew."""
    runs = {run: campaign for run, campaign in both.runs.items() if campaign in campaigns}
    return replace(both, runs=runs, values={}, depths={}, undivided=both.undivided & runs.keys())
