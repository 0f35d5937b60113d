"""Whether a message still says the text that was registered for it: an approved text is frozen.

Compared after tidying (``message_words.py``), and unaccented where the message is sent so, includes in place.
Places in the registered text are written as in the message (``{{ area.name }}``) or, as operators' forms have it,
by number (``{{1}}``), which stands for any one place. A registered text without places may also be the very words
that come out with the campaign's values.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

from jinja2 import nodes

from engine.content.message import Message
from engine.content.message_words import tidy
from engine.content.template import Rendered
from engine.content.template_rules import INCLUDE_DEPTH, MARK
from engine.content.template_source import Source
from engine.text import accents

_Shape: TypeAlias = tuple[str | nodes.Node, ...]


def says_registered(message: Message, includes: Mapping[str, str], rendered: Rendered) -> bool:
    """Whether the source, place for place, or else the words of ``rendered``, are the registered text."""
    registered = message.registered_text or ""
    ours = _shape(message.body, includes, message)
    theirs = _shape(registered, {}, message)
    if ours is not None and theirs is not None and _same(ours, theirs):
        return True
    return not rendered.personal and _final(registered, message) == rendered.stored


def _final(text: str, message: Message) -> str:
    text = tidy(text, message.language)
    return accents.strip(text) if message.accents == "strip" else text


def _shape(text: str, includes: Mapping[str, str], message: Message) -> _Shape | None:
    """A source as fixed words and what stands between them, includes in place; None when it cannot be read."""
    pieces = _flat(text, frozenset(includes.items()), 0)
    if pieces is None:
        return None
    places = [piece for piece in pieces if not isinstance(piece, str)]
    marked = "".join(piece if isinstance(piece, str) else MARK for piece in pieces)
    words = _final(marked, message).split(MARK)
    shape: list[str | nodes.Node] = [words[0]]
    for place, following in zip(places, words[1:], strict=True):
        shape += (place, following)
    return tuple(shape)


@lru_cache(maxsize=1024)
def _flat(text: str, includes: frozenset[tuple[str, str]], depth: int) -> _Shape | None:
    tree = Source("", text).parse()
    if tree is None or depth > INCLUDE_DEPTH:
        return None
    pieces: list[str | nodes.Node] = []
    for node in tree.body:
        if isinstance(node, nodes.Output):
            pieces += [part.data if isinstance(part, nodes.TemplateData) else part for part in node.nodes]
        elif isinstance(node, nodes.Include) and isinstance(node.template, nodes.Const):
            inner = _flat(dict(includes).get(node.template.value, ""), includes, depth + 1)
            pieces += inner or ()
        else:
            pieces.append(node)
    return tuple(pieces)


def _same(ours: _Shape, theirs: _Shape) -> bool:
    return len(ours) == len(theirs) and all(
        one == other or (isinstance(other, nodes.Const) and isinstance(one, nodes.Expr))
        for one, other in zip(ours, theirs, strict=True)
    )
