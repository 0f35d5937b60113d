"""``loa status``: where things stand and what waits for a person, without a name or a number."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
import road_workspace as files
from rich.console import Console

from engine.cli import main
from engine.cli import status as cli_status
from engine.cli.status_screen import screen
from engine.clock import real
from engine.pipeline.process import opened
from engine.reports.overview import overview
from engine.reports.standing_words import words
from engine.status import RunStatus, Status
from engine.store import audit, pace, senders
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
        for sender, until, reason in (
            ("dien-tap", real() + 3600, "queue_full"),
            ("du-phong", senders.FOREVER, "credentials"),
            ("khac", 1.0, "overloaded"),
        ):
            senders.lock(connection, sender)
            senders.save(connection, sender, senders.Standing(held_until=until, held_reason=reason))
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
    assert "Lượt tin số 24: biên nhận" in out and "Lượt tin số 0:" not in out  # the newest first
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
    [campaign] = document(loa)["campaigns"]
    assert (campaign["campaign"], campaign["state"], campaign["approvals"]) == ("nghe-an", "active", 0)
    assert (campaign["runs"], campaign["faulty"], campaign["data_until"]) == ([], True, None)
    _, out, _ = loa("status", "nghe-an")
    assert "nghe-an: đang hoạt động, chưa có phê duyệt còn hiệu lực" in out and "Chưa có lượt gửi nào." in out


def test_an_unknown_campaign_is_one_sentence(road, loa):
    road.run([{}])
    code, out, err = loa("status", "lang-sơn", "--json")
    assert (code, out) == (1, "")
    assert "lang-son" in err


def going(road, waiting: int = 30) -> list[int]:
    """A run of sandbox deliveries that goes out now."""
    road.process.clock.instant = datetime(2027, 7, 16, 2, 0, tzinfo=UTC)
    return road.run([{}] * waiting, status=RunStatus.RUNNING)


def test_a_run_shows_how_far_and_how_fast_it_goes_and_when_it_is_through(road):
    """By the tallies of the last minute: no delivery is looked at."""
    ids = going(road)
    now = real()
    with road.process.database.write() as connection:
        pace.sample(connection, now - 20, every=5)
    for delivery in ids[:10]:
        road.send(delivery, Status.ACCEPTED)
    with opened(road.process.settings, claims=True, kind="run") as process:
        seen = overview(process, ["lang-son"], now=road.process.clock.now(), real_now=now)
    [run] = seen.campaigns[0].runs
    assert run.progress == pytest.approx(1 / 3)
    assert run.going.rate == pytest.approx(0.5)
    assert run.going.finishes - seen.as_of == timedelta(seconds=40)
    told = cli_status.document(seen)["campaigns"][0]["runs"][0]
    assert (told["progress"], told["rate_per_s"], told["seconds_left"], told["in_time"]) == (0.3333, 0.5, 40, True)


def test_a_sample_is_taken_once_by_whoever_comes_first_and_old_ones_go(road):
    going(road)
    now = real()
    with road.process.database.write() as connection:
        for late in (-300, -20, -19, -5, 0, 1, -3600):
            pace.sample(connection, now + late, every=5)
        kept = [row[0] - now for row in connection.exec_driver_sql("SELECT at_real FROM pace")]
    assert [round(one) for one in kept] == [-3600], "what lies ahead can only come from a clock that was set back"
    with road.process.database.write() as connection:
        for late in (0, 1, 4.5, 5, 9.5):
            pace.sample(connection, now + late, every=5)
        kept = [row[0] - now for row in connection.exec_driver_sql("SELECT at_real FROM pace ORDER BY 1")]
    assert [round(one, 1) for one in kept] == [0.0, 4.5, 9.5]


def test_nobody_at_work_is_said_and_louder_when_something_is_due(road, loa):
    told = document(loa)
    assert (told["alive"], told["unattended"], told["processes"]) == (False, False, [])
    assert "Không có “loa run” nào đang chạy" in loa("status")[1]
    road.run([{}], status=RunStatus.READY)
    assert document(loa)["unattended"]
    assert "KHÔNG CÓ CHƯƠNG TRÌNH NÀO ĐANG CHẠY" in loa("status")[1]
    with opened(road.process.settings, claims=True, kind="run") as process:
        process.worker.beat(leads=True)
        told = document(loa)
        assert (told["alive"], told["unattended"]) == (True, False)
        [one] = told["processes"]
        assert (one["kind"], one["leads"], one["alive"], one["silent"]) == ("run", True, True, False)
        assert "mở các lượt gửi, gửi và nhận" in loa("status")[1]


def test_a_process_that_is_there_and_gives_no_sign_is_said(road, loa):
    with opened(road.process.settings, claims=True, kind="run") as process:
        process.worker.beat(leads=True)
        with road.process.database.write() as connection:
            connection.exec_driver_sql("UPDATE worker SET seen_real = seen_real - 40")
        assert document(loa)["processes"][0]["silent"]
        assert "KHÔNG CÒN NHỊP" in loa("status")[1]


def test_what_comes_next_says_whether_it_is_approved(prepared, loa):
    files.write(
        prepared.settings.workspace,
        {
            "campaigns/thu.yaml": files.campaign(
                files.step("mot", when="2027-07-31 11:00"), files.step("hai", when="2027-07-31 09:30", sender="cong"),
            )
        },
    )  # fmt: skip
    told = document(loa)
    assert [(one["step"], one["approved"]) for one in told["coming"]] == [("hai", False), ("mot", True)]
    assert told["coming"][0]["due"] == "2027-07-31T09:30:00+07:00"
    assert not told["unattended"], "what nobody has approved waits for a person, not for a process"
    _, out, _ = loa("status")
    assert "ĐÃ ĐẾN HẠN, CHƯA PHÊ DUYỆT" in out and "đã đến hạn, chưa mở" not in out
    assert "11:00 31/07/2027  thu  mot  đúng lịch sẽ tự gửi" in out


def test_files_with_errors_and_the_day_on_which_data_go_are_shown(road, loa):
    road.run([{}], status=RunStatus.READY)
    campaign = document(loa)["campaigns"][0]
    assert (campaign["faulty"], campaign["data_until"]) == (False, "2028-03-29")  # 180 days after 30/9
    assert "được xóa từ ngày 29/03/2028" in loa("status")[1]
    with road.process.database.write() as connection:
        connection.exec_driver_sql("UPDATE run SET retired_at = due")
    assert "đã được xóa theo thời hạn lưu" in loa("status")[1]
    assert document(loa)["campaigns"][0]["runs"][0]["retired"]


def test_many_runs_that_are_over_do_not_hide_those_that_go(road, loa, campaign_file):
    for _ in range(9):
        road.run([{}], status=RunStatus.MISSED, reason="late")
    road.run([{}], status=RunStatus.READY)
    assert loa("status", "lang-son")[1].count("lỡ lịch (đã quá") == 9
    campaign_file("nghe-an")
    _, out, _ = loa("status")
    assert (out.count("lỡ lịch (đã quá"), "5 lượt gửi trước đó đã qua, trong đó 5 lỡ lịch" in out) == (4, True)


def test_on_a_terminal_there_are_bars_and_it_refreshes_itself(road, monkeypatch):
    for delivery in going(road)[:15]:
        road.send(delivery, Status.ACCEPTED)
    console = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None, legacy_windows=False)
    seen = overview(road.process, ["lang-son"], now=road.process.clock.now(), real_now=real())
    console.print(screen(seen, console))
    shown = console.file.getvalue()
    assert "━━━━" in shown and " 50%" in shown and "15 chờ gửi" in shown
    looks = []

    def ctrl_c(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(cli_status.time, "sleep", ctrl_c)
    monkeypatch.setattr("engine.reports.screen.console_for", lambda stream: console)
    with pytest.raises(SystemExit) as left:
        main(["status", "--watch"])
    assert (left.value.code, len(looks)) == (0, 2)


def test_what_is_paused_or_cancelled_does_not_look_as_if_it_would_go_out(prepared, loa):
    steps = [files.step(one, when=f"2027-07-31 1{place}:00") for place, one in enumerate(("mot", "hai", "ba"))]
    files.write(prepared.settings.workspace, {"campaigns/thu.yaml": files.campaign(*steps)})
    assert loa("approve", "thu", "--by", "Ba")[0] == 0
    assert loa("cancel", "thu", "mot", "--by", "Ba")[0] == 0
    assert loa("pause", "thu", "hai", "--by", "Ba")[0] == 0
    assert [(one["step"], one["paused"]) for one in document(loa)["coming"]] == [("hai", True), ("ba", False)]
    _, out, _ = loa("status")
    assert "thu  hai  đang tạm dừng" in out and "thu  ba   đúng lịch sẽ tự gửi" in out
    assert loa("pause", "thu", "--by", "Ba")[0] == 0
    assert [one["paused"] for one in document(loa)["coming"]] == [True, True]


def test_an_approval_of_other_files_does_not_look_valid(prepared, loa):
    """Before the process has seen the edit: the officer would read that all is approved, and nothing would go out."""
    campaign = files.campaign(files.step("mot", when="2027-07-31 11:00", sender="cong"))
    files.write(prepared.settings.workspace, {"campaigns/thu.yaml": campaign})
    assert loa("approve", "thu", "--by", "Ba")[0] == 0
    assert "đã có 1 phê duyệt còn hiệu lực" in loa("status")[1]
    files.write(prepared.settings.workspace, {"campaigns/thu.yaml": campaign.replace("11:00", "11:30")})
    _, out, _ = loa("status")
    assert "phải phê duyệt lại" in out and "còn hiệu lực" not in out
    [told] = [one for one in document(loa)["campaigns"] if one["campaign"] == "thu"]
    assert (told["approvals"], told["edited"]) == (1, True)


def test_a_slip_of_the_pen_in_a_decision_is_told(prepared, loa):
    files.write(prepared.settings.workspace, {"campaigns/thu.yaml": files.campaign(files.step("mot"))})
    code, _, err = loa("pause", "thuu", "--by", "Ba")
    assert code == 1 and "“thu”" in err
    code, _, err = loa("pause", "thu", "--by", "Ba")
    assert code == 1 and "chưa được phê duyệt" in err


def test_a_run_of_a_paused_campaign_does_not_look_as_if_it_ran(road, loa):
    road.run([{}], status=RunStatus.RUNNING)
    assert loa("pause", "lang-son", "--by", "Ba")[0] == 0
    _, out, _ = loa("status", "lang-son")
    assert "mo-dau  tạm dừng" in out and "đang chạy" not in out
    assert document(loa, "lang-son")["campaigns"][0]["runs"][0]["status"] == "running", "the row's own word"
