"""How long a report waits for ten thousand activities: reading the files, and summing them.

.venv/bin/python bench/activities_bench.py [ROWS]
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from engine.areas import registry as areas
from engine.content.activity_files import load_activities

KINDS = (
    ("Nói chuyện chuyên đề", "2", "1.300", ""),
    ("Tờ rơi", "", "", "19.500"),
    ("Lớp tập huấn", "", "45", ""),
)


def write(folder: Path, rows: int, *, communes: int) -> None:
    registry, chance = areas.load(), random.Random(7)
    all_communes = registry.communes("legacy")[:communes]
    lines = ["Hoạt động,Xã,Huyện,Tỉnh,Ngày,Đơn vị,Cuộc (KH),Cuộc (TH),Người (TH),Tờ (TH),Ghi chú"]
    for number in range(rows):
        commune = all_communes[number % len(all_communes)]
        district = registry.get("legacy", commune.district or "").name
        kind, events, people, sheets = KINDS[number % len(KINDS)]
        province = registry.get("legacy", commune.province).name
        day = f"{chance.randrange(1, 31)}/{chance.randrange(7, 10)}/2027"
        place = f'"{commune.name}","{district}","{province}"'
        lines.append(f"{kind},{place},{day},Công an xã,{events},{events},{people},{sheets},{number}")
    (folder / "activities").mkdir()
    (folder / "activities" / "do.csv").write_text("\n".join(lines), encoding="utf-8-sig")


def main(rows: int) -> None:
    for communes in (300, 3000):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write(folder, rows, communes=communes)
            began, busy = time.perf_counter(), time.process_time()
            registry = areas.Registry(areas.read_tables())  # with its index of names unbuilt, as in a new process
            found = load_activities(folder, registry=registry, province=None)
            read, cpu = time.perf_counter() - began, time.process_time() - busy
            print(f"{len(found.rows)} rows in {communes} communes read in {read:.2f} s ({cpu:.2f} s of CPU)")
            assert len(found.rows) == rows, found.problems[:3]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
