"""What a message's Jinja may say, so that it ends, stays small and reads only what it may: the first wall.

The syntax tree is walked against a whitelist. What is not on it is a problem at its place: assignments, macros,
imports, inheritance, calls, attributes, arithmetic, tests, loops over anything but ``hotlines`` or a list that
is written out. What remains cannot loop for long (its cost is counted beforehand) nor let a text grow beyond the
sum of what is written, so an endless loop or a memory bomb is refused before it is ever run.

Includes are put in place here, from sources already read from ``messages/``: at run time there is nothing to
load and so no way out. Variables become flat names, so that at run time nothing's attributes are ever read.
What belongs to one person becomes a mark in the words, which the skeleton is cut at.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from jinja2 import nodes

from engine.content.message_name import mend
from engine.content.template_expressions import COST_LIMIT, Expressions, Rules, Scope
from engine.content.template_source import TAGS, Source
from engine.content.template_variables import PERSONAL, ROOTS, names_in, slot_of
from engine.content.words import suggestion

HOTLINES_LIMIT = 20
LOOP_DEPTH = 2
BLOCK_DEPTH = 10
INCLUDE_DEPTH = 5
INCLUDES_LIMIT = 50  # put in place in one message: ten files that include each other ten times are 10**10
MARK = "\0"  # around a slot's number; no source, value or literal may hold it

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")
_TAG_OF: dict[type[nodes.Node], str] = {
    nodes.Assign: "set",
    nodes.AssignBlock: "set",
    nodes.CallBlock: "call",
    nodes.FilterBlock: "filter",
    nodes.FromImport: "from",
    nodes.ScopedEvalContextModifier: "autoescape",
    nodes.Scope: "autoescape",
    nodes.ExprStmt: "do",
}


def apply(source: Source, includes: Mapping[str, str]) -> tuple[nodes.Template | None, Rules]:
    """Walk ``source``; the tree to run (None when there are errors) and what it uses.

    ``includes`` maps a name under ``messages/`` to its source. Problems are in ``rules.parsed``, one Source a
    file read.
    """
    rules = Rules(includes)
    tree = source.parse()
    rules.parsed.append(source)
    if tree is None:
        return None, rules
    source.warn_of_braces()
    try:
        tree.body = _Statements(rules).body(tree.body, Scope(source))
    except RecursionError:
        source.report("too-complex", 1)
    if rules.cost > COST_LIMIT:
        source.report("too-complex", 1)
    if any(problem.severity == "error" for one in rules.parsed for problem in one.problems):
        return None, rules
    return tree, rules


class _Statements(Expressions):
    def body(self, body: list[nodes.Node], scope: Scope) -> list[nodes.Node]:
        if scope.blocks > BLOCK_DEPTH:
            scope.source.report("too-deep", body[0].lineno if body else 1, limit=BLOCK_DEPTH)
            return []
        out: list[nodes.Node] = []
        for node in body:
            self.rules.cost += scope.times
            if self.rules.cost > COST_LIMIT:
                return out  # includes that multiply are not followed to their end
            if isinstance(node, nodes.Output):
                node.nodes = [self.printed(child, scope) for child in node.nodes]
                out.append(node)
            elif isinstance(node, nodes.If):
                out.append(self.condition(node, scope))
            elif isinstance(node, nodes.For):
                out.append(self.loop(node, scope))
            elif isinstance(node, nodes.Include):
                out += self.include(node, scope)
            else:
                tag = _TAG_OF.get(type(node), type(node).__name__.lower())
                scope.source.report("forbidden-tag", node.lineno, tag, tag=tag, known=", ".join(TAGS))
        return out

    def condition(self, node: nodes.If, scope: Scope) -> nodes.If:
        tests = [branch.test for branch in (node, *node.elif_)]
        asked = scope.asked.union(*map(names_in, tests))
        inner = replace(scope, blocks=scope.blocks + 1, asked=asked)
        for branch in (node, *node.elif_):
            branch.test, _ = self.expression(branch.test, scope.asking(), 1)
            branch.body = self.body(branch.body, inner)
        node.else_ = self.body(node.else_, inner)
        return node

    def loop(self, node: nodes.For, scope: Scope) -> nodes.For:
        source, line = scope.source, node.lineno
        node.iter, kind = self.expression(node.iter, scope, 1)
        if kind not in ("list", "hotlines", "wrong"):
            source.report("forbidden-loop", line, "for")
        if node.recursive:
            source.report("forbidden-loop", line, "recursive")
        if scope.loops >= LOOP_DEPTH:
            source.report("loop-too-deep", line, "for", limit=LOOP_DEPTH)
            return node
        names = scope.loop_names | {"loop"}
        if isinstance(node.target, nodes.Name):
            name = node.target.name
            if name in ROOTS or name.startswith(("_", "loa_")):
                source.report("taken-name", line, name, name=name)
            names |= {name}
        else:
            source.report("forbidden-loop", line, "for")
        items = len(node.iter.items) if isinstance(node.iter, nodes.List | nodes.Tuple) else HOTLINES_LIMIT
        inner = replace(
            scope,
            loop_names=names,
            loops=scope.loops + 1,
            blocks=scope.blocks + 1,
            times=scope.times * max(items, 1),
        )
        if node.test is not None:
            node.test, _ = self.expression(node.test, inner.asking(), 1)
        node.body = self.body(node.body, inner)
        node.else_ = self.body(node.else_, scope)
        return node

    def include(self, node: nodes.Include, scope: Scope) -> list[nodes.Node]:
        source, line = scope.source, node.lineno
        name = node.template.value if isinstance(node.template, nodes.Const) else None
        if not isinstance(name, str) or not is_include_name(name):
            source.report("include-name", line, "include", name=name if isinstance(name, str) else "…")
        elif not node.with_context or node.ignore_missing:
            source.report("include-plain", line, "include")
        elif name in scope.including:
            source.report("include-cycle", line, name, name=name)
        elif len(scope.including) >= INCLUDE_DEPTH:
            source.report("include-too-deep", line, name, limit=INCLUDE_DEPTH)
        elif self.rules.included >= INCLUDES_LIMIT:
            self.rules.cost = COST_LIMIT + 1
        elif name not in self.rules.includes:
            likely = suggestion(name, self.rules.includes)
            source.report("include-missing", line, name, name=name, mend=mend(likely, ()) if likely else "")
        else:
            self.rules.included += 1
            included = Source(f"messages/{name}", self.rules.includes[name])
            first = all(one.file != included.file for one in self.rules.parsed)
            tree = included.parse()
            if first:  # put in place twice, its problems are still told once
                self.rules.parsed.append(included)
            if tree is not None:
                if first:
                    included.warn_of_braces()
                inner = replace(scope, source=included, including=(*scope.including, name))
                return self.body(tree.body, inner)
        return []

    def printed(self, node: nodes.Expr, scope: Scope) -> nodes.Expr:
        """One thing put out: words, a place for one person, or an expression that gives a text."""
        if isinstance(node, nodes.TemplateData):
            if _CONTROL.search(node.data):
                scope.source.report("control-character", node.lineno)
            return node
        slot = slot_of(node)
        if slot is not None:
            self.rules.variables.add(next(name for name, kind in PERSONAL.items() if kind == slot.kind))
            if slot.fallback is not None:
                self.literal(slot.fallback, node, scope)
            if slot not in self.rules.slots:
                self.rules.slots.append(slot)
            return nodes.TemplateData(f"{MARK}{self.rules.slots.index(slot)}{MARK}", lineno=node.lineno)
        return self.text(node, scope, 0)


def is_include_name(name: str) -> bool:
    """Whether ``name`` stays inside ``messages/``: relative, ``/`` between parts, none of them ``..``, a .j2 file."""
    parts = name.split("/")
    return (
        name.endswith(".j2")
        and name.isprintable()
        and not any(letter in name for letter in '\\:*?"<>|')
        and all(part and part.strip(". ") and not part.startswith((".", " ")) for part in parts)
    )
