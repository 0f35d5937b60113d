"""What an expression in a message may be: the part of the first wall that looks inside ``{{ }}`` and conditions.

Each expression is checked for what it gives (a text, a number, yes or no, a list), so that what would fail or
print "True" for some people is refused for all. No operator or filter here lets a text grow beyond the sum of
its parts: no arithmetic (``'a' * 10**9``), no ``replace``, and ``join`` only over ``hotlines`` or a written list.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from jinja2 import nodes

from engine.content.message_name import mend
from engine.content.skeleton import Slot
from engine.content.template_source import FILTERS_ALLOWED, Source
from engine.content.template_variables import (
    ALSO_CALLED,
    LOOP,
    PERSONAL,
    SHARED,
    VARIABLES,
    dotted,
    names_in,
)
from engine.content.words import suggestion
from engine.text.accents import fold

LIST_LIMIT = 50
EXPRESSION_DEPTH = 40
COST_LIMIT = 20_000  # nodes evaluated in one rendering; some 5 ms

Kind = Literal["text", "number", "truth", "list", "hotlines", "wrong"]


@dataclass
class Rules:
    """What was read from a tree: its variables, its slots, and which variables leave a hole when empty."""

    includes: Mapping[str, str]
    variables: set[str] = field(default_factory=set)
    slots: list[Slot] = field(default_factory=list)
    bare: set[str] = field(default_factory=set)
    cost: int = 0
    included: int = 0
    parsed: list[Source] = field(default_factory=list)


@dataclass(frozen=True)
class Scope:
    """Where the walk is: whose source, inside which loops, how often repeated, under which conditions."""

    source: Source
    loop_names: frozenset[str] = frozenset()
    loops: int = 0
    blocks: int = 0
    times: int = 1
    including: tuple[str, ...] = ()
    asked: frozenset[str] = frozenset()  # variables looked at by a condition around, or that have a fallback

    def asking(self) -> "Scope":
        """The scope of a condition, or of what has a fallback: an empty value does no harm there."""
        return replace(self, asked=frozenset(SHARED))


class Expressions:
    """Walks expressions, noting in ``rules`` what they use and cost and in their source what is wrong."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    def expression(self, node: nodes.Node, scope: Scope, depth: int) -> tuple[nodes.Expr, Kind]:
        """The expression to run, and what it gives."""
        if not isinstance(node, nodes.Expr):  # how Jinja types tests and iterables; it never is
            raise TypeError(type(node).__name__)
        source, line = scope.source, node.lineno
        self.rules.cost += scope.times
        if depth > EXPRESSION_DEPTH or self.rules.cost > COST_LIMIT:
            if depth > EXPRESSION_DEPTH:
                source.report("too-complex", line)
            return node, "wrong"
        if isinstance(node, nodes.Const):
            return self.constant(node, scope)
        if isinstance(node, nodes.Name | nodes.Getattr | nodes.Call | nodes.Getitem):
            return self.variable(node, scope, depth)
        if isinstance(node, nodes.Filter):
            return self.filtered(node, scope, depth)
        if isinstance(node, nodes.Concat):
            node.nodes = [self.text(part, scope, depth) for part in node.nodes]
            return node, "text"
        if isinstance(node, nodes.And | nodes.Or):
            node.left, left = self.expression(node.left, scope.asking(), depth + 1)
            node.right, right = self.expression(node.right, scope, depth + 1)
            return node, left if left == right else "truth"
        if isinstance(node, nodes.Not):
            node.node, _ = self.expression(node.node, scope, depth + 1)
            return node, "truth"
        if isinstance(node, nodes.CondExpr):
            scope = replace(scope, asked=scope.asked | names_in(node.test))
            node.test, _ = self.expression(node.test, scope.asking(), depth + 1)
            node.expr1 = self.text(node.expr1, scope, depth)
            other = node.expr2 or nodes.Const("", lineno=line)  # without `else`: nothing, not an error later
            node.expr2 = self.text(other, scope, depth)
            return node, "text"
        if isinstance(node, nodes.Compare):
            return self.comparison(node, scope, depth)
        if isinstance(node, nodes.List | nodes.Tuple):
            if len(node.items) > LIST_LIMIT:
                source.report("list-too-long", line, limit=LIST_LIMIT)
                return node, "wrong"
            node.items = [self.text(item, scope, depth) for item in node.items]
            return node, "list"
        if isinstance(node, nodes.BinExpr | nodes.Neg | nodes.Pos):
            source.report("arithmetic", line, node.operator or "")
        elif isinstance(node, nodes.Test):
            source.report("forbidden-test", line, "is", test=node.name)
        else:
            source.report("forbidden-expression", line)
        return node, "wrong"

    def text(self, node: nodes.Expr, scope: Scope, depth: int) -> nodes.Expr:
        """A part of a larger expression that has to be a text or a number."""
        expression, kind = self.expression(node, scope, depth + 1)
        if kind in ("truth", "list"):
            scope.source.report("not-text", node.lineno)
        return expression

    def constant(self, node: nodes.Const, scope: Scope) -> tuple[nodes.Expr, Kind]:
        if isinstance(node.value, str):
            self.literal(node.value, node, scope)
            return node, "text"
        if isinstance(node.value, bool) or node.value is None:
            return node, "truth"
        return node, "number"

    def literal(self, value: str, node: nodes.Node, scope: Scope) -> None:
        if not value.replace("\n", "").replace("\t", "").replace("\xa0", "").isprintable():
            scope.source.report("control-character", node.lineno)

    def variable(self, node: nodes.Expr, scope: Scope, depth: int) -> tuple[nodes.Expr, Kind]:
        source, line = scope.source, node.lineno
        name = dotted(node)
        if isinstance(node, nodes.Getitem):
            node.node, kind = self.expression(node.node, scope, depth + 1)
            whole = isinstance(node.arg, nodes.Const) and type(node.arg.value) is int
            if kind in ("hotlines", "list") and whole:
                return node, "text"
            if kind != "wrong":
                source.report("forbidden-expression", line, "[")
        elif name is None and isinstance(node, nodes.Call):
            called = node.node.attr if isinstance(node.node, nodes.Getattr) else dotted(node.node) or ""
            source.report("forbidden-call", line, called, name=f"{called}()")
        elif name is None:
            attribute = node.attr if isinstance(node, nodes.Getattr) else ""
            source.report("forbidden-attribute", line, attribute, name=attribute)
        elif name in SHARED:
            self.rules.variables.add(name)
            if name not in scope.asked:
                self.rules.bare.add(name)
            flat = nodes.Name(SHARED[name], "load", lineno=line)
            return flat, "hotlines" if name == "hotlines" else "text"
        elif name in PERSONAL:
            source.report("personal-place", line, name, name=name)
        elif name in scope.loop_names and name != "loop":
            return node, "text"
        elif "loop" in scope.loop_names and name in LOOP:
            return node, LOOP[name]
        elif "__" in name or name.startswith("_") or "._" in name:
            source.report("forbidden-attribute", line, name, name=name)
        else:
            bare = name.removesuffix("()")
            likely = ALSO_CALLED.get(fold(bare)) or suggestion(bare, VARIABLES)
            if name.endswith("()") and likely not in PERSONAL:
                source.report("forbidden-call", line, bare, name=name)
            else:
                source.report("unknown-variable", line, bare, name=name, mend=mend(likely, VARIABLES))
        return node, "wrong"

    def filtered(self, node: nodes.Filter, scope: Scope, depth: int) -> tuple[nodes.Expr, Kind]:
        source, line, name = scope.source, node.lineno, node.name
        if name not in FILTERS_ALLOWED or node.node is None:
            likely = suggestion(name, FILTERS_ALLOWED)
            source.report("unknown-filter", line, name, filter=name, mend=mend(likely, FILTERS_ALLOWED))
            return node, "wrong"
        personal = dotted(node.node)
        if personal in PERSONAL:
            source.report("personal-place", line, personal or "", name=personal)
            return node, "wrong"
        inner = scope.asking() if name in ("default", "d") else scope
        node.node, kind = self.expression(node.node, inner, depth + 1)
        if kind == "wrong":
            return node, "wrong"
        if not _fits(node, kind):
            source.report("filter-use", line, name, filter=name)
            return node, "wrong"
        for argument in node.args:
            self.expression(argument, scope, depth + 1)
        return node, "text"

    def comparison(self, node: nodes.Compare, scope: Scope, depth: int) -> tuple[nodes.Expr, Kind]:
        node.expr, left = self.expression(node.expr, scope, depth + 1)
        for operand in node.ops:
            operand.expr, right = self.expression(operand.expr, scope, depth + 1)
            if "wrong" in (left, right):
                return node, "wrong"
            if operand.op in ("in", "notin"):
                fits = left == "text" and right in ("text", "list", "hotlines")
            else:
                fits = left == right and left in ("text", "number")
                fits = fits and (operand.op in ("eq", "ne") or left == "number")
            if not fits:
                scope.source.report("comparison", node.lineno)
                return node, "wrong"
            left = right
        return node, "truth"


def _fits(node: nodes.Filter, kind: Kind) -> bool:
    """Whether a filter is used as it may be, on what it may be, with arguments written out."""
    if node.kwargs or node.dyn_args or node.dyn_kwargs:
        return False
    written = [one.value for one in node.args if isinstance(one, nodes.Const)]
    if len(written) != len(node.args) or (written and not isinstance(written[0], str)):
        return False
    if node.name in ("default", "d"):
        return 1 <= len(written) <= 2 and kind in ("text", "number", "hotlines")
    if node.name == "join":
        return len(written) <= 1 and kind in ("list", "hotlines")
    if node.name in ("first", "last"):
        return not written and kind in ("list", "hotlines")
    return not written and kind == "text"
