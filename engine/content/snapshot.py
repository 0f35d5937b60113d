"""A Snapshot: everything running code needs of a campaign, as data, with a digest. No file is read behind it.

It holds the campaign, the audiences its steps name (and those they exclude) with their areas looked up, the
messages with their includes, the senders without secrets, and what of ``loa.yaml`` rules a sending. Its JSON is
canonical (keys sorted, NFC, no spaces), so the same content has the same digest on every machine.
"""

import hashlib
import json
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import Field

from engine.content.audience import AreaReference, ResolvedAudience
from engine.content.campaign import Campaign, Step
from engine.content.loudspeaker import Loudspeaker
from engine.content.message import MessageSet
from engine.content.occurrences import Occurrence, occurrences
from engine.content.organisation import Approvals, Organisation, Privacy, Sender
from engine.content.values import Frozen
from engine.content.workspace import Workspace

FORMAT = 1


class Snapshot(Frozen):
    """A campaign frozen: what is approved, and all that planning and sending read."""

    format: int = FORMAT
    campaign: Campaign
    audiences: dict[str, ResolvedAudience]  # those of the steps and those they exclude, by key
    messages: dict[str, MessageSet]  # by key
    senders: dict[str, Sender]  # those of the steps, by key; secrets stay ``${NAME}``
    organisation: Organisation
    timezone: str
    hotlines: tuple[str, ...]  # the campaign's, or else the workspace's
    approvals: Approvals
    privacy: Privacy
    area_table: str  # the version of the area tables that the audiences were looked up in
    tags: dict[str, tuple[AreaReference, ...]] = Field(default_factory=dict)  # the tags the audiences use
    # of a campaign with something to read aloud; without the speech command, which is the machine's affair
    loudspeaker: Loudspeaker | None = None

    def to_json(self) -> str:
        """The canonical text: sorted keys, NFC, no spaces, nothing that is not given.

        What a later program adds as an optional key would otherwise be a null in every digest, and an update would void
        approvals of files that nobody has touched.
        """
        given = self.model_dump(mode="json", exclude_none=True)
        return unicodedata.normalize(
            "NFC", json.dumps(given, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        )

    @classmethod
    def from_json(cls, text: str) -> "Snapshot":
        """The snapshot that ``to_json`` wrote. Raises pydantic's ``ValidationError`` for anything else."""
        return cls.model_validate_json(text)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical text, in hex: equal content, equal digest."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @property
    def zone(self) -> ZoneInfo:
        """The workspace's timezone."""
        return ZoneInfo(self.timezone)

    def occurrences(self, step: Step) -> list[Occurrence]:
        """Every time ``step`` is due, in order; see ``engine.content.occurrences``."""
        return occurrences(step, self.campaign, self.zone)

    @property
    def reading(self) -> Loudspeaker:
        """How scripts are read aloud here."""
        return self.loudspeaker or Loudspeaker()

    def opens(self, step: Step, due: datetime) -> datetime:
        """When a run that is due at ``due`` is opened: then; where relays must first get a script, so long before."""
        return due - self.reading.ahead if step.aloud else due

    def senders_of(self, step: Step) -> tuple[Sender, ...]:
        """The step's senders in order of preference."""
        return tuple(self.senders[key] for key in step.sender)

    def roads(self, step: Step) -> dict[str, tuple[Sender, ...]]:
        """The step's senders by their channel, each road's in order of preference, the first one's road first.

        Only a loudspeaker's step has two: a relay with an e-mail address takes that road, the others the SMS's. Within
        a road senders stand in for each other, never across.
        """
        found: dict[str, tuple[Sender, ...]] = {}
        for sender in self.senders_of(step):
            found[sender.channel] = (*found.get(sender.channel, ()), sender)
        return found

    def audience_closure(self, step: Step) -> dict[str, ResolvedAudience]:
        """The step's audience and all that it leaves out, directly or through another, by key."""
        found: dict[str, ResolvedAudience] = {}
        waiting = [step.audience] if step.audience else []
        while waiting:
            key = waiting.pop()
            if key not in found:
                found[key] = self.audiences[key]
                waiting += found[key].exclude.audiences
        return found

    def is_advertising(self, step: Step) -> bool:
        """Whether Decree 91/2020/NĐ-CP's rules for advertising bind the step: it reaches people's own phones."""
        return self.campaign.kind == "quang_cao" and step.person_addressed


def snapshot(workspace: Workspace, campaign_key: str) -> Snapshot:
    """Freeze a campaign of a checked workspace; ``KeyError`` when it is not there (or has errors)."""
    campaign = workspace.campaigns[campaign_key]
    audiences: dict[str, ResolvedAudience] = {}
    waiting = [step.audience for step in campaign.steps if step.audience]
    while waiting:
        key = waiting.pop()
        if key not in audiences:
            audiences[key] = workspace.audiences[key]
            waiting += audiences[key].exclude.audiences
    messages = {step.message for step in campaign.steps if step.message}
    senders = {key for step in campaign.steps for key in step.sender}
    tags = {tag for audience in audiences.values() for tag in audience.areas.tags}
    configuration = workspace.configuration
    aloud = configuration.loudspeaker.model_copy(update={"speech_command": ()})
    return Snapshot(
        campaign=campaign,
        audiences=audiences,
        messages={key: workspace.messages[key] for key in messages},
        senders={key: workspace.senders[key] for key in senders},
        organisation=configuration.organisation,
        timezone=configuration.timezone,
        hotlines=campaign.hotlines or configuration.hotlines,
        approvals=configuration.approvals,
        privacy=configuration.privacy,
        area_table=workspace.area_table,
        tags={tag: workspace.tags[tag] for tag in tags},
        loudspeaker=aloud if any(step.aloud for step in campaign.steps) else None,
    )


class Difference(NamedTuple):
    """One thing that is not as it was. ``before`` or ``after`` is None where there is nothing."""

    path: str  # as in the files: ``campaign.steps.mo-dau.when``
    before: str | None
    after: str | None


def differences(old: Snapshot, new: Snapshot) -> list[Difference]:
    """What changed between two snapshots, readable, in a settled order; empty when their digests are equal."""
    before, after = json.loads(old.to_json()), json.loads(new.to_json())
    # By name first, as a person would tell it; what is left then is another order, or other words for the same.
    return list(_compare("", _named(before), _named(after))) or list(_compare("", before, after))


_NAMES = ("id", "file")  # what names the items of a list, so that a step inserted above moves nothing


def _named(value: Any) -> Any:
    """Lists of named things (steps, messages) as mappings by name, and values with a ``text`` as that text."""
    if isinstance(value, dict):
        return value["text"] if "text" in value else {key: _named(part) for key, part in value.items()}
    if isinstance(value, list):
        for name in _NAMES:
            if value and all(isinstance(item, dict) and name in item for item in value):
                return {item[name]: _named(item) for item in value}
        return [_named(item) for item in value]
    return value


def _compare(path: str, old: Any, new: Any) -> Iterator[Difference]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _compare(f"{path}.{key}" if path else key, old.get(key), new.get(key))
    else:
        yield Difference(path, _said(old), _said(new))


def _said(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
