"""A campaign as an officer writes it (``campaigns/<key>.yaml``): what is sent, when, to whom.

The models are frozen and hold typed values; ``engine.content.workspace`` fills them from YAML, and a snapshot
keeps them for running code. YAML keys that Python reserves have another field name: ``from`` → ``start``,
``to``/``until`` → ``end``, ``except`` → ``skipping``, ``class`` → ``kind``.
"""

from datetime import date, time, timedelta
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from engine.content.loudspeaker import LOUDSPEAKER
from engine.content.values import WHOLE, Cap, Date, Duration, Frozen, Money, Percentage, QuietHours, Text, Texts
from engine.content.when import Day, Moment, When
from engine.content.words import BadValue, is_key

HOLDOUT = "holdout"
LATE = timedelta(hours=2)
VALID_FOR = timedelta(hours=24)
QUIET_HOURS = QuietHours(start=time(20), end=time(8))
# Nobody is addressed outside 07:00–22:00, whatever a campaign's quiet hours say (Decree 91/2020/NĐ-CP for advertising;
# this project's limit for everything).
NIGHT = QuietHours(start=time(22), end=time(7))
# Channels that reach one person's own phone: hours, caps and consent are per person there.
PERSON_ADDRESSED = frozenset({"sms"})
# Channels of pages: a post is for everybody who passes, so neither hours nor people are asked.
POSTED = frozenset({"facebook", "zalo", "telegram", "social"})
LONGEST_PERIOD = timedelta(days=1100)


class Period(Frozen):
    """The campaign's days, both included, in the workspace's timezone."""

    start: Date = Field(alias="from", examples=["2027-07-01"])
    end: Date = Field(alias="to", examples=["2027-09-30"])

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end < self.start:
            raise BadValue("content.period-backwards", start=self.start.isoformat(), end=self.end.isoformat())
        if self.end - self.start > LONGEST_PERIOD:
            raise BadValue("content.period-too-long", days=LONGEST_PERIOD.days)
        return self

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end


class Limits(Frozen):
    """What the campaign never goes beyond."""

    quiet_hours: QuietHours = QUIET_HOURS
    per_person: Cap | None = None
    budget: Money | None = None  # VND for the whole campaign


class Step(Frozen):
    """One dated sending of a campaign, once or recurring."""

    id: Text = Field(examples=["mo-dau"])
    when: When = Field(examples=["2027-07-16 08:30"])
    start: Moment | None = Field(None, alias="from")  # recurring steps only: the first day
    end: Moment | None = Field(None, alias="until")  # the last day
    skipping: tuple[Moment, ...] = Field((), alias="except")  # days left out
    channel: Text = Field(examples=["sms"])
    sender: Texts = ()  # keys of loa.yaml's senders, in order of preference; of a post: pages, all of them
    audience: Text | None = None
    message: Text | None = None
    valid_for: Duration | None = None  # None: 24 h or until the next occurrence, whichever is sooner
    late: Duration = LATE  # later than this after the due time the run is missed

    @field_validator("id")
    @classmethod
    def _id_is_key(cls, value: str) -> str:
        if not is_key(value):
            raise BadValue("content.bad-key", text=value)
        return value

    @field_validator("skipping", mode="before")
    @classmethod
    def _skipping_listed(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("valid_for")
    @classmethod
    def _some_validity(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value < timedelta(minutes=1):
            raise BadValue("content.valid-for-too-short")
        return value

    @property
    def person_addressed(self) -> bool:
        """Whether it reaches people's own phones, so that hours, caps and consent bind it."""
        return self.channel in PERSON_ADDRESSED

    @property
    def aloud(self) -> bool:
        """Whether relays read it aloud: they get a link to the script."""
        return self.channel == LOUDSPEAKER

    @property
    def rings(self) -> bool:
        """Whether a phone rings for it, so that quiet hours and the night bind it: a relay's link is an SMS too."""
        return self.person_addressed or self.aloud

    @property
    def posted(self) -> bool:
        """Whether it is put up on pages: one post on each of its senders."""
        return self.channel in POSTED


class Campaign(Frozen):
    """One campaign. ``key`` is the file's name without ``.yaml``, never written inside it."""

    key: str
    title: Text = Field(examples=["Hưởng ứng ngày 30/7"])
    owner: Text = Field(examples=["Ban Chỉ đạo 138"])
    legal_basis: Texts = Field(examples=[["Kế hoạch số 87/KH-BCĐ ngày 31/5/2021"]])
    theme: Text | None = None
    kind: Literal["thong_bao", "quang_cao"] = Field(alias="class", examples=["thong_bao"])
    period: Period = Field(examples=[{"from": "2027-07-01", "to": "2027-09-30"}])
    anchor: Day | None = None
    hotlines: Texts = ()  # empty: loa.yaml's
    limits: Limits = Limits()
    variants: dict[str, Percentage] = Field(default_factory=dict)  # arm → share, in hundredths of a percent
    steps: tuple[Step, ...] = Field(examples=[[{"id": "mo-dau", "when": "2027-07-16 08:30", "channel": "sms"}]])

    @field_validator("legal_basis", "steps")
    @classmethod
    def _some(cls, value: tuple[object, ...]) -> tuple[object, ...]:
        # Not min_length: pydantic counts only the items that are right, and would call three wrong steps none.
        if not value:
            raise BadValue("content.empty")
        return value

    @field_validator("variants")
    @classmethod
    def _shares_fill_up(cls, value: dict[str, int]) -> dict[str, int]:
        for name in value:
            if not is_key(name):
                raise BadValue("content.bad-key", text=name)
        if value and sum(value.values()) != WHOLE:
            raise BadValue("content.shares", total=f"{sum(value.values()) / 100:g}")
        return value

    @property
    def arms(self) -> tuple[str, ...]:
        """The variants' names that get a message, in the order written; empty when there are none."""
        return tuple(name for name in self.variants if name != HOLDOUT)

    @property
    def holdout(self) -> int:
        """The share of people who get nothing, in hundredths of a percent."""
        return self.variants.get(HOLDOUT, 0)

    @property
    def anchor_date(self) -> date | None:
        """The anchor's one date inside the period; None without an anchor, or with a wrong one."""
        dates = self.anchor.dates(self.period.start, self.period.end) if self.anchor else []
        return dates[0] if len(dates) == 1 else None

    def step(self, step_id: str) -> Step:
        """The step with that id; ``KeyError`` when there is none."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)
