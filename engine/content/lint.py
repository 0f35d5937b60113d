"""The check across files that needs no people: each step's words with its campaign's values, and what nobody uses."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from engine.areas.registry import Registry
from engine.content import yamlfile
from engine.content.advertising import check_advertising, check_advertising_text
from engine.content.audience import Audience
from engine.content.campaign import Campaign, Step
from engine.content.loudspeaker import EMAIL, RELAYS, Loudspeaker, minutes
from engine.content.message import VIETNAMESE, Message, MessageSet
from engine.content.message_check import SAMPLE_LINK, SAMPLE_NAME, check_message, check_source, sample_values
from engine.content.occurrences import occurrences
from engine.content.organisation import Sender
from engine.content.pages import area_of, arm_of, page_values
from engine.content.reading import TOP, Reading, Severity, problem
from engine.content.risk_words import risk_word
from engine.content.template import Template, Values, read_template
from engine.content.template_rules import HOTLINES_LIMIT
from engine.content.yamlfile import Place, Steps
from engine.errors import LoaError, Problem
from engine.text import accents, segments

REGISTERING = timedelta(weeks=5)  # what operators take to register a text


@dataclass(slots=True)
class Lint:
    """One loading's cross-check. ``now`` None: nothing is said of how near a step is."""

    messages: Mapping[str, MessageSet]
    senders: Mapping[str, Sender]
    hotlines: Sequence[str]
    zone: ZoneInfo
    now: datetime | None
    registry: Registry
    problems: list[Problem]
    loudspeaker: Loudspeaker = field(default_factory=Loudspeaker)
    _done: set[tuple[object, ...]] = field(default_factory=set)
    _arms: dict[str, set[str]] = field(default_factory=dict)  # message → every arm a campaign that uses it has

    def check(self, campaigns: Mapping[str, Reading[Campaign]], audiences: Mapping[str, Reading[Audience]]) -> None:
        """Add every problem found to ``problems`` (those at a place of a campaign to its reading)."""
        for key, message_set in self.messages.items():
            self.problems += check_source(message_set)
            if word := risk_word(key):
                self._whole(f"messages/{key}", "error", "content.names-a-risk", text=key, word=word)
        for reading in campaigns.values():
            if reading.value is not None:
                check_advertising(reading, audiences)
                for index, step in enumerate(reading.value.steps):
                    self._step(reading, reading.value, ("steps", index), step)
                    if step.aloud and reading.intact(("steps", index, "sender")):
                        self._by_email(reading, ("steps", index), step, audiences)
        self._unused(campaigns, audiences)

    def _whole(self, file: str, severity: Severity, key: str, /, **values: object) -> None:
        self.problems.append(problem(file, TOP, severity, key, **values))

    def _step(self, reading: Reading[Campaign], campaign: Campaign, at: Steps, step: Step) -> None:
        message_set = self.messages.get(step.message or "")
        if message_set is not None and reading.intact((*at, "message"), (*at, "channel")):
            self._arms.setdefault(message_set.key, set()).update(campaign.arms)
            hotlines = tuple(campaign.hotlines or self.hotlines)
            values = Values(title=campaign.title, theme=campaign.theme or "", hotlines=hotlines[:HOTLINES_LIMIT])
            once = (message_set.key, step.channel, campaign.arms, values, campaign.kind)
            if once not in self._done:
                self._done.add(once)
                found = check_message(message_set, channel=step.channel, variants=campaign.arms, values=values)
                self.problems += found
                if step.rings or step.posted:
                    self._words(campaign, step, message_set, values)
            if step.posted and reading.intact((*at, "sender")):
                self._pages(reading, at, campaign, step, message_set, values)
        if reading.intact(("period",), ("anchor",), at):
            self._registration(reading, campaign, at, step, message_set)

    def _by_email(
        self, reading: Reading[Campaign], at: Steps, step: Step, audiences: Mapping[str, Reading[Audience]]
    ) -> None:
        """A sender of e-mail for people of whom none need be a relay: addresses are asked of relays alone."""
        audience = audiences[step.audience].value if step.audience and step.audience in audiences else None
        if audience is None or RELAYS in audience.groups.any:
            return
        for index, key in enumerate(step.sender):
            if key in self.senders and self.senders[key].channel == EMAIL:
                values = {"key": key, "audience": step.audience, "group": RELAYS}
                reading.report((*at, "sender", index), "warning", "loudspeaker.email-of-nobody", **values)

    def _pages(
        self, reading: Reading[Campaign], at: Steps, campaign: Campaign, step: Step, message_set: MessageSet,
        values: Values,
    ) -> None:  # fmt: skip
        """Every page has the names that its words use: a province's page has no district."""
        for index, key in enumerate(step.sender):
            area = area_of(self.senders[key], self.registry) if key in self.senders else None
            chosen = message_set.choose(step.channel, arm_of(campaign, index), VIETNAMESE)
            template = read_template(chosen.message, message_set.includes).template if chosen else None
            if area is None or template is None:
                continue
            hole = template.missing(page_values(area, self.registry, values))
            if hole is not None and hole.endswith(".name"):
                reading.report((*at, "sender", index), "error", "content.page-lacks", key=key, variable=hole)

    def _words(self, campaign: Campaign, step: Step, message_set: MessageSet, values: Values) -> None:
        for message in message_set.messages:
            arm_used = message.variant is None or not campaign.arms or message.variant in campaign.arms
            template = read_template(message, message_set.includes).template
            if message.channel != step.channel or not arm_used or template is None:
                continue
            try:
                rendered = template.render(sample_values(values))
            except LoaError:  # check_message has said so
                continue
            text = rendered.words(SAMPLE_NAME, link=SAMPLE_LINK, opt_out=SAMPLE_LINK)
            place = Place(message.body_line, 1)
            if step.person_addressed:
                self.problems += check_advertising_text(message, place, text, campaign.kind)
            if values.hotlines and not names_a_number(text, values.hotlines):
                said = ", ".join(values.hotlines)
                self.problems.append(
                    problem(message.file, place, "warning", "content.no-hotline-in-text", hotlines=said)
                )
            if step.aloud:
                self._script(message, place, template, text)
            elif step.person_addressed:
                self._cost(message, place, text)

    def _script(self, message: Message, place: Place, template: Template, text: str) -> None:
        """A script is read to a whole commune: it addresses nobody by name, and nobody listens for ever."""
        if template.personal:
            self.problems.append(problem(message.file, place, "error", "loudspeaker.personal"))
        needed, most = minutes(text, self.loudspeaker.words_per_minute), self.loudspeaker.longest_minutes
        if needed > most:
            self.problems.append(
                problem(message.file, place, "warning", "loudspeaker.too-long", minutes=needed, longest=most)
            )

    def _cost(self, message: Message, place: Place, text: str) -> None:
        """Say when the same words unaccented would cost at most half; below three segments it is not worth a word."""
        accented = segments.count(text).segments
        if message.accents == "strip" or accented < 3:
            return
        plain = segments.count(accents.strip(text)).segments
        if plain * 2 <= accented:
            values = {"segments": accented, "plain": plain}
            self.problems.append(problem(message.file, place, "warning", "content.accents-cost", **values))

    def _registration(
        self, reading: Reading[Campaign], campaign: Campaign, at: Steps, step: Step, message_set: MessageSet | None
    ) -> None:
        """DOMAIN: a name is registered for 3 years, and a text takes about 5 weeks to register."""
        registered = [self.senders[key] for key in step.sender if key in self.senders]
        registered = [sender for sender in registered if sender.registered_until is not None]
        if not registered:
            return
        try:
            days = [once.due.astimezone(self.zone).date() for once in occurrences(step, campaign, self.zone)]
        except LoaError:  # campaign_rules has said so
            return
        for sender in registered:
            after = [day for day in days if sender.registered_until and day > sender.registered_until]
            if after and sender.registered_until:
                path = (*at, "sender", step.sender.index(sender.key))
                values = {"key": sender.key, "until": _said(sender.registered_until), "day": _said(after[0])}
                reading.report(path, "warning", "content.registration-ends", **values)
        if self.now is None or message_set is None:
            return
        today = self.now.astimezone(self.zone).date()
        near = [day for day in days if today <= day < today + REGISTERING]
        texts = [message for message in message_set.messages if message.channel == step.channel]
        if near and any(message.registered_id is None for message in texts):
            reading.report((*at, "message"), "warning", "content.text-not-registered", day=_said(near[0]))

    def _unused(self, campaigns: Mapping[str, Reading[Campaign]], audiences: Mapping[str, Reading[Audience]]) -> None:
        used_audiences = _written(campaigns.values(), "audience")
        used_audiences |= {
            key
            for reading in audiences.values()
            if reading.value is not None
            for key in reading.value.exclude.audiences
        }
        used_messages = _written(campaigns.values(), "message")
        for key, reading in audiences.items():
            if key not in used_audiences:
                reading.report((), "warning", "content.unused-audience", key=key)
        for key, message_set in self.messages.items():
            if key not in used_messages:
                self._whole(message_set.messages[0].file, "warning", "content.unused-message", key=key)
                continue
            for message in message_set.messages:
                if message.variant and key in self._arms and message.variant not in self._arms[key]:
                    self._whole(message.file, "warning", "content.variant-unused", variant=message.variant)


def names_a_number(text: str, hotlines: Collection[str]) -> bool:
    """Whether ``text`` names one of the hotlines, however its digits are grouped."""
    joined = re.sub(r"(?<=\d)[ .\-](?=\d)", "", text)
    numbers = (re.sub(r"\D", "", hotline) for hotline in hotlines)
    return any(re.search(rf"(?<!\d){number}(?!\d)", joined) for number in numbers if number)


def _written(readings: Iterable[Reading[Campaign]], name: str) -> set[str]:
    """Every audience (or message) that any step names, in files that are wrong elsewhere too."""
    found = set()
    for reading in readings:
        steps = yamlfile.at(reading.tree, ("steps",))
        for step in steps.items if isinstance(steps, yamlfile.Sequence) else ():
            value = yamlfile.at(step, (name,))
            if isinstance(value, yamlfile.Scalar):
                found.add(value.text.strip())
    return found


def _said(day: date) -> str:
    return f"{day:%d/%m/%Y}"
