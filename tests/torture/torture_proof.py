"""The proof at the end: the vendor's ledger against the database. The ledger is the truth.

What everyone should have got is computed here from the lists and the vendor's phone model, not read from the database.
"""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from road_kit import number
from road_proof import prove_tallies
from torture_scene import OPEN, OPTED_OUT, WITHOUT_CONSENT, Scene

from engine.reports.recount import recount
from engine.sandbox.messages import MessageLog
from engine.sandbox.model import LONGEST_VALIDITY, PhoneModel
from engine.store.crypto import load_keyring

_STEP_OF = {"Tin thứ nhất": "mot", "Tin thứ hai": "hai", "Tin thứ ba.": "ba"}


@dataclass
class Verdict:
    """What was found. Every list must be empty; each entry names a step and a place in the list, never a number."""

    expected: int = 0
    accepted: int = 0
    receipts: int = 0
    lost: list[Any] = field(default_factory=list)
    doubled: list[Any] = field(default_factory=list)
    astray: list[Any] = field(default_factory=list)  # a message to somebody who should get none
    rows: list[Any] = field(default_factory=list)  # a row missing, too many, or not what the vendor says
    unapplied: list[Any] = field(default_factory=list)  # callbacks that we said we had, and have not
    refused: list[Any] = field(default_factory=list)  # genuine callbacks that we did not take
    late: list[Any] = field(default_factory=list)  # handed over after the run's time
    off: list[Any] = field(default_factory=list)  # tallies and budget that are not the rows' own
    incidents: list[Any] = field(default_factory=list)

    @property
    def faults(self) -> dict[str, list[Any]]:
        """What is wrong, by kind."""
        return {name: value for name, value in vars(self).items() if isinstance(value, list) and value}

    def __str__(self) -> str:
        return (
            f"{self.expected} expected, {self.accepted} accepted, {len(self.lost)} lost, {len(self.doubled)} doubled,"
            f" {len(self.off)} tallies off, {self.receipts} receipts"
        )


def judge(scene: Scene, *, may_expire: bool = False) -> Verdict:
    """Compare the ledger with the lists and with the database.

    ``may_expire``: the run's time was over before everyone had their turn; who got nothing must be ``expired`` then.
    """
    verdict, model = Verdict(), PhoneModel(scene.seed % 1000)
    place_of = {_e164(place): place for place in range(1, scene.people + WITHOUT_CONSENT + 1)}
    found: defaultdict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for line in scene.ledger.lines():
        step = next((step for start, step in _STEP_OF.items() if line["body"].startswith(start)), "?")
        found[step, place_of.get(line["to"], 0)].append(line)
    verdict.accepted = sum(len(lines) for lines in found.values())
    approved = range(OPTED_OUT + 1, scene.people + 1)
    due = {(step, place) for step in scene.steps for place in approved if model.refusal(_e164(place)) is None}
    verdict.expected = len(due)
    verdict.lost = [] if may_expire else sorted(due - set(found))
    verdict.astray = sorted(set(found) - due)
    verdict.doubled = sorted(key for key, lines in found.items() if len(lines) > 1)
    _judge_rows(scene, verdict, model, found, due, may_expire)
    _judge_callbacks(scene, verdict)
    _judge_sums(scene, verdict)
    verdict.incidents = [tuple(row) for row in scene.rows("SELECT kind, count(*) FROM incident GROUP BY kind")]
    return verdict


def _e164(place: int) -> str:
    return "+84" + number(place).removeprefix("0")


