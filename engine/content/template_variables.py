"""The variables a message may use, by the names officers write, and how they are recognised in a syntax tree."""

from typing import Literal

from jinja2 import nodes

from engine.content.skeleton import Slot, SlotKind

# Variable → the flat name it has at run time.
SHARED = {
    "area.name": "loa_area",
    "district.name": "loa_district",
    "province.name": "loa_province",
    "campaign.title": "loa_title",
    "campaign.theme": "loa_theme",
    "hotlines": "loa_hotlines",
}
PERSONAL: dict[str, SlotKind] = {"contact.name": "name", "link()": "link", "opt_out()": "opt_out"}
VARIABLES = (*PERSONAL, *SHARED)
ROOTS = frozenset(name.partition(".")[0].removesuffix("()") for name in VARIABLES) | {"loop"}
# What people call these things who have not read the list.
ALSO_CALLED = {
    "contact": "contact.name", "name": "contact.name", "ten": "contact.name", "ho_ten": "contact.name",
    "ho_va_ten": "contact.name", "area": "area.name", "commune": "area.name", "commune.name": "area.name",
    "xa": "area.name", "ten_xa": "area.name", "dia_ban": "area.name", "district": "district.name",
    "huyen": "district.name", "ten_huyen": "district.name", "province": "province.name",
    "tinh": "province.name", "ten_tinh": "province.name", "campaign": "campaign.title",
    "campaign.name": "campaign.title", "title": "campaign.title", "theme": "campaign.theme",
    "chu_de": "campaign.theme", "hotline": "hotlines", "duong_day_nong": "hotlines",
    "campaign.hotlines": "hotlines", "campaign.hotline": "hotlines", "link": "link()",
    "opt_out": "opt_out()", "optout": "opt_out()", "tu_choi": "opt_out()",
}  # fmt: skip

# In loops only; what each gives.
LOOP: dict[str, Literal["number", "truth"]] = {
    "loop.index": "number",
    "loop.index0": "number",
    "loop.length": "number",
    "loop.first": "truth",
    "loop.last": "truth",
}


def names_in(node: nodes.Node) -> frozenset[str]:
    """The shared variables anywhere in an expression."""
    found = {dotted(one) for one in (node, *node.find_all((nodes.Name, nodes.Getattr)))}
    return frozenset(name for name in found if name in SHARED)


def dotted(node: nodes.Node | None) -> str | None:
    """``area.name``, ``link()`` as written; None for anything that is not a name with plain attributes."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        owner = dotted(node.node)
        return f"{owner}.{node.attr}" if owner is not None else None
    if isinstance(node, nodes.Call):
        called = dotted(node.node)
        plain = not (node.args or node.kwargs or node.dyn_args or node.dyn_kwargs)
        return f"{called}()" if called is not None and plain else None
    return None


def slot_of(node: nodes.Expr) -> Slot | None:
    """``contact.name``, alone or with a fallback written out, ``link()``, ``opt_out()``."""
    fallback: nodes.Expr | None = None
    if isinstance(node, nodes.Filter) and node.name in ("default", "d") and node.args and not node.kwargs:
        second_plain = all(isinstance(one, nodes.Const) for one in node.args[1:])
        if len(node.args) <= 2 and second_plain and not (node.dyn_args or node.dyn_kwargs):
            fallback, node = node.args[0], node.node or node
    elif isinstance(node, nodes.Or):
        fallback, node = node.right, node.left
    name = dotted(node)
    if name not in PERSONAL or (fallback is not None and name != "contact.name"):
        return None
    if fallback is None:
        return Slot(PERSONAL[name])
    if isinstance(fallback, nodes.Const) and isinstance(fallback.value, str):
        return Slot("name", fallback.value)
    return None
