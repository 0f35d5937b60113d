"""Who gets a step, decided once per kind of contact: the rule that planning and sending share.

Pure. The order of reasons is fixed, so that the same person is always counted under the same one: matched by
areas, groups and languages first (else no row), then consent (no row, but the plan counts them), then the
exclusions below, from what the person wants to what the campaign wants.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from engine.areas.area import Membership
from engine.content.audience import ResolvedAudience
from engine.content.campaign import HOLDOUT, Campaign
from engine.store.kinds import CONSENT, OPTED_OUT, Arms, Kind, Questions

QUEUED = "queued"
NO_CONSENT = "no_consent"
NO_EMAIL = "no_email"  # the step sends e-mail only, and the relay has no address
ADVERTISING_TEXT = "advertising_text"  # the words made for this kind lack [QC] or a way to refuse

Memberships = dict[tuple[str, str], Membership]


@dataclass(frozen=True, slots=True)
class Rule:
    """One audience, ready to be asked about kinds. ``groups`` empty: everyone; ``languages`` None: any."""

    areas: Memberships = field(repr=False)
    groups: tuple[str, ...] = ()
    languages: frozenset[str] | None = None
    consent_required: bool = True
    excluded: tuple["Rule", ...] = ()

    def covers(self, kind: Kind, questions: Questions) -> Membership | None:
        """Whether areas, groups and languages match; AMBIGUOUS when only the area is in doubt."""
        membership = self.areas.get((kind.era, kind.commune))
        if membership is None or (self.languages is not None and kind.language not in self.languages):
            return None
        if self.groups and not kind.marks & questions.group_mark(self.groups):
            return None
        return membership


class Asked(NamedTuple):
    """What the exclusions are asked about: one kind of contact in one step."""

    rule: Rule
    kind: Kind
    questions: Questions
    membership: Membership
    arm: str
    contacted_since: datetime | None
    advertising: bool


# Why somebody who was matched gets nothing, in this order: the first one counts. A test takes each of them out.
EXCLUSIONS: dict[str, Callable[[Asked], bool]] = {
    # Decree 91/2020/NĐ-CP: advertising needs prior consent, whatever the audience says of its list's legal basis.
    NO_CONSENT: lambda asked: (asked.rule.consent_required or asked.advertising) and not asked.kind.marks & CONSENT,
    "opted_out": lambda asked: bool(asked.kind.marks & OPTED_OUT),
    "do_not_call": lambda asked: asked.advertising and bool(asked.kind.marks & asked.questions.do_not_call_mark),
    "area_ambiguous": lambda asked: asked.membership is Membership.AMBIGUOUS,
    # Whoever may be in an excluded audience is left out: the doubt is decided against writing.
    "excluded_audience": lambda asked: any(
        other.covers(asked.kind, asked.questions) is not None for other in asked.rule.excluded
    ),
    "holdout": lambda asked: asked.arm == HOLDOUT,
    "contacted_recently": lambda asked: (
        asked.contacted_since is not None
        and bool(asked.kind.marks & asked.questions.contacted_mark(asked.contacted_since))
    ),
}


def outcome(
    rule: Rule,
    kind: Kind,
    questions: Questions,
    *,
    arm: str = "",
    contacted_since: datetime | None = None,
    advertising: bool = False,
) -> str | None:
    """What a contact of ``kind`` gets: ``queued``, ``no_consent``, a reason for exclusion, or None (not matched).

    ``advertising``: the step is one that Decree 91's rules for advertising bind.
    """
    membership = rule.covers(kind, questions)
    if membership is None:
        return None
    asked = Asked(rule, kind, questions, membership, arm, contacted_since, advertising)
    return next((reason for reason, excludes in EXCLUSIONS.items() if excludes(asked)), QUEUED)


def groups_asked(rules: Iterable[Rule]) -> tuple[tuple[str, ...], ...]:
    """Every set of groups that these rules (and what they exclude) ask about, each once."""
    found = {rule.groups: None for outer in rules for rule in (outer, *outer.excluded) if rule.groups}
    return tuple(found)


def arms_of(campaign: Campaign) -> Arms:
    """The campaign's variants as the database computes them."""
    return Arms(campaign.key, tuple(campaign.variants.items()))


def selected_languages(audience: ResolvedAudience) -> frozenset[str] | None:
    """The languages an audience names; None: any."""
    return None if audience.languages is None else frozenset(audience.languages)