def _judge_rows(
    scene: Scene,
    verdict: Verdict,
    model: PhoneModel,
    found: dict[tuple[str, int], list[Any]],
    due: set[Any],
    may_expire: bool,
) -> None:
    """Each row is final and says what the vendor says; each person has one row a step."""
    keyring, log = load_keyring(scene.folder / ".loa" / "key"), MessageLog(model)
    place_of = {keyring.phone_hash(_e164(place)): place for place in range(1, scene.people + WITHOUT_CONSENT + 1)}
    rows = scene.rows(
        "SELECT r.step, c.phone_hash, d.status, d.reason, d.vendor_id, d.handed_at FROM delivery d"
        " JOIN run r ON r.id = d.run_id JOIN contact c ON c.id = d.contact_id"
    )
    seen: Counter[tuple[str, int]] = Counter()
    for step, phone_hash, status, reason, vendor_id, handed_at in rows:
        key = step, place_of[bytes(phone_hash)]
        seen[key] += 1
        lines = found.get(key, [])
        if not lines:
            wanted = {"excluded"} if key[1] <= OPTED_OUT else {"failed", "excluded"}  # the vendor refused the number
            expired = may_expire and (status, reason) == ("expired", "too_late")
            right = (expired or (key not in due and status in wanted)) and vendor_id is None and handed_at is None
        else:
            line = lines[0]
            last = model.course(log.model.trait(line["to"]), _ms(line["at"]), line["validity"] or LONGEST_VALIDITY)[-1]
            wanted = {"delivered"} if last.status == "delivered" else {"failed", "expired"}
            right = vendor_id == line["sid"] and handed_at is not None and status in wanted
        if not right:
            verdict.rows.append((*key, status, reason, len(lines), vendor_id))
    everyone = {(step, place) for step in scene.steps for place in range(1, scene.people + 1)}
    verdict.rows += [(*key, "no row") for key in sorted(everyone - set(seen))]
    verdict.rows += [(*key, f"{count} rows") for key, count in seen.items() if count > 1 or key not in everyone]
    expires = dict(iter(scene.rows("SELECT step, max(expires_at) FROM run GROUP BY step")))
    for (step, place), lines in found.items():
        if step in expires and any(datetime.fromisoformat(line["at"]) >= _instant(expires[step]) for line in lines):
            verdict.late.append((step, place))


def _ms(at: str) -> int:
    instant = datetime.fromisoformat(at)
    return int(instant.replace(microsecond=0).timestamp()) * 1000 + instant.microsecond // 1000


def _instant(stored: Any) -> datetime:
    """SQLite gives text without an offset, PostgreSQL an instant."""
    read = stored if isinstance(stored, datetime) else datetime.fromisoformat(str(stored))
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _judge_callbacks(scene: Scene, verdict: Verdict) -> None:
    """What we said we had taken is there; nothing genuine was refused for good."""
    kept = {tuple(row) for row in scene.rows("SELECT delivery_id, attempt, vendor_id, vendor_status FROM receipt")}
    verdict.receipts = len(kept)
    for callback in scene.ledger.callbacks():
        query, form = parse_qs(urlsplit(callback["path"]).query), parse_qs(callback["form"])
        key = int(query["d"][0]), int(query["a"][0]), form["MessageSid"][0], form["MessageStatus"][0]
        if callback["status"] == 204 and key not in kept:
            verdict.unapplied.append(key)
        if callback["status"] not in (204, 503):
            verdict.refused.append((callback["status"], *key))


def _judge_sums(scene: Scene, verdict: Verdict) -> None:
    verdict.off += [vars(one) if hasattr(one, "__dict__") else repr(one) for one in recount(scene.database).differences]
    try:
        prove_tallies(scene.rows)  # the same once more, by other SQL
    except AssertionError as error:
        verdict.off.append(str(error)[:2000])
    spent = scene.count("SELECT sum(cost_vnd) FROM delivery WHERE handed_at IS NOT NULL")
    reserved = scene.count("SELECT sum(reserved_vnd) FROM campaign_state")
    if spent != reserved:
        verdict.off.append(("budget", spent, reserved))
    left = scene.count(f"SELECT count(*) FROM delivery WHERE status IN {OPEN}")
    if left:
        verdict.rows.append(("open", left))


def told(verdict: Verdict) -> str:
    """The faults, for the message of a failure."""
    return json.dumps(verdict.faults, ensure_ascii=False, default=str)[:6000]
