"""A message's Jinja, compiled once and rendered once per distinct tuple of the values it uses.

``template_rules.py`` has read the syntax tree, refused what is not bounded and put includes in place; what is
left runs in Jinja's immutable sandbox with StrictUndefined, and the output is read in pieces and stops at a
limit. Two walls: the first makes endless loops and growth impossible, the second stands if it should not.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, TypeAlias

import jinja2
from jinja2 import nodes

from engine import i18n
from engine.content import skeleton, template_rules
from engine.content.message import Accents, Message, MessageSet
from engine.content.message_words import clean_value, tidy
from engine.content.skeleton import Slot
from engine.content.template_source import ENVIRONMENT, Source
from engine.content.template_variables import PERSONAL, SHARED
from engine.errors import ContentError, LoaError, Problem
from engine.text import accents as letters

AreaLevel = Literal["commune", "district", "province"]

# Characters of one rendering, before any channel's own limit; the longest script read out has about 6,000.
OUTPUT_LIMIT = 20_000

# Characters of one value: a source of 20,000 may join it a thousand times in one expression.
VALUE_LIMIT = 1_000

_SLOT = re.compile(f"{template_rules.MARK}(\\d+){template_rules.MARK}")
_LEVELS: tuple[tuple[str, AreaLevel], ...] = (
    ("area.name", "commune"),
    ("district.name", "district"),
    ("province.name", "province"),
)


_Run: TypeAlias = Callable[[Mapping[str, object]], Iterable[str]]


class _Hotlines(tuple[str, ...]):
    """Numbers that read well when a text simply says ``{{ hotlines }}``."""

    __slots__ = ()

    def __str__(self) -> str:
        return ", ".join(self)


@dataclass(frozen=True, slots=True)
class Values:
    """The values of one distinct tuple: everything that is not one person's.

    ``area``, ``district``, ``province`` are names as they stand in a sentence; "" where there is none (an
    ambiguous old district) or the message does not use it. ``hotlines`` has at most 20 numbers.
    """

    area: str = ""
    district: str = ""
    province: str = ""
    title: str = ""
    theme: str = ""
    hotlines: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.hotlines) > template_rules.HOTLINES_LIMIT:
            raise LoaError("messages.too-many-hotlines", limit=template_rules.HOTLINES_LIMIT)


@dataclass(frozen=True, slots=True)
class Rendered:
    """The words of one tuple, ready to be stored as a Rendering: fixed words, or a skeleton's text form.

    ``stored`` and ``personal`` are all that is kept; ``Rendered(stored, personal)`` is itself again.
    """

    stored: str
    personal: bool

    def words(self, name: str = "", *, link: str = "", opt_out: str = "") -> str:
        """The final text for one person; the arguments matter only where ``personal``. See ``Skeleton.fill``."""
        if not self.personal:
            return self.stored
        return skeleton.load(self.stored).fill(name, link=link, opt_out=opt_out)


class EmptyValue(LoaError):
    """A variable without a fallback is empty for this tuple: there would be a hole in the sentence."""


@dataclass(frozen=True)
class Template:
    """One message, compiled. ``variables`` are dotted names as officers write them, includes followed.

    ``bare`` are the shared ones that leave a hole when empty (printed without fallback or condition);
    ``nameless`` says that ``contact.name`` stands somewhere without a fallback.
    """

    file: str
    language: str
    accents: Accents
    variables: frozenset[str]
    slots: tuple[Slot, ...]
    bare: frozenset[str]
    _run: _Run = field(repr=False)
    _used: tuple[tuple[str, str], ...] = field(repr=False)

    @property
    def personal(self) -> bool:
        """Whether the words differ from person to person within one tuple, and so are stored as a skeleton."""
        return not self.variables.isdisjoint(PERSONAL)

    @property
    def area_level(self) -> AreaLevel | None:
        """The finest area whose name is used: words are rendered once for each area of this level."""
        return next((level for name, level in _LEVELS if name in self.variables), None)

    @property
    def nameless(self) -> bool:
        """Whether ``contact.name`` stands somewhere without a fallback."""
        return Slot("name") in self.slots

    def missing(self, values: Values) -> str | None:
        """The first variable that would leave a hole, or None. A delivery of such a tuple is best excluded."""
        empty = {name for name in self.bare if not getattr(values, _FIELDS[name])}
        return min(empty) if empty else None

    def render(self, values: Values) -> Rendered:
        """The words for one tuple: NFC, tidy (``message_words.py``), unaccented where the message says so.

        Raises ``EmptyValue`` where ``missing`` names a variable, ``LoaError`` past 20,000 characters
        (``messages.output-too-long``) and where Jinja refuses (``messages.cannot-render``).
        """
        if self.bare and (hole := self.missing(values)):
            raise EmptyValue("messages.empty-value", variable=hole, file=self.file)
        given = {flat: _clean(getattr(values, place)) for place, flat in self._used}
        text = tidy("".join(self._pieces(given)), self.language)
        strip = self.accents == "strip"
        if not self.slots:
            return Rendered(letters.strip(text) if strip else text, False)
        return Rendered(skeleton.dump(self._cut(text, strip), strip), True)

    def _pieces(self, given: Mapping[str, object]) -> list[str]:
        """What Jinja puts out, stopped at the limit; whatever it refuses at run time is the officer's to mend."""
        pieces, length = [], 0
        try:
            for piece in self._run(given):
                pieces.append(piece)
                length += len(piece)
                if length > OUTPUT_LIMIT:
                    break
        except Exception as error:  # hotlines[1] where there is one; the sandbox's own refusals
            raise LoaError("messages.cannot-render", kind=type(error).__name__, file=self.file) from error
        if length > OUTPUT_LIMIT:
            raise LoaError("messages.output-too-long", limit=OUTPUT_LIMIT, file=self.file)
        return pieces

    def _cut(self, text: str, strip: bool) -> list[str | Slot]:
        """The rendered text as fixed words and slots."""
        cut = _SLOT.split(text)  # words, number, words, number, … words
        pieces: list[str | Slot] = []
        for place, piece in enumerate(cut):
            if place % 2:
                slot = self.slots[int(piece)]
                if strip and slot.fallback:
                    slot = Slot(slot.kind, letters.strip(slot.fallback))
                pieces.append(slot)
            elif piece:
                pieces.append(letters.strip(piece) if strip else piece)
        return pieces


