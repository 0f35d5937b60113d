"""``loa.yaml``: the organisation, its senders and the limits of the workspace."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal, Protocol

from pydantic import Field, field_validator

from engine.content.loudspeaker import Loudspeaker
from engine.content.values import Date, Duration, Frozen, Money, Number, Rate, Text, Texts
from engine.content.words import BadValue
from engine.errors import LoaError

TIMEZONE = "Asia/Ho_Chi_Minh"  # no other: see Configuration.timezone
# A claim may be at work for so long: 10 s until its call starts, 30 s until that ends (engine.pipeline.calls).
AT_WORK = timedelta(seconds=40)
RATE = 1.0  # messages a second when a sender says nothing: what the slowest gateways take
_ENVIRONMENT = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class VendorSchema(Protocol):
    """What content needs to know of a provider; ``engine.channels.base.Vendor`` is one."""

    @property
    def name(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def schema(self) -> Any: ...


class Organisation(Frozen):
    """Who sends. ``province`` is a 2025 code; names in audiences are looked up there first."""

    name: Text = Field(examples=["Ban Chỉ đạo 138 tỉnh Lạng Sơn"])
    province: Text = Field(examples=["20"])
    parent: Text | None = None


class Approvals(Frozen):
    """How many people a campaign needs: 2 means another person than its author approves it too."""

    people: Number = 1

    @field_validator("people")
    @classmethod
    def _one_or_two(cls, value: int) -> int:
        if value not in (1, 2):
            raise BadValue("content.approvals", text=value)
        return value


class Privacy(Frozen):
    """``small_cell``: no published number stands for fewer people; ``retention_days`` run from the period's end."""

    small_cell: Number = 10
    retention_days: Number = 180

    @field_validator("small_cell", "retention_days")
    @classmethod
    def _one_or_more(cls, value: int) -> int:
        if value < 1:
            raise BadValue("content.at-least-one", text=value)
        return value


class Signer(Frozen):
    """The signature block of a report."""

    authority: Text | None = None  # "TM. BAN CHỈ ĐẠO"
    acting: Text | None = None  # "KT. TRƯỞNG BAN": whoever signs in somebody's place
    position: Text | None = None
    name: Text | None = None


class ReportHeading(Frozen):
    """What an official report needs beside the numbers (Decree 30/2020/NĐ-CP)."""

    place: Text | None = None
    document_sign: Text | None = None
    signer: Signer = Signer()
    recipients: Texts = ()
    template: Text | None = None  # the office's own form (.docx), from the workspace's folder


class PageArea(Frozen):
    """The commune or province that a page belongs to, as written; ``content.pages`` looks it up."""

    era: Literal["legacy", "2025"] = Field(examples=["2025"])
    code: Text = Field(examples=["06184"])


class SenderLimits(Frozen):
    """The keys every sender has, whatever its provider."""

    provider: Text = Field(examples=["sandbox"])
    rate: Rate = RATE  # messages a second
    price_per_segment: Money = 0  # VND
    registered_until: Date | None = None  # the last day on which the sender's name is registered
    settle_after: Duration = timedelta(minutes=15)
    orphan_after: Duration = timedelta(seconds=60)
    poll_after: Duration = timedelta(minutes=10)
    area: PageArea | None = None  # of a page: its posts are counted there


class Sender(SenderLimits):
    """A configured account. ``options`` are its provider's own keys as written: secrets stay ``${NAME}`` here."""

    key: str
    channel: str
    options: dict[str, Any] = Field(default_factory=dict)

    def config(self, vendor: VendorSchema, environment: Mapping[str, str]) -> Any:
        """The provider's validated schema with secrets filled in from ``environment``.

        Raises ``LoaError`` (``content.unset-variable``) naming the variable that is missing. The result holds
        secrets: it is never printed, logged or stored.
        """
        return vendor.schema.model_validate(filled(self.options, environment, placeholders_of(vendor)))


class Configuration(Frozen):
    """``loa.yaml`` as written; senders are read apart, each with its provider's schema."""

    organisation: Organisation = Field(examples=[{"name": "Ban Chỉ đạo 138 tỉnh Lạng Sơn", "province": "20"}])
    timezone: Text = TIMEZONE
    hotlines: Texts = ()
    approvals: Approvals = Approvals()
    senders: dict[str, dict[str, Any]] = Field(examples=[{"dien-tap": {"provider": "sandbox"}}])
    privacy: Privacy = Privacy()
    report: ReportHeading = ReportHeading()
    alerts: Texts = ()
    loudspeaker: Loudspeaker = Loudspeaker()

    @field_validator("senders")
    @classmethod
    def _some(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        if not value:
            raise BadValue("content.empty")
        return value

    @field_validator("timezone")
    @classmethod
    def _only_this_zone(cls, value: str) -> str:
        # Runs are told apart by their local date, and the law's hours are Vietnam's: one zone, said, not assumed.
        if value != TIMEZONE:
            raise BadValue("content.bad-timezone", text=value, timezone=TIMEZONE)
        return value


def channels_of(vendor: VendorSchema) -> frozenset[str]:
    """Every channel that senders of a provider may serve; which of them, a sender's own key ``channel`` says."""
    return frozenset({vendor.channel}) | getattr(vendor, "channels", frozenset())


def placeholders_of(vendor: VendorSchema) -> frozenset[str]:
    """The ``${…}`` of a provider's own that stand for parts of a message, not for variables of the environment."""
    return getattr(vendor, "placeholders", frozenset())


def variables_in(value: Any, but: frozenset[str] = frozenset()) -> set[str]:
    """The names of every ``${NAME}`` in a value as written, however deep, without those in ``but``."""
    if isinstance(value, str):
        return set(_ENVIRONMENT.findall(value)) - but
    if isinstance(value, Mapping):
        return {name for part in value.values() for name in variables_in(part, but)}
    if isinstance(value, list | tuple):
        return {name for part in value for name in variables_in(part, but)}
    return set()


def filled(value: Any, environment: Mapping[str, str], but: frozenset[str] = frozenset()) -> Any:
    """``value`` with every ``${NAME}`` replaced, those in ``but`` left as they are.

    Raises ``LoaError`` (``content.unset-variable``) for a missing one.
    """
    if isinstance(value, str):
        for name in sorted(variables_in(value, but)):
            if not environment.get(name):
                raise LoaError("content.unset-variable", name=name)
        return _ENVIRONMENT.sub(lambda found: found[0] if found[1] in but else environment[found[1]], value)
    if isinstance(value, Mapping):
        return {key: filled(part, environment, but) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [filled(part, environment, but) for part in value]
    return value
