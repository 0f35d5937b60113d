"""Speed and memory of ``loa contacts import`` for a CSV, encryption included.

Goals: 20,000 rows/s, and the memory of a million rows that of a hundred thousand. Rows: ``LOA_BENCH_ROWS``
(default 200,000).
"""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engine import settings
from engine.areas import registry
from engine.store.schema import prepare

ROOT = Path(__file__).parent.parent
_NUMBERS, _STEP = 90_000_000, 7_654_321  # 090…098; without a common divisor: each is different, in no order


def write_list(path: Path, rows: int) -> None:
    """A list of synthetic people over the old communes of three districts."""
    communes = [area for area in registry.load().communes("legacy") if area.district in ("183", "188", "189")]
    labels = {code: registry.load().get("legacy", code).name for code in ("183", "188", "189")}
    chance = random.Random(138)
    with path.open("w", encoding="utf-8") as out:
        out.write("STT,Họ và tên,Số ĐT,Xã/Phường,Huyện,Nhóm,Đồng ý\n")
        for number in range(rows):
            area = chance.choice(communes)
            group = chance.choice(("", "Lao động đi xa", "Thiếu việc làm; Thuyền viên"))
            phone = f"09{number * _STEP % _NUMBERS:08d}"
            place = f"{area.name},{labels[area.district or '']}"
            out.write(f"{number},Người Thử {number:07d},{phone},{place},{group},có\n")


def run(path: Path, workspace: Path) -> tuple[float, float, dict[str, int]]:
    """Seconds by the clock, seconds of CPU, and counts of one import in a process of its own."""
    command = [sys.executable, "-m", "engine", "contacts", "import", str(path), "--source", "bench", "--basis", "bench"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    answered = subprocess.run(
        [*command, "--json"],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"LOA_WORKSPACE": str(workspace)},
    )
    took = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert answered.returncode in (0, 1), answered.stderr.decode()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took, cpu, json.loads(answered.stdout)


def main() -> None:
    rows = int(os.environ.get("LOA_BENCH_ROWS", "200000"))
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        os.environ["LOA_WORKSPACE"] = folder
        os.environ.pop("LOA_DATABASE_URL", None)
        prepare(settings.from_environment())
        path = workspace / "list.csv"
        write_list(path, rows)
        for kind in ("first", "again"):
            took, cpu, counts = run(path, workspace)
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
            shown = {name: counts[name] for name in ("imported", "updated", "unchanged", "rejected")}
            print(
                f"import, {kind}: {rows / took:>9,.0f} rows/s, {took:.1f} s ({cpu:.1f} s CPU), peak {peak} MB, {shown}"
            )


if __name__ == "__main__":
    main()
