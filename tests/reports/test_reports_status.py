"""``loa status``: where things stand and what waits for a person, without a name or a number."""

import json
from datetime import UTC, datetime, timedelta

from engine.cli.status import words
from engine.clock import real
from engine.status import RunStatus, Status
from engine.store import audit, senders
from engine.store.tables import Incident, table_of

DUE = datetime(2027, 7, 16, 1, 30, tzinfo=UTC)


def document(loa, *arguments: str) -> dict:
    code, out, err = loa("status", *arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_runs_stand_with_their_counts(road, loa):
    first, _, _ = road.run([{}, {}, {"reason": "opted_out"}], status=RunStatus.RUNNING)
    road.send(first, Status.ACCEPTED, Status.DELIVERED)
    [campaign] = document(loa)["campaigns"]
    assert (campaign["campaign"], campaign["state"], campaign["approvals"]) == ("lang-son", "active", 0)
    [run] = campaign["runs"]
    assert (run["step"], run["status"], run["reason"], run["message"]) == ("mo-dau", "running", None, None)
    assert run["due"] == "2027-07-16T08:30:00+07:00"
    assert (run["targeted"], run["delivered"], run["queued"], run["excluded"]) == (3, 1, 1, 1)
    _, out, _ = loa("status")
    assert "08:30 16/07/2027" in out and "đang chạy" in out
    assert "1 không gửi, 1 chờ gửi, 1 nhà mạng xác nhận" in out
    assert "\x1b" not in out


def test_a_run_says_in_words_why_it_stands_still(road, loa):
    for status, reason in (
        (RunStatus.HELD, "size"), (RunStatus.HELD, "budget"), (RunStatus.PAUSED, "approval_void"),
        (RunStatus.MISSED, "late"), (RunStatus.HELD, "something-new"),
    ):  # fmt: skip
        road.run([{}], status=status, reason=reason)
    _, out, _ = loa("status", "lang-son")
    for said in (
        "tạm giữ (số thuê bao hoặc chi phí vượt hơn 10%",
        "tạm giữ (vượt ngân sách",
        "tạm dừng (tệp đã thay đổi sau khi phê duyệt",
        "lỡ lịch (đã quá giờ cho phép",
        "tạm giữ (mã “something-new”)",
    ):
        assert said in out


def test_every_status_of_a_run_has_words(monkeypatch):
    for language in ("vi", "en"):
        monkeypatch.setenv("LOA_LANG", language)
        for status in RunStatus:
            assert words("run-status", status) != words("nothing", status)
        for one in Status:
            assert words("status", one) != words("nothing", one)


def test_held_senders_say_until_when(road, loa):
    with road.process.database.write() as connection:
        senders.hold(connection, "dien-tap", until_real=real() + 3600, reason="queue_full")
        senders.hold(connection, "du-phong", until_real=senders.FOREVER, reason="credentials")
        senders.hold(connection, "khac", until_real=1.0, reason="overloaded")
    held = document(loa)["senders"]
    assert [(one["sender"], one["reason"], one["until"] is None) for one in held] == [
        ("dien-tap", "queue_full", False),
        ("du-phong", "credentials", True),
    ]
    until = datetime.fromisoformat(held[0]["until"])
    assert abs((until - datetime.fromtimestamp(real(), UTC)) - timedelta(hours=1)) < timedelta(minutes=1)
    _, out, _ = loa("status")
    assert "du-phong: đến khi có người mở lại: sai tài khoản hoặc mật khẩu" in out


def test_incidents_show_their_kind_and_never_what_is_sealed(road, loa):
    with road.process.database.write() as connection:
        for place in range(25):
            audit.raise_incident(
                connection, road.process.keyring, at=DUE, kind="superseded", subject=f"delivery:{place}",
                detail="To=+84900000123",
            )  # fmt: skip
    assert len(document(loa)["incidents"]) == 25
    code, out, _ = loa("status")
    assert code == 0
    assert "Việc cần người xem: 25" in out and "… và 5 việc nữa" in out
    assert "[delivery:24]" in out and "[delivery:0]" not in out  # the newest first
    assert "0000123" not in out and "0000123" not in loa("status", "--json")[1]


def test_a_settled_incident_waits_for_nobody(road, loa):
    with road.process.database.write() as connection:
        audit.raise_incident(connection, road.process.keyring, at=DUE, kind="filtered", subject="sender:dien-tap")
        connection.execute(table_of(Incident).update().values(settled_at=DUE))
    assert document(loa)["incidents"] == []


def test_a_campaign_without_runs_and_an_empty_workspace_are_no_errors(road, loa, campaign_file):
    _, out, _ = loa("status")
    assert "Chưa có chiến dịch nào" in out
    campaign_file("nghe-an")
    assert document(loa)["campaigns"] == [{"campaign": "nghe-an", "state": "active", "approvals": 0, "runs": []}]
    _, out, _ = loa("status", "nghe-an")
    assert "nghe-an: đang hoạt động, chưa có phê duyệt còn hiệu lực" in out and "Chưa có lượt gửi nào." in out


def test_an_unknown_campaign_is_one_sentence(road, loa):
    road.run([{}])
    code, out, err = loa("status", "lang-sơn", "--json")
    assert (code, out) == (1, "")
    assert "lang-son" in err
