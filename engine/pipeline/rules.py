"""Who gets a step, decided once per kind of contact: the rule that planning and sending share.

Pure. The order of reasons is fixed, so that the same person is always counted under the same one: matched by
areas, groups and languages first (else no row), then consent (no row, but the plan counts them), then the
exclusions below, from what the person wants to what the campaign wants.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from engine.areas.area import Membership
from engine.content.audience import ResolvedAudience
from engine.content.campaign import HOLDOUT, Campaign
from engine.store.kinds import CONSENT, OPTED_OUT, Arms, Kind, Questions

QUEUED = "queued"
NO_CONSENT = "no_consent"
REASON_ORDER = ("opted_out", "area_ambiguous", "excluded_audience", "holdout", "contacted_recently", "capped")

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


def outcome(
    rule: Rule, kind: Kind, questions: Questions, *, arm: str = "", contacted_since: datetime | None = None
) -> str | None:
    """What a contact of ``kind`` gets: ``queued``, ``no_consent``, a reason for exclusion, or None (not matched)."""
    membership = rule.covers(kind, questions)
    if membership is None:
        return None
    if rule.consent_required and not kind.marks & CONSENT:
        return NO_CONSENT
    if kind.marks & OPTED_OUT:
        return "opted_out"
    if membership is Membership.AMBIGUOUS:
        return "area_ambiguous"
    # Whoever may be in an excluded audience is left out: the doubt is decided against writing.
    if any(other.covers(kind, questions) is not None for other in rule.excluded):
        return "excluded_audience"
    if arm == HOLDOUT:
        return "holdout"
    if contacted_since is not None and kind.marks & questions.contacted_mark(contacted_since):
        return "contacted_recently"
    return QUEUED


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
