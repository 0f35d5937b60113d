"""Rehearsal of a three-month campaign with half a million deliveries: the whole command, copy and proof included.

Run: python bench/rehearse_bench.py [deliveries] [--profile]. The goal is 60 s for 500,000 on one core. The fan-out of
as many rows is measured in the same process, so that a busy machine shows in both: see the ratio.
"""

import cProfile
import os
import pstats
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
from engine.pipeline.rehearse import rehearsing
from engine.pipeline.rehearse_stage import Asked
from engine.settings import Settings, from_environment
from engine.store.crypto import bucket_of
from engine.store.schema import prepare

RUNS = 14  # a step every week for three months
CAMPAIGN = """\
title: Đo tốc độ
owner: Máy thử
legal_basis: [Không có]
class: thong_bao
period: {from: 2027-07-01, to: 2027-09-30}
hotlines: ["111"]
limits: {per_person: 3 per 7 days, budget: 2_000_000_000}
steps:
  - {id: tuan, when: every thursday at 08:30, channel: sms, sender: brandname, audience: ca-tinh, message: tin}
"""
WORKSPACE = {
    "loa.yaml": "organisation: {name: Máy thử, province: '20'}\n"
    'senders: {brandname: {provider: twilio, from: BCDTHU, account: "${TWILIO_ACCOUNT_SID}",'
    ' token: "${TWILIO_AUTH_TOKEN}", rate: 20/s, price_per_segment: 850}}\n',
    "campaigns/do-toc-do.yaml": CAMPAIGN,
    "audiences/ca-tinh.yaml": "title: Cả tỉnh\nareas: {provinces: ['20'], era: '2025'}\nconsent: statutory\n",
    "messages/tin/sms.vi.j2": "Ban Chi dao 138: {{ area.name }} nhac ba con hoi ky truoc khi di lam xa. Goi 111.\n",
}
IMPORTED = "2027-01-01 00:00:00.000000"
NOW = datetime(2027, 6, 1, 8, 0, tzinfo=VIETNAM)


def main() -> None:
    numbers = [argument for argument in sys.argv[1:] if argument.isdigit()]
    deliveries = int(numbers[0]) if numbers else 500_000
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LOA_WORKSPACE"] = folder
        settings = from_environment()
        for name, text in WORKSPACE.items():
            path = settings.workspace / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        prepare(settings)
        fill(settings, deliveries // RUNS)
        if "--profile" in sys.argv:
            with cProfile.Profile() as profile:
                rehearse()
            pstats.Stats(profile).sort_stats(os.environ.get("SORT", "tottime")).print_stats(60)
            return
        child = subprocess.run([sys.executable, __file__, "--child"], check=True, capture_output=True, text=True)
        seconds, cpu, megabytes, handed, delivered, bare = child.stdout.split()
        print(
            f"deliveries planned  {deliveries // RUNS * RUNS:>12,}   handed over {int(handed):,}, delivered {delivered}"
        )
        print(f"rehearsal           {float(seconds):>12.1f} s   (goal 60 for 500,000), processor {float(cpu):.1f} s")
        print(f"a delivery          {float(cpu) / int(handed) * 1e6:>12.1f} µs of processor")
        print(f"peak memory         {float(megabytes):>12.0f} MB")
        print(
            f"fan-out of as many  {float(bare):>12.1f} s   the rehearsal is {float(cpu) / float(bare):.0f} times that"
        )


def fill(settings: Settings, contacts: int) -> None:
    """Synthetic contacts over the communes of one province, commune by commune as lists arrive; numbers sealed."""
    communes = [area.code for area in areas.load().communes("2025") if area.province == "20"]
    dice = random.Random(1)
    with opened(settings) as process, process.database.write() as connection:
        raw, keyring = connection.connection.driver_connection, process.keyring
        raw.execute(
            "INSERT INTO contact_import VALUES (1, 'bench', 'bench', 1, '', ?, ?, 0, 0, 0, 0, 0)", (IMPORTED, IMPORTED)
        )
        rows = []
        for number in range(contacts):
            phone = f"+8490{number:07d}"
            hashed = keyring.phone_hash(phone)
            commune, language = communes[number * len(communes) // contacts], dice.choice(("vi", "vi", "vi", "tyz"))
            rows.append((hashed, keyring.seal(phone), commune, language, phone[3:5], bucket_of(hashed)))
        raw.executemany(
            "INSERT INTO contact (phone_hash, phone_sealed, era, commune, language, consent, prefix, bucket, synthetic,"
            f" import_id, updated_at) VALUES (?, ?, '2025', ?, ?, 1, ?, ?, 1, 1, '{IMPORTED}')",
            rows,
        )


def rehearse() -> tuple[float, float, int, int]:
    """Seconds by the wall and by the processor, deliveries handed over and delivered."""
    began, cpu = time.perf_counter(), time.process_time()
    asked = Asked("do-toc-do")
    with rehearsing(from_environment(), asked, now=NOW, environment={}, registry=areas.load()) as result:
        handed = sum(day.handed_over for day in result.days)
        delivered = sum(day.delivered for day in result.days)
        broken = [finding for finding in result.findings if finding.kind in ("broken", "bug")]
        assert not broken, broken
    return time.perf_counter() - began, time.process_time() - cpu, handed, delivered


def fan_out() -> float:
    """Processor seconds of the fan-out of as many rows as the campaign has, from one of its runs."""
    settings = from_environment()
    with opened(settings, clock=StoppedClock(datetime(2027, 7, 1, 8, 31, tzinfo=VIETNAM))) as process:
        text = (settings.workspace / "loa.yaml").read_text(encoding="utf-8")
        sandbox = "senders: {brandname: {provider: sandbox, rate: 20/s, price_per_segment: 850}}\n"
        (settings.workspace / "loa.yaml").write_text(text.partition("senders:")[0] + sandbox, encoding="utf-8")
        snapshot = campaign_snapshot(load_workspace(settings, None), "do-toc-do")
        cpu = time.process_time()
        open_due(process, {"do-toc-do": snapshot}, areas.load())
        return (time.process_time() - cpu) * RUNS


def child() -> None:
    figures = rehearse()
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(figures[0], figures[1], megabytes, *figures[2:], fan_out())


if __name__ == "__main__":
    child() if "--child" in sys.argv else main()
