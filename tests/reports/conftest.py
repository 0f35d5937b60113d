"""A small campaign, and runs of it filled through the real store: rows, tallies, moves."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from engine.clock import StoppedClock
from engine.content.snapshot import Snapshot
from engine.pipeline.files import campaign_snapshot, load_workspace
from engine.pipeline.process import Process
from engine.settings import Settings
from engine.status import RunStatus, Status
from engine.store import outbox, runs, snapshots
from engine.store.outbox import DELIVERY, Change, Fate
from engine.store.tallies import Deltas

NOW = datetime(2027, 7, 31, 3, 0, tzinfo=UTC)
DUE = datetime(2027, 7, 16, 1, 30, tzinfo=UTC)  # 08:30 in Vietnam
_FILES = {
    "loa.yaml": """
organisation: {name: Ban Chỉ đạo 138 tỉnh Lạng Sơn, parent: UBND tỉnh Lạng Sơn, province: "20"}
hotlines: ["111"]
senders:
  dien-tap: {provider: sandbox, from: DIENTAP, rate: 500/s, price_per_segment: 850}
  du-phong: {provider: sandbox, from: DUPHONG, rate: 500/s, price_per_segment: 850}
""",
    "audiences/ba-huyen.yaml": """
title: Ba huyện
areas: {districts: [Cao Lộc, Lộc Bình, Tràng Định]}
""",
    "messages/nhac/sms.vi.j2": "Can tim hieu, goi {{ hotlines[0] }}.",
    "campaigns/lang-son.yaml": """
title: Ngày 30/7
owner: Ban Chỉ đạo 138
legal_basis: [Kế hoạch số 87/KH-BCĐ]
class: thong_bao
period: {from: 2027-07-01, to: 2027-09-30}
steps:
  - {id: mo-dau, when: 2027-07-16 at 08:30, channel: sms, sender: dien-tap, audience: ba-huyen, message: nhac}
  - {id: canh-bao, when: 2027-07-20 at 08:30, channel: sms, sender: dien-tap, audience: ba-huyen, message: nhac}
""",
}
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The snapshot of the small campaign ``lang-son``."""
    folder = tmp_path_factory.mktemp("workspace")
    for name, text in _FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.lstrip(), encoding="utf-8")
    settings = Settings(folder, "sqlite://", None, None, False)
    return campaign_snapshot(load_workspace(settings, None), "lang-son")


@dataclass
class Field:
    """Runs made by hand, and what happens to their deliveries."""

    process: Process
    snapshot: Snapshot
    ids: list[int] = field(default_factory=list)

    def run(
        self,
        deliveries: Sequence[Mapping[str, Any]],
        *,
        campaign: str = "lang-son",
        step: str = "mo-dau",
        channel: str = "sms",
        due: datetime = DUE,
        status: RunStatus = RunStatus.READY,
        reason: str | None = None,
        snapshot: Snapshot | None = None,
    ) -> list[int]:
        """A run with these deliveries, as the fan-out leaves it; the ids of the deliveries."""
        frozen = snapshot or self.snapshot
        with self.process.database.write() as connection:
            snapshots.keep(
                connection,
                digest=frozen.digest,
                campaign=campaign,
                content=frozen.to_json(),
                at=DUE - timedelta(days=9),
            )
            occurrence = f"n{next(_numbers)}"
            assert runs.create(
                connection,
                {
                    "campaign": campaign, "step": step, "occurrence": occurrence, "channel": channel,
                    "due": due, "expires_at": due + timedelta(hours=12), "status": str(status), "reason": reason,
                    "digest": frozen.digest, "opened_at": due,
                },
            )  # fmt: skip
            run_id = max(run["id"] for run in runs.of_campaign(connection, campaign))
            self.ids.append(run_id)
            rows = [delivery(run_id, place, **values) for place, values in enumerate(deliveries, start=1)]
            if not rows:
                return []
            connection.execute(insert(DELIVERY), rows)
            query = DELIVERY.select().where(DELIVERY.c.run_id == run_id).order_by(DELIVERY.c.contact_id)
            written = connection.execute(query).mappings().all()
            if status is not RunStatus.ENQUEUEING:
                deltas = Deltas()
                for row in written:
                    deltas.count(row, +1)
                deltas.write(connection, 0)
            return [row["id"] for row in written]

    def claim(self, delivery_id: int, *, at: datetime = DUE, slot: int = 0) -> int:
        """queued → sending as a worker would; the number of the attempt (of the last one when it is not queued)."""
        with self.process.database.write() as connection:
            before = outbox.load(connection, [delivery_id], lock=True)
            row = dict(before[delivery_id])
            if row["status"] == Status.QUEUED:
                row |= {
                    "status": "sending", "worker": "w1", "attempt": row["attempt"] + 1,
                    "claimed_at": at, "claimed_real": 1.0,
                }  # fmt: skip
                outbox.save(connection, before, {delivery_id: row}, slot=slot)
            return int(row["attempt"])

    def move(self, *changes: Change, slot: int = 0) -> list[Fate]:
        """Apply changes through the one road there is."""
        with self.process.database.write() as connection:
            return [fate for _, fate in outbox.apply(connection, changes, slot=slot)]

    def send(self, delivery_id: int, *ends: Status, at: datetime = DUE, minutes: float = 2, slot: int = 0) -> None:
        """Claim and let the delivery end: ``accepted`` first, then each word a few minutes later."""
        attempt = self.claim(delivery_id, at=at, slot=slot)
        for place, status in enumerate(ends):
            handed = status in (Status.ACCEPTED, Status.DELIVERED)
            when = at + timedelta(minutes=minutes * place)
            self.move(Change(delivery_id, attempt, status, when, f"SM{delivery_id}", handed=handed), slot=slot)


def delivery(run_id: int, contact: int, **values: Any) -> dict[str, Any]:
    """A delivery row as the fan-out writes it, Cao Lộc commune of today unless told otherwise."""
    row: dict[str, Any] = {
        "run_id": run_id, "contact_id": contact, "era": "2025", "commune": "06211", "language": "vi", "variant": "",
        "prefix": "090", "rendering_id": None, "segments": 2, "sender": "dien-tap", "reason": None, "attempt": 0,
    } | values  # fmt: skip
    row["status"] = "queued" if row["reason"] is None else "excluded"
    row["cost_vnd"] = row["segments"] * 850
    return row


@pytest.fixture
def road(prepared: Process, snapshot: Snapshot) -> Field:
    """An empty database to fill, at 10:00 on 31 July 2027."""
    prepared.clock = StoppedClock(NOW)
    return Field(prepared, snapshot)


@pytest.fixture
def loa(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Calls ``loa …`` in this process, at the same instant: (exit code, stdout, stderr)."""
    from engine.cli import main

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setenv("LOA_CLOCK", NOW.isoformat())
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out, told.err

    return call


@pytest.fixture
def campaign_file(settings: Settings) -> Callable[[str], Path]:
    """Puts an empty campaign file into the workspace: a campaign that has never run."""

    def made(key: str) -> Path:
        path = settings.workspace / "campaigns" / f"{key}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text("title: x\n", encoding="utf-8")
        return path

    return made