@dataclass(frozen=True, slots=True)
class Compiled:
    """What came of a message's source: a template, unless ``problems`` holds an error."""

    template: Template | None
    problems: tuple[Problem, ...]


def compile_message(message: Message, message_set: MessageSet) -> Template:
    """The template of a message of a checked set; cached. Raises ``ContentError`` where ``check`` has errors."""
    compiled = read_template(message, message_set.includes)
    if compiled.template is None:
        raise ContentError(compiled.problems)
    return compiled.template


def read_template(message: Message, includes: Mapping[str, str]) -> Compiled:
    """Compile ``message`` with the include sources at hand and say everything that is wrong; cached."""
    return _compile(
        message.file,
        message.body,
        message.body_line,
        message.language,
        message.accents,
        frozenset(includes.items()),
        i18n.language(),
    )


@lru_cache(maxsize=4096)
def _compile(
    file: str,
    body: str,
    body_line: int,
    language: str,
    accents: Accents,
    includes: frozenset[tuple[str, str]],
    _tongue: str,  # problems are sentences
) -> Compiled:
    tree, rules = template_rules.apply(Source(file, body, body_line), dict(includes))
    problems = tuple(sorted({problem for source in rules.parsed for problem in source.problems}))
    if tree is None:
        return Compiled(None, problems)
    run = _straight(tree) or _compiled(tree, file)
    used = tuple((_FIELDS[name], SHARED[name]) for name in sorted(rules.variables) if name in SHARED)
    slots = tuple(Slot(slot.kind, tidy(slot.fallback, language)) if slot.fallback else slot for slot in rules.slots)
    template = Template(file, language, accents, frozenset(rules.variables), slots, frozenset(rules.bare), run, used)
    return Compiled(template, problems)


def _compiled(tree: nodes.Template, file: str) -> _Run:
    tree.set_environment(ENVIRONMENT)  # nodes put in by the rules have none
    code = ENVIRONMENT.compile(tree, file, file)
    render = jinja2.Template.from_code(ENVIRONMENT, code, {}).root_render_func

    def run(given: Mapping[str, object]) -> Iterable[str]:
        return render(ENVIRONMENT.context_class(ENVIRONMENT, dict(given), None, {}))

    return run


def _straight(tree: nodes.Template) -> _Run | None:
    """Words and plain variables only, as most messages are: nothing is left for Jinja to run or to guard.

    Making Python code of a tree takes 1 ms, half of what checking a message costs; this takes 10 µs.
    """
    pieces: list[tuple[str, bool]] = []
    for node in tree.body:
        for part in node.nodes if isinstance(node, nodes.Output) else (node,):
            if isinstance(part, nodes.TemplateData):
                pieces.append((part.data, False))
            elif isinstance(part, nodes.Name) and part.name in _FLAT:
                pieces.append((part.name, True))
            else:
                return None

    def run(given: Mapping[str, object]) -> Iterable[str]:
        return [str(given[text]) if variable else text for text, variable in pieces]

    return run


_FLAT = frozenset(SHARED.values())
_FIELDS = {
    "area.name": "area",
    "district.name": "district",
    "province.name": "province",
    "campaign.title": "title",
    "campaign.theme": "theme",
    "hotlines": "hotlines",
}


def _clean(value: str | tuple[str, ...]) -> str | _Hotlines:
    if not isinstance(value, str):
        return _Hotlines(str(_clean(one)) for one in value)
    if len(value) > VALUE_LIMIT:
        raise LoaError("messages.value-too-long", start=value[:40], limit=VALUE_LIMIT)
    return clean_value(value)
