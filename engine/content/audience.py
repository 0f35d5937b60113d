"""Who gets a message: a rule over areas, groups, languages and consent (``audiences/<key>.yaml``)."""

from typing import Literal

from pydantic import Field, field_validator

from engine.content.values import Duration, Frozen, Text, Texts
from engine.content.words import BadValue, is_key

Era = Literal["legacy", "2025"]
AREA_KINDS = ("provinces", "districts", "communes", "tags")


class AreaRule(Frozen):
    """Areas as written, by code or name; every kind that is given must hold."""

    provinces: Texts = ()
    districts: Texts = ()
    communes: Texts = ()
    tags: Texts = ()
    era: Era | None = None

    def kinds(self) -> dict[str, tuple[str, ...]]:
        """The kinds that are given, with what was written for each."""
        return {kind: written for kind in AREA_KINDS if (written := getattr(self, kind))}


class Groups(Frozen):
    """People in at least one of these groups; empty: everyone."""

    any: Texts = ()

    @field_validator("any")
    @classmethod
    def _keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for group in value:
            if not is_key(group):
                raise BadValue("content.bad-key", text=group)
        return value


class Exclusions(Frozen):
    """Who is left out although the rest of the rule matches."""

    audiences: Texts = ()
    contacted_within: Duration | None = None


class Audience(Frozen):
    """One audience as written. ``languages`` None: any."""

    key: str
    title: Text = Field(examples=["Người dân xã biên giới"])
    areas: AreaRule = Field(examples=[{"tags": ["border"]}])
    groups: Groups = Groups()
    consent: Literal["required", "statutory"] = "required"
    languages: tuple[Text, ...] | None = None
    exclude: Exclusions = Exclusions()

    @field_validator("areas")
    @classmethod
    def _some_area(cls, value: AreaRule) -> AreaRule:
        if not value.kinds():
            raise BadValue("content.no-areas")
        return value

    @field_validator("languages", mode="before")
    @classmethod
    def _any_or_some(cls, value: object) -> object:
        return None if value == "any" else [value] if isinstance(value, str) else value


class AreaReference(Frozen):
    """An area by era, level and code: never by code alone (codes were reused in 2025), never by name."""

    era: Era
    level: Literal["province", "district", "commune"]
    code: str


class ResolvedAudience(Audience):
    """An audience whose areas were looked up, as a snapshot keeps it.

    ``resolved`` has one entry per kind that was written (``provinces``, ``districts``, ``communes``, ``tags``), each
    the union of what it names; a contact must lie in every one of them.
    """

    resolved: dict[str, tuple[AreaReference, ...]] = Field(default_factory=dict)
