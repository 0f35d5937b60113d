"""Areas: size of the tables, time to load, to make all areas, to find by name, to decide a membership.

Run: .venv/bin/python bench/areas_bench.py
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from engine.areas.membership import Selection, membership, pieces
from engine.areas.registry import Registry
from engine.areas.tables import FOLDER, read_tables


def best(work: Callable[[], object], times: int = 7) -> float:
    """The shortest of some runs in milliseconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken) * 1_000


def main() -> None:
    registry = Registry(read_tables())
    print(f"version            {registry.version}")
    print(f"tables             {sum(file.stat().st_size for file in FOLDER.iterdir()):,} bytes")
    print(f"load               {best(lambda: Registry(read_tables()).get('2025', '06541')):.1f} ms")

    def all_communes() -> None:
        fresh = Registry(registry.tables)
        count = len(fresh.communes("legacy")) + len(fresh.communes("2025"))
        assert count == 13_356

    print(f"13,356 areas made  {best(all_communes):.1f} ms")
    print(f"name index         {best(lambda: Registry(registry.tables).find('Cao Lộc'), 3):.1f} ms")
    registry.find("Cao Lộc")
    found = best(lambda: [registry.one("Xã Yên Khoái", within="20") for _ in range(1_000)])
    print(f"one by name        {found:.1f} µs")
    missed = best(lambda: registry.unknown("Xã Yên Khoáy", within="20"), 3)
    print(f"nearest spellings  {missed:.1f} ms")
    print(f"pieces of land     {best(lambda: pieces(Registry(registry.tables))):.1f} ms, once a process")
    districts = Selection(districts=(("legacy", "180"), ("legacy", "183"), ("legacy", "188")))
    country = Selection(provinces=tuple(area.key for area in registry.provinces("2025")))
    print(f"three districts    {best(lambda: membership(districts, registry)):.2f} ms")
    print(f"whole country      {best(lambda: membership(country, registry)):.1f} ms")
    command = [sys.executable, "-m", "engine", "areas", "show", "06541", "--era", "2025", "--json"]
    shown = best(lambda: subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[1]), 5)
    print(f"loa areas show     {shown:.0f} ms, the process included")


if __name__ == "__main__":
    main()
