"""One Jinja source of an officer's (a message's body or an include): parsed, its faults told in place.

Jinja knows lines but no columns, and complains in a programmer's English. Here both become what an officer
needs: ``file:line:column`` and a sentence with the mend.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.filters import FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.content.message_name import mend
from engine.content.words import suggestion
from engine.errors import Problem
from engine.i18n import sentence

# Characters of one source. The longest script read out (five minutes) has about 6,000.
SOURCE_LIMIT = 20_000
TAGS = ("if", "elif", "else", "endif", "for", "endfor", "include", "raw", "endraw")
# None of them lets a text grow by more than a constant factor, and none reads an attribute.
FILTERS_ALLOWED = ("default", "d", "upper", "lower", "capitalize", "title", "trim", "join", "first", "last")


def _default(value: object, fallback: str = "", _empty_too: bool = True) -> object:
    """An empty value uses the fallback as a missing one does: officers cannot tell the two apart."""
    return value or fallback


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, cache_size=0
    )
    environment.globals.clear()
    environment.tests.clear()
    environment.filters = {name: FILTERS[name] for name in FILTERS_ALLOWED}
    environment.filters["default"] = environment.filters["d"] = _default
    return environment


ENVIRONMENT = _environment()

_CODE = re.compile(r"\{#.*?#\}|\{\{.*?(?:\}\}|\Z)|\{%.*?(?:%\}|\Z)", re.DOTALL)
_STRAY = re.compile(r"[{}]")
# The last quoted thing of "unexpected char '$' at 3", "unexpected '}', expected ')'", "expected …, got 'x'".
_UNEXPECTED = re.compile(r"""(?:unexpected (?:char )?|got )(?P<quote>['"])(.+?)(?P=quote)""")
_UNKNOWN_TAG = re.compile(r"^Encountered unknown tag '(.+?)'\.( You probably made a nesting mistake)?")
_OPEN_BLOCK = re.compile(r"innermost block that needs to be closed is '(.+?)'")


@dataclass
class Source:
    """A source with its file and the line there on which it begins; ``problems`` collects what is wrong."""

    file: str
    text: str
    first_line: int = 1
    problems: list[Problem] = field(default_factory=list)
    _seen: dict[tuple[int, str], int] = field(default_factory=dict)

    def parse(self) -> nodes.Template | None:
        """The syntax tree; None (and a problem) when Jinja cannot read it or it is out of bounds."""
        if len(self.text) > SOURCE_LIMIT:
            self.report("message-too-big", 1, limit=SOURCE_LIMIT)
            return None
        try:
            return ENVIRONMENT.parse(self.text)
        except TemplateSyntaxError as error:
            self._broken(error)
        except (RecursionError, ValueError, MemoryError):  # "((((…", a number of 5,000 digits
            self.report("too-complex", 1)
        return None

    def report(
        self,
        code: str,
        line: int | None,
        needle: str = "",
        severity: Literal["error", "warning"] = "error",
        **values: object,
    ) -> None:
        """Note a problem on ``line`` of this source, at the next ``needle`` inside its Jinja there."""
        line = line or 1  # the nodes of {% autoescape %} have none
        column = self._column(line, needle)
        message = sentence(f"messages.{code}", **values)
        self.problems.append(Problem(self.file, line + self.first_line - 1, column, severity, code, message))

    def warn_of_braces(self) -> None:
        """``{ area.name }`` goes out as written: a brace outside Jinja is a slip of the hand."""
        words = _CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), self.text)
        stray = _STRAY.search(words)
        if stray is not None:
            line = words.count("\n", 0, stray.start()) + 1
            column = stray.start() - words.rfind("\n", 0, stray.start())
            message = sentence("messages.stray-brace", brace=stray[0])
            self.problems.append(
                Problem(self.file, line + self.first_line - 1, column, "warning", "stray-brace", message)
            )

    @cached_property
    def _code(self) -> list[tuple[int, int]]:
        return [found.span() for found in _CODE.finditer(self.text) if not found[0].startswith("{#")]

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in re.finditer("\n", self.text))]

    def _column(self, line: int, needle: str) -> int:
        if line > len(self._starts):
            return 1
        start = self._starts[line - 1]
        end = self._starts[line] - 1 if line < len(self._starts) else len(self.text)
        spans = [(max(a, start), min(b, end)) for a, b in self._code if a < end and b > start]
        if not spans:
            return 1
        if not needle:
            return spans[0][0] - start + 1
        parts = re.findall(r"\w+|[^\w\s]", needle)
        pattern = re.compile(
            (r"(?<![\w.])" if parts[0][0].isalnum() or parts[0][0] == "_" else "")
            + r"\s*".join(map(re.escape, parts))
            + (r"(?!\w)" if parts[-1][-1].isalnum() or parts[-1][-1] == "_" else "")
        )
        found = [match.start() for a, b in spans for match in pattern.finditer(self.text, a, b)]
        if not found:
            return spans[0][0] - start + 1
        nth = self._seen.get((line, needle), 0)  # the same mistake twice on a line: the next one
        self._seen[line, needle] = nth + 1
        return found[min(nth, len(found) - 1)] - start + 1

    def _broken(self, error: TemplateSyntaxError) -> None:
        said, line = error.message or "", error.lineno
        if found := _UNKNOWN_TAG.match(said):
            opened = _OPEN_BLOCK.search(said)
            if found[1] not in TAGS:
                likely = suggestion(found[1], TAGS)
                self.report("unknown-tag", line, found[1], tag=found[1], mend=mend(likely, TAGS))
            elif opened:
                self.report("crossed-tags", line, found[1], tag=found[1], open=opened[1])
            else:
                self.report("closing-nothing", line, found[1], tag=found[1])
        elif said.startswith("Unexpected end of template") or said == "Missing end of raw directive":
            opened = _OPEN_BLOCK.search(said)
            name = opened[1] if opened else "raw"
            opening = rf"\{{%[-+]?\s*{re.escape(name)}\b"
            where = [self.text.count("\n", 0, match.start()) + 1 for match in re.finditer(opening, self.text)]
            self.report("unclosed-tag", where[-1] if where else line, name, tag=name)
        elif said.startswith(("unexpected end of template", "Missing end of comment")):
            start = max(self.text.rfind(mark) for mark in ("{{", "{%", "{#"))
            self.report("unclosed-braces", self.text.count("\n", 0, max(start, 0)) + 1)
        elif match := _UNEXPECTED.search(said):
            found_there = match[2]
            if found_there.startswith("end of "):
                self.report("unfinished", line)
            elif found_there in "“”‘’":
                self.report("curly-quotes", line, found_there, quote=found_there)
            elif found_there in "'\"":
                self.report("open-quote", line, found_there)
            else:
                self.report("unexpected", line, found_there, found=found_there)
        else:
            self.report("syntax-error", line, said=said)
