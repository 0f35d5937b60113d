"""Every figure that pages and forms show, its name for people, and what it counts. The catalogue ``figures`` is the
one home of these sentences: pages open them, and ``tools/write_definitions.py`` writes them into docs/metrics.md and
its Vietnamese twin. Whoever changes what a figure means changes ``definitions.DEFINITIONS`` too.
"""

from typing import NamedTuple

from engine.i18n import sentence
from engine.reports.broadcasts import COUNTS
from engine.reports.figures import COLUMNS
from engine.reports.measured import MEASURES
from engine.store.post_responses import FIGURES

# Part of a report → its figures. What is counted in another part under the same word has the part's name before it.
DEFINED: dict[str, tuple[str, ...]] = {
    "deliveries": COLUMNS,
    "coverage": MEASURES["coverage"],
    "delay": ("delay_median", "delay_p95"),
    "reasons": ("deliveries", "share"),
    "cost": ("cost_per_delivered_vnd",),
    "opt-outs": ("opt_outs", "opt_outs_per_1000"),
    "posts": ("post-posts", "post-published", *(f"post-{name}" for name in FIGURES)),
    "broadcasts": tuple(f"broadcasts-{name}" for name in COUNTS),
    "activities": ("activities-planned", "activities-done", "activities-done_rate"),
}
PART_OF = {name: part for part, names in DEFINED.items() for name in names}


class Definition(NamedTuple):
    """A figure in words: what it counts, what it does not mean, and what late receipts do to it."""

    counts: str
    not_meant: str
    late: str


def label(name: str) -> str:
    """The head of the figure's column."""
    part, _, rest = name.partition("-")
    if part == "activities":
        return sentence(f"reports.head-{rest.replace('_', '-')}")
    return sentence(f"reports.{name.replace('_', '-') if part == 'broadcasts' else name if rest else f'head-{name}'}")


def definition(name: str) -> Definition:
    """What a figure of ``PART_OF`` means."""
    return Definition(*(sentence(f"figures.{kind}-{name}") for kind in ("counts", "not", "late")))


def in_json(name: str) -> str:
    """The figure's name in JSON and CSV."""
    return f"{name}_s" if name.startswith("delay_") else name.partition("-")[2] or name
