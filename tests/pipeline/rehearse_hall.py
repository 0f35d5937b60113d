"""Rehearsals for tests: the road's workspace, rehearsed from outside, as the command does it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import road_workspace as files
from pipeline_road import AREAS, Person, Road

from engine.clock import parse_instant
from engine.pipeline.rehearse import Rehearsed, rehearsing
from engine.pipeline.rehearse_stage import Asked

BEFORE = parse_instant("2027-06-01 08:00")  # nothing has begun
TWILIO = {"TWILIO_ACCOUNT_SID": files.ACCOUNT, "TWILIO_AUTH_TOKEN": files.TOKEN}
KINDS = ("bug", "broken")


@contextmanager
def rehearsed(
    road: Road,
    *,
    now: datetime = BEFORE,
    environment: Mapping[str, str] = TWILIO,
    campaign: str = "thu",
    **asked: Any,
) -> Iterator[Rehearsed]:
    """A rehearsal of the road's workspace, with its copy still there."""
    wanted = Asked(campaign, **asked)
    with rehearsing(road.settings, wanted, now=now, environment=environment, registry=AREAS) as result:
        yield result


def outcome(road: Road, **asked: Any) -> Rehearsed:
    """The same, when the copy is of no interest."""
    with rehearsed(road, **asked) as result:
        return result


def rules(result: Rehearsed, *kinds: str) -> set[str]:
    """The rules of the findings of these kinds."""
    return {finding.rule for finding in result.findings if finding.kind in (kinds or KINDS)}


def people(road: Road, count: int, **more: Any) -> None:
    """That many people whom the model takes."""
    road.people(*(Person(**more) for _ in range(count)))
