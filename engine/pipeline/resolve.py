"""From kinds of contacts to what each gets: rules applied, words chosen and rendered once per distinct tuple.

Pure but for reading tables of areas. Planning and the fan-out both call ``Resolver``; that is why a plan shows
exactly what sending would do.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from engine.areas.membership import Selection, membership
from engine.areas.registry import Registry
from engine.content.advertising import is_lawful
from engine.content.campaign import HOLDOUT, Step
from engine.content.loudspeaker import EMAIL, minutes
from engine.content.message import Chosen
from engine.content.message_check import SAMPLE_LINK
from engine.content.organisation import Sender
from engine.content.snapshot import Snapshot
from engine.content.template import Rendered, Template, Values, compile_message
from engine.errors import LoaError
from engine.pipeline.invitation import invitation, letter, tongue
from engine.pipeline.rules import (
    ADVERTISING_TEXT,
    NO_CONSENT,
    NO_EMAIL,
    QUEUED,
    Memberships,
    Rule,
    arms_of,
    groups_asked,
    outcome,
    selected_languages,
)
from engine.store.kinds import Kind, Questions
from engine.text.segments import Counted, count

# What an e-mail costs: nobody bills it by the segment. It is stored as the encoding of its rendering.
UNBILLED = Counted("UTF-8", 0, 0)


@dataclass(frozen=True, slots=True)
class Words:
    """One rendering: the words (or skeleton), and what they cost. Segments of a skeleton: without a name."""

    tuple_key: str
    language: str
    rendered: Rendered = field(repr=False)
    counted: Counted
    fallback: bool
    script: str | None = field(default=None, repr=False)  # of a loudspeaker's step: what the link leads to
    minutes: int = 0  # that reading it takes

    @property
    def counts_names(self) -> bool:
        """Whether what it costs differs from person to person: links are all of one length, names are not."""
        return self.rendered.personal and self.script is None


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a kind of contact gets in a step. ``status`` is queued, no_consent or a reason for exclusion.

    ``sender`` is the first of the road it takes; of who gets nothing, the step's first.
    """

    kind: Kind
    arm: str
    status: str
    words: Words | None
    sender: Sender

    @property
    def excluded(self) -> str | None:
        """The reason, for those who get a row but no message."""
        return None if self.status in (QUEUED, NO_CONSENT) else self.status

    @property
    def row_status(self) -> str:
        """The status of the delivery row: queued or excluded."""
        return QUEUED if self.excluded is None else "excluded"


