"""Fan-out of a million contacts (area-level message), as a ratio to a bare INSERT … SELECT of the same rows.

Run: python bench/fanout_bench.py [contacts]. Both are measured in one run on one machine; the goal is a ratio of
at most 3, at most 8 s and at most 150 MB for the process that fans out.
"""

import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime

from engine.areas import registry as areas
from engine.clock import VIETNAM, StoppedClock
from engine.pipeline.files import campaign_snapshot, load_workspace
from engine.pipeline.open_runs import open_due
from engine.pipeline.process import opened
from engine.settings import Settings, from_environment
from engine.store.schema import prepare

CAMPAIGN = """\
title: Đo tốc độ
owner: Máy thử
legal_basis: [Không có]
class: thong_bao
period: {from: 2027-07-01, to: 2027-07-31}
hotlines: ["111"]
steps:
  - {id: mot, when: 2027-07-16 08:30, channel: sms, sender: dien-tap, audience: ca-nuoc, message: tin}
"""
WORKSPACE = {
    "loa.yaml": "organisation: {name: Máy thử, province: '20'}\n"
    "senders: {dien-tap: {provider: sandbox, from: DIENTAP, rate: 500/s, price_per_segment: 850}}\n",
    "campaigns/do-toc-do.yaml": CAMPAIGN,
    "messages/tin/sms.vi.j2": "Ban Chi dao 138: {{ area.name }} nhac ba con hoi ky truoc khi di lam xa. Goi 111.\n",
}
IMPORTED = "2027-01-01 00:00:00.000000"
NOW = datetime(2027, 7, 16, 8, 31, tzinfo=VIETNAM)


def main() -> None:
    contacts = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LOA_WORKSPACE"] = folder
        settings = from_environment()
        write_workspace(settings)
        prepare(settings)
        fill(settings, contacts)
        here = [sys.executable, __file__]
        child = subprocess.run([*here, "--fan-out"], check=True, capture_output=True, text=True)
        seconds, megabytes, rows = child.stdout.split()
        bare = bare_insert(settings)
        print(f"contacts            {contacts:>12,}")
        print(f"deliveries          {int(rows):>12,}")
        print(f"fan-out             {float(seconds):>12.2f} s   (all of open: kinds, rendering, rows, tallies; goal 8)")
        print(f"peak memory         {float(megabytes):>12.0f} MB  (goal 150)")
        print(f"bare INSERT…SELECT  {bare:>12.2f} s")
        print(f"ratio               {float(seconds) / bare:>12.2f}     (goal 3)")


def write_workspace(settings: Settings) -> None:
    registry = areas.load()
    provinces = ", ".join(f'"{area.code}"' for area in registry.provinces("2025"))
    areas_wanted = f"areas: {{provinces: [{provinces}], era: '2025'}}"
    files = WORKSPACE | {"audiences/ca-nuoc.yaml": f"title: Cả nước\n{areas_wanted}\nconsent: statutory\n"}
    for name, text in files.items():
        path = settings.workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def fill(settings: Settings, contacts: int) -> None:
    """Synthetic contacts over all communes of today, in the order in which lists arrive: commune by commune."""
    communes = [area.code for area in areas.load().communes("2025")]
    dice = random.Random(1)
    with opened(settings) as process, process.database.write() as connection:
        raw = connection.connection.driver_connection
        raw.execute(
            "INSERT INTO contact_import VALUES (1, 'bench', 'bench', 1, '', ?, ?, 0, 0, 0, 0, 0)", (IMPORTED, IMPORTED)
        )
        raw.executemany(
            "INSERT INTO contact (phone_hash, phone_sealed, era, commune, language, consent, prefix, bucket, synthetic,"
            f" import_id, updated_at) VALUES (?, ?, '2025', ?, ?, 1, ?, ?, 1, 1, '{IMPORTED}')",
            (
                (
                    number.to_bytes(16, "big"),
                    bytes(40),
                    communes[number * len(communes) // contacts],
                    dice.choice(("vi", "vi", "vi", "tyz")),
                    dice.choice(("090", "091", "098", "086", "070", "032")),
                    dice.randrange(65536),
                )
                for number in range(contacts)
            ),
        )


def fan_out() -> None:
    settings = from_environment()
    registry = areas.load()
    with opened(settings, clock=StoppedClock(NOW)) as process:
        snapshot = campaign_snapshot(load_workspace(settings, None), "do-toc-do")
        start = time.perf_counter()
        open_due(process, {"do-toc-do": snapshot}, registry)
        seconds = time.perf_counter() - start
        with process.database.read() as connection:
            rows = connection.exec_driver_sql("SELECT sum(deliveries) FROM tally_area").scalar_one()
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(seconds, megabytes, rows)


def bare_insert(settings: Settings) -> float:
    """The same rows into a table of the same shape with the same unique index, by one INSERT … SELECT."""
    with opened(settings) as process, process.database.write() as connection:
        ddl = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'delivery'").scalar_one()
        connection.exec_driver_sql(
            str(ddl).replace("CREATE TABLE delivery", "CREATE TABLE bare", 1).replace('"delivery"', '"bare"')
        )
    with opened(settings) as process:
        start = time.perf_counter()
        with process.database.write() as connection:
            connection.exec_driver_sql("INSERT INTO bare SELECT * FROM delivery")
        return time.perf_counter() - start


if __name__ == "__main__":
    fan_out() if "--fan-out" in sys.argv else main()
