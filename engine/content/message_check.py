"""What ``loa check`` says about messages: of the files themselves, and of their words in a campaign's step.

``check_source`` needs no campaign and looks at every message, used or not. ``check_message`` looks at one step's
channel and arms: that there is a Vietnamese text for each, and what the words come to with the campaign's own
title, theme and hotlines and a sample area, in the bounded sandbox. The same fault found for two steps is the same
``Problem``: keep them in a set.
"""

from collections.abc import Iterator, Mapping, Sequence

from jinja2 import nodes

from engine.content.message import VIETNAMESE, Message, MessageSet
from engine.content.message_name import LANGUAGES
from engine.content.message_registered import says_registered
from engine.content.post_rules import POST_LIMITS, check_post, check_post_size
from engine.content.reading import Severity
from engine.content.skeleton import Slot
from engine.content.template import Template, Values, read_template
from engine.content.template_source import Source
from engine.content.template_variables import PERSONAL, dotted, slot_of
from engine.errors import LoaError, Problem
from engine.i18n import number, sentence
from engine.text import accents, segments

# Twilio's limit (and that of most gateways) for one SMS, in characters.
SMS_LIMIT = 1_600

# As long as most: of the names in real commune lists nine in ten have at most 22 letters.
SAMPLE_NAME = "Nguyễn Hoàng Phương Thử"
SAMPLE_LINK = "https://loa.example/abcdefgh"
SAMPLE_AREA = Values(area="Quảng Phú Cầu Thử", district="Trùng Khánh Thử", province="Thừa Thiên Huế")


def check_source(message_set: MessageSet) -> list[Problem]:
    """What is wrong with the messages of a set, whatever campaign uses them: Jinja, variables, review."""
    return [problem for message in message_set.messages for problem in _source(message, message_set.includes)]


def check_message(
    message_set: MessageSet, *, channel: str, variants: Sequence[str] = (), values: Values
) -> list[Problem]:
    """What is wrong with a set's words on ``channel`` for a campaign with these arms, sources included.

    ``values`` are the campaign's title, theme and hotlines; area names left empty are filled with long samples.
    """
    problems = list(_missing(message_set, channel, variants))
    for message in message_set.messages:
        if message.channel != channel or (variants and message.variant and message.variant not in variants):
            continue
        problems += _source(message, message_set.includes)
        template = read_template(message, message_set.includes).template
        if template is not None:
            problems += _words(message, template, message_set.includes, values)
    return list(dict.fromkeys(problems))


def sample_values(values: Values) -> Values:
    """``values`` with long sample names where it has no area, district or province."""
    return Values(
        values.area or SAMPLE_AREA.area,
        values.district or SAMPLE_AREA.district,
        values.province or SAMPLE_AREA.province,
        values.title,
        values.theme,
        values.hotlines,
    )


def _missing(message_set: MessageSet, channel: str, variants: Sequence[str]) -> Iterator[Problem]:
    """Every arm must have Vietnamese words: its own, or the text without variant."""
    if message_set.find(channel, None, VIETNAMESE) is not None:
        return
    for arm in variants or (None,):
        if message_set.find(channel, arm, VIETNAMESE) is None:
            name = ".".join(part for part in (channel, arm, VIETNAMESE, "j2") if part)
            file = f"messages/{message_set.key}/{name}"
            yield Problem(file, 1, 1, "error", "missing-vietnamese", sentence("messages.missing-vietnamese"))


def _source(message: Message, includes: Mapping[str, str]) -> tuple[Problem, ...]:
    compiled = read_template(message, includes)
    problems = list(compiled.problems)
    if not message.reviewed:
        name = LANGUAGES[message.language.partition("-")[0]]
        problems.append(_at(message, "warning", "unreviewed", language=name))
    if (message.registered_id is None) != (message.registered_text is None):
        problems.append(_at(message, "warning", "registered-half"))
    template = compiled.template
    if message.channel in POST_LIMITS:
        problems += check_post(message)
        for name in sorted(template.variables & PERSONAL.keys()) if template is not None else ():
            problems.append(_place(message, includes, name, "error", "not-of-posts"))
    elif template is not None:
        for name in ("link()", "opt_out()"):
            if name in template.variables:
                problems.append(_place(message, includes, name, "error", "no-page-yet"))
        if template.nameless:
            problems.append(_place(message, includes, "contact.name", "warning", "no-fallback"))
    return tuple(problems)


def _words(message: Message, template: Template, includes: Mapping[str, str], values: Values) -> Iterator[Problem]:
    values = sample_values(values)
    try:
        hole = template.missing(values)
        if hole is not None:
            yield _place(message, includes, hole, "error", "empty-value", variable=hole, file=message.file)
            return
        rendered = template.render(values)
    except LoaError as error:
        yield Problem(message.file, message.body_line, 1, "error", error.code, str(error))
        return
    text = rendered.words(SAMPLE_NAME, link=SAMPLE_LINK, opt_out=SAMPLE_LINK)
    if not text:
        yield _at(message, "error", "no-words")
    if message.registered_text is not None and not says_registered(message, includes, rendered):
        yield _at(message, "error", "registered-changed", id=message.registered_id or "…")
    if message.channel == "sms":
        yield from _size(message, template, values, text)
    elif message.channel in POST_LIMITS:
        yield from check_post_size(message, text)


def _size(message: Message, template: Template, values: Values, text: str) -> Iterator[Problem]:
    length = len(text.encode("utf-16-le")) // 2
    if length > SMS_LIMIT:
        yield _at(message, "error", "too-long", length=number(length), limit=number(SMS_LIMIT))
    counted = segments.count(text)
    limit = message.max_segments
    if limit is not None and counted.segments > limit:
        plain = segments.count(accents.strip(text)).segments
        if message.accents == "strip" or plain >= counted.segments:
            yield _at(message, "error", "too-many-segments", count=counted.segments, limit=limit)
        else:
            yield _at(message, "error", "too-many-accented", count=counted.segments, limit=limit, plain=plain)
    if message.accents == "strip" and counted.encoding == "UCS-2":
        outside = segments.outside_gsm(text)[:20]
        yield _at(message, "warning", "still-ucs2", characters=outside, count=counted.segments)


def _at(message: Message, severity: Severity, code: str, **values: object) -> Problem:
    """A problem with the words as a whole: at the line where they begin."""
    words = sentence(f"messages.{code}", **values)
    return Problem(message.file, message.body_line, 1, severity, code, words)


def _place(
    message: Message, includes: Mapping[str, str], name: str, severity: Severity, code: str, **values: object
) -> Problem:
    """A problem with a variable: at its first place, in the message or in the include that has it."""
    sources = [Source(message.file, message.body, message.body_line)]
    sources += [Source(f"messages/{include}", text) for include, text in includes.items()]
    for source in sources:
        tree = source.parse()
        for node in tree.find_all(nodes.Expr) if tree else ():
            if (slot_of(node) == Slot("name")) if code == "no-fallback" else (dotted(node) == name):
                source.report(code, node.lineno, name.removesuffix("()"), severity, name=name, **values)
                return source.problems[0]
    return _at(message, severity, code, name=name, **values)