class Resolver:
    """One snapshot's rules and words. ``drafts`` lets unreviewed translations through (never for live senders).

    For a loudspeaker's step ``due`` is when it is to be read (None: some day at the step's hour), ``link`` a link as
    long as every other.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        registry: Registry,
        *,
        drafts: bool,
        due: datetime | None = None,
        link: str = SAMPLE_LINK,
    ) -> None:
        self.snapshot, self._registry, self._drafts = snapshot, registry, drafts
        self._due, self._link = due, link
        self._chosen: dict[tuple[str, str, str], Chosen] = {}
        self._words: dict[str, Words] = {}
        self.rules = {key: self._rule(key) for key in snapshot.audiences}

    def _rule(self, key: str, seen: frozenset[str] = frozenset()) -> Rule:
        audience = self.snapshot.audiences[key]
        others = [other for other in audience.exclude.audiences if other not in seen | {key}]
        return Rule(
            areas=_memberships(tuple(sorted((kind, tuple((area.era, area.code) for area in areas))
                                            for kind, areas in audience.resolved.items())), self._registry),
            groups=audience.groups.any,
            languages=selected_languages(audience),
            consent_required=audience.consent == "required",
            excluded=tuple(self._rule(other, seen | {key}) for other in others),
        )  # fmt: skip

    def questions(self, contacted_since: Iterable[datetime] = (), runs: Iterable[int] = ()) -> Questions:
        """What must be asked of every contact for all steps of this campaign."""
        return Questions(
            arms=(arms_of(self.snapshot.campaign),),
            groups=groups_asked(self.rules.values()),
            contacted_since=tuple(contacted_since),
            runs=tuple(runs),
            do_not_call=any(map(self.snapshot.is_advertising, self.snapshot.campaign.steps)),
            email=any(step.aloud and EMAIL in self.snapshot.roads(step) for step in self.snapshot.campaign.steps),
        )

    def resolve(
        self, step: Step, kind: Kind, questions: Questions, *, arm: str, contacted_since: datetime | None = None
    ) -> Resolved | None:
        """What contacts of ``kind`` in ``arm`` get; None when the audience does not match them."""
        rule = self.rules[str(step.audience)]
        advertising = self.snapshot.is_advertising(step)
        status = outcome(rule, kind, questions, arm=arm, contacted_since=contacted_since, advertising=advertising)
        if status is None:
            return None
        words, first = None, self.snapshot.senders_of(step)[0]
        sender = self.road(step, bool(kind.marks & questions.email_mark)) if status == QUEUED else first
        if sender is None:
            status = NO_EMAIL
        elif status == QUEUED:
            words = self.words(step, kind, arm, by_email=sender.channel == EMAIL)
            if words is None:
                status = "area_ambiguous"  # the text names an old district that nobody can tell
            elif advertising and not is_lawful(words.rendered.words()):
                status, words = ADVERTISING_TEXT, None
        return Resolved(kind, "" if arm == HOLDOUT else arm, status, words, sender or first)

    def road(self, step: Step, has_email: bool) -> Sender | None:
        """The first sender of the road to somebody: e-mail, where the step and the relay have it, else the other.

        None: the step has e-mail only, and the relay has no address.
        """
        roads = self.snapshot.roads(step)
        if has_email and EMAIL in roads:
            return roads[EMAIL][0]
        return next((senders[0] for channel, senders in roads.items() if channel != EMAIL), None)

    def template(self, step: Step, language: str, arm: str) -> tuple[Chosen, Template]:
        """The message for somebody and its template. Raises ``LoaError`` when there is none."""
        message_set = self.snapshot.messages[str(step.message)]
        key = (message_set.key, language, arm)
        if key not in self._chosen:
            chosen = message_set.choose(step.channel, arm or None, language, drafts=self._drafts)
            if chosen is None:
                raise LoaError("pipeline.no-message", message=message_set.key, channel=step.channel)
            self._chosen[key] = chosen
        chosen = self._chosen[key]
        return chosen, compile_message(chosen.message, message_set)

    def is_personal(self, step: Step) -> bool:
        """Whether any of the step's texts differs from person to person."""
        message_set = self.snapshot.messages[str(step.message)]
        return any(
            compile_message(message, message_set).personal
            for message in message_set.messages
            if message.channel == step.channel
        )

    def words(self, step: Step, kind: Kind, arm: str, *, by_email: bool = False) -> Words | None:
        """The rendering for a kind of contact, made once per distinct tuple; None: a name it needs is not known.

        ``by_email``: a relay's link goes as an e-mail.
        """
        chosen, template = self.template(step, kind.language, arm)
        place = self._place(template, kind)
        wanted = kind.language if chosen.fallback else ""  # a fallback is a tuple of its own: it is counted
        if step.aloud:  # the message is in the relay's own language where we have it; its hour is the step's
            wanted = f"{wanted}@{step.when.at:%H:%M}{tongue(kind.language)}"
        tuple_key = f"{EMAIL}|" * by_email + f"{chosen.message.file}|{place}|{wanted}"
        if tuple_key in self._words:
            return self._words[tuple_key]
        values = self._values(template, kind)
        if template.missing(values):
            return None
        rendered = template.render(values)
        if step.aloud:
            words = self._link_to(step, kind, tuple_key, chosen, rendered.stored, by_email=by_email)
        else:
            words = Words(tuple_key, chosen.message.language, rendered, count(rendered.words()), chosen.fallback)
        self._words[tuple_key] = words
        return words

    def _link_to(self, step: Step, kind: Kind, tuple_key: str, chosen: Chosen, script: str, *, by_email: bool) -> Words:
        """What a relay gets instead of the script itself: the message with the link to it."""
        settings, zone = self.snapshot.reading, self.snapshot.zone
        due = self._due or datetime.combine(self.snapshot.campaign.period.start, step.when.at, zone)
        if by_email:
            sent = letter("invitation", kind.language, due, zone, self.snapshot.organisation.name)
        else:
            sent = invitation("invitation", kind.language, due, zone, settings.accents)
        return Words(
            tuple_key=tuple_key,
            language=chosen.message.language,
            rendered=sent,
            counted=UNBILLED if by_email else count(sent.words(link=self._link)),
            fallback=chosen.fallback,
            script=script,
            minutes=minutes(script, settings.words_per_minute),
        )

    def _place(self, template: Template, kind: Kind) -> str:
        """The part of a tuple that the area decides: as coarse as the text allows."""
        level = template.area_level
        if level is None:
            return ""
        if level == "commune":
            return f"{kind.era}:{kind.commune}"
        area = self._registry.get(kind.era, kind.commune)  # type: ignore[arg-type]  # the table's check holds the era
        if level == "district":
            district = self._registry.historic_district(area.era, area.code).district_code
            return f"district:{district}:{area.era}:{area.province}"
        return f"{area.era}:{area.province}"

    def _values(self, template: Template, kind: Kind) -> Values:
        campaign = self.snapshot.campaign
        area_name = district_name = province_name = ""
        if template.area_level is not None:
            area = self._registry.get(kind.era, kind.commune)  # type: ignore[arg-type]  # as above
            area_name = area.name
            province_name = self._registry.get(area.era, area.province).name
            district = self._registry.historic_district(area.era, area.code).district_code
            district_name = self._registry.get("legacy", district).name if district else ""
        return Values(
            area=area_name,
            district=district_name,
            province=province_name,
            title=campaign.title,
            theme=campaign.theme or "",
            hotlines=self.snapshot.hotlines,
        )


@lru_cache(maxsize=256)
def _memberships(kinds: tuple[tuple[str, tuple[tuple[str, str], ...]], ...], registry: Registry) -> Memberships:
    return dict(membership(Selection(**dict(kinds)), registry))  # type: ignore[arg-type]  # eras were checked on loading
