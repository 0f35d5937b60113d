"""A campaign's budget: a run reserves all it will cost before it goes out, and gives back what it did not use."""

from sqlalchemy import Connection, func, or_, select, update

from engine.status import Status
from engine.store.tables import CampaignState, Delivery, Run, table_of

_STATE, _DELIVERY, _RUN = table_of(CampaignState), table_of(Delivery), table_of(Run)


def reserve(connection: Connection, campaign: str, cost_vnd: int, budget_vnd: int | None) -> bool:
    """Take ``cost_vnd`` from the budget by one conditional UPDATE; False when it does not fit.

    The campaign has its row (``campaigns.ensure``).
    """
    query = update(_STATE).where(_STATE.c.campaign == campaign)
    if budget_vnd is not None:
        query = query.where(_STATE.c.reserved_vnd + cost_vnd <= budget_vnd)
    return connection.execute(query.values(reserved_vnd=_STATE.c.reserved_vnd + cost_vnd)).rowcount == 1


def reserved(connection: Connection, campaign: str) -> int:
    """What the campaign's runs have taken from its budget, in VND."""
    found = connection.execute(select(_STATE.c.reserved_vnd).where(_STATE.c.campaign == campaign)).scalar()
    return int(found or 0)


def cost_of_queued(connection: Connection, run_id: int) -> int:
    """What handing over all that is queued in a run will cost, in VND."""
    cost = connection.execute(
        select(func.coalesce(func.sum(_DELIVERY.c.cost_vnd), 0)).where(
            _DELIVERY.c.run_id == run_id, _DELIVERY.c.status == Status.QUEUED
        )
    ).scalar_one()
    return int(cost)


def note(connection: Connection, run_id: int, cost_vnd: int) -> None:
    """Add what was reserved for a run to what it has reserved already."""
    connection.execute(update(_RUN).where(_RUN.c.id == run_id).values(reserved_vnd=_RUN.c.reserved_vnd + cost_vnd))


def give_back(connection: Connection, campaign: str, run_id: int) -> None:
    """Return to the campaign's budget what the run reserved and did not (and will not) hand over.

    A call on its way counts as handed over: what it comes to is not known yet. Both rows are locked before they are
    read, the campaign first: two workers that find the same run over (PostgreSQL) give back once, not twice.
    """
    connection.execute(select(_STATE.c.campaign).where(_STATE.c.campaign == campaign).with_for_update())
    reserved_by_run = connection.execute(
        select(_RUN.c.reserved_vnd).where(_RUN.c.id == run_id).with_for_update()
    ).scalar_one()
    used = connection.execute(
        select(func.coalesce(func.sum(_DELIVERY.c.cost_vnd), 0)).where(
            _DELIVERY.c.run_id == run_id,
            or_(_DELIVERY.c.handed_at.is_not(None), _DELIVERY.c.status.in_([Status.UNKNOWN, Status.SENDING])),
        )
    ).scalar_one()
    unused = reserved_by_run - int(used)
    if unused > 0:
        query = update(_STATE).where(_STATE.c.campaign == campaign)
        connection.execute(query.values(reserved_vnd=_STATE.c.reserved_vnd - unused))
        connection.execute(update(_RUN).where(_RUN.c.id == run_id).values(reserved_vnd=int(used)))
