"""People of clay for demonstrations and tests: seeded, over the communes of a workspace's campaigns, marked synthetic.

Their numbers are well-formed and may belong to somebody: that is why every contact carries the mark, and why a live
sender refuses those who do.
"""

import csv
import random
from collections.abc import Iterator, Mapping
from pathlib import Path

from engine.areas.registry import Registry
from engine.content.snapshot import Snapshot
from engine.pipeline.resolve import Resolver

# Prefixes of the operators, roughly by their share of subscribers.
PREFIXES = (
    "096", "097", "098", "086", "032", "033", "035", "090", "093", "070", "077", "091", "094", "081", "083", "092",
    "056", "059",
)  # fmt: skip
LANGUAGES = {"vi": 80, "tyz": 8, "nut": 7, "hmn": 3, "ium": 2}
CONSENTING = 0.85
NAMELESS = 0.05
IN_A_GROUP = 0.35
WRITTEN_OLD = 0.3  # lists that still name the commune of before July 2025

HEADER = ("SĐT", "Họ và tên", "Xã/Phường", "era", "Nhóm", "Ngôn ngữ", "Đồng ý", "Thư điện tử")


def people(
    snapshots: Mapping[str, Snapshot], registry: Registry, count: int, *, seed: int, shares: Mapping[str, float]
) -> Iterator[tuple[str, ...]]:
    """``count`` rows as a commune would send them; ``shares`` says how many live in which campaign's communes."""
    dice = random.Random(seed)
    keys = sorted(snapshots)
    communes = {key: _communes(snapshots[key], registry) for key in keys}
    groups = {key: _groups(snapshots[key]) for key in keys}
    without_relay = {key: _relays(snapshots[key], registry) for key in keys}
    languages, weights = list(LANGUAGES), list(LANGUAGES.values())
    for number in range(count):
        key = dice.choices(keys, [shares.get(key, 1.0) for key in keys])[0]
        today, old = communes[key]
        era, code = dice.choice(old if old and dice.random() < WRITTEN_OLD else today)
        group = dice.choice(groups[key]) if groups[key] and dice.random() < IN_A_GROUP else ""
        relay = without_relay[key].pop((era, code), None)  # the first of a commune reads aloud there
        yield (
            f"{dice.choice(PREFIXES)}{number:07d}",
            "" if dice.random() < NAMELESS else f"Người Mẫu {number:05d}",
            code,
            era,
            group if relay is None else relay,
            dice.choices(languages, weights)[0],
            "có" if dice.random() < CONSENTING else "không",
            f"loa.{number}@xa-mau.example" if relay is not None and number % 2 else "",  # nobody is behind .example
        )


def write_people(
    path: Path,
    snapshots: Mapping[str, Snapshot],
    registry: Registry,
    count: int,
    *,
    seed: int,
    shares: Mapping[str, float],
) -> None:
    """Write ``people`` as a CSV file that ``loa contacts import`` reads."""
    with path.open("w", encoding="utf-8-sig", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(HEADER)
        writer.writerows(people(snapshots, registry, count, seed=seed, shares=shares))


def _communes(snapshot: Snapshot, registry: Registry) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(communes of today, communes of before) that any audience of the campaign covers, in a settled order."""
    covered: set[tuple[str, str]] = set()
    for rule in Resolver(snapshot, registry, drafts=True).rules.values():
        covered |= set(rule.areas)
    return sorted(key for key in covered if key[0] == "2025"), sorted(key for key in covered if key[0] == "legacy")


def _groups(snapshot: Snapshot) -> list[str]:
    """The groups that people are in by their work; those of relays alone are given out otherwise."""
    relays = {str(step.audience) for step in snapshot.campaign.steps if step.aloud}
    relays -= {str(step.audience) for step in snapshot.campaign.steps if not step.aloud}
    others = [audience for key, audience in snapshot.audiences.items() if key not in relays]
    return sorted({group for audience in others for group in audience.groups.any})


def _relays(snapshot: Snapshot, registry: Registry) -> dict[tuple[str, str], str]:
    """Commune → the group of its relay, for the communes in which something is read aloud."""
    rules = Resolver(snapshot, registry, drafts=True).rules
    audiences = [rules[str(step.audience)] for step in snapshot.campaign.steps if step.aloud]
    return {place: rule.groups[0] for rule in audiences if rule.groups for place in rule.areas}
