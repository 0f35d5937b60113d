"""What other programs call: keys, types and exit codes to the letter; one sentence for every mistake of a person."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import road_workspace as files
from road_kit import COMMUNES, Here, Loa, Ran, free_port, number, vendor

STATUSES = (
    "targeted",
    "excluded",
    "queued",
    "sending",
    "accepted",
    "delivered",
    "failed",
    "expired",
    "unknown",
    "cancelled",
)
MESSAGES = {
    "messages/tin/sms.vi.j2": "Bà con {{ area.name }}, cần giúp đỡ xin gọi 111.\n",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Here:
    """A workspace with its database and ten people over the in-process sandbox. Tests copy it, none changes it."""
    folder = tmp_path_factory.mktemp("made")
    loa = Loa(folder).here
    files.write(folder, MESSAGES)
    loa.ok("init", str(folder))
    rows = ["Số ĐT;Xã/Phường;Nhóm"]
    rows += [f"{number(place)};{COMMUNES[place % 5]};lao động đi xa" for place in range(1, 11)]
    (folder / "ds.csv").write_text("\n".join(rows), encoding="utf-8")
    imported = loa.ok(*IMPORT, str(folder / "ds.csv"), "--json").json
    assert set(imported) == {"rows", "imported", "updated", "unchanged", "rejected", "problems", "rejected_file"}
    assert (imported["rows"], imported["imported"], imported["problems"], imported["rejected_file"]) == (
        10,
        10,
        [],
        None,
    )
    return loa


IMPORT = ("contacts", "import", "--source", "thử", "--basis", "thử", "--consent", "--era", "2025", "--synthetic")


@pytest.fixture
def copy(made: Here, tmp_path: Path) -> Here:
    """A copy of it that may be spoiled."""
    shutil.copytree(made.workspace, tmp_path / "w", ignore=shutil.ignore_patterns("*.lock"))
    return Here(tmp_path / "w")


def typed(value: Any, shape: Any) -> None:
    """``value`` has exactly the keys and types of ``shape`` (types, lists of one shape, dicts of shapes)."""
    if isinstance(shape, dict):
        assert isinstance(value, dict) and set(value) == set(shape), (value, shape)
        for key, inner in shape.items():
            typed(value[key], inner)
    elif isinstance(shape, list):
        assert isinstance(value, list) and value, (value, shape)
        for item in value:
            typed(item, shape[0])
    elif isinstance(shape, tuple):
        assert isinstance(value, shape) and not isinstance(value, bool), (value, shape)
    else:
        assert type(value) is shape, (value, shape)


AREA = {"era": str, "code": str, "name": str}
NUMBER = (int, float)


def test_plan_and_approve_and_dispatch_speak_json_as_agreed(copy: Here) -> None:
    plan = copy.ok("plan", "thu", "--json")
    typed(
        plan.json,
        {
            "campaign": str,
            "runs": [
                {
                    "step": str, "occurrence": str, "channel": str, "due": str, "recipients": int, "excluded": {},
                    "segments": int, "cost_vnd": int, "duration_s": NUMBER,
                }
            ],
            "by_district": [{"area": AREA, "recipients": int, "segments": int, "cost_vnd": int}],
            "totals": {"recipients": int, "people": int, "excluded": int, "segments": int, "cost_vnd": int},
        },
    )  # fmt: skip
    assert plan.json["runs"][0] | {"segments": 0, "cost_vnd": 0, "duration_s": 0} == {
        "step": "mo-dau", "occurrence": "once", "channel": "sms", "due": files.DUE, "recipients": 10, "excluded": {},
        "segments": 0, "cost_vnd": 0, "duration_s": 0,
    }  # fmt: skip
    assert [row["area"]["code"] for row in plan.json["by_district"]] == ["183", "188"]
    assert {row["area"]["era"] for row in plan.json["by_district"]} == {"legacy"}
    earlier = copy.ok("plan", "thu", "--json", "--at", "2027-07-16 10:31").json
    assert earlier["runs"] == []  # more than two hours late by then

    approved = copy.ok("approve", "thu", "--by", "Người Duyệt", "--document", "Số 1/TTr", "--json").json
    assert approved["approved"] is True
    assert (approved["recipients"], approved["cost_vnd"]) == (10, plan.json["totals"]["cost_vnd"])
    done = copy.process.ok("dispatch", "--once", "--json")
    assert done.err == ""
    assert (done.json["opened"], done.json["claimed"], done.json["missed"], done.json["held"]) == (1, 10, [], 0)

    counts = dict.fromkeys(STATUSES, int) | {"segments": int, "cost_vnd": int, "delivery_rate": NUMBER}
    for by, key in (
        ("district", {"area": AREA}),
        ("commune", {"area": AREA}),
        ("step", {"step": str}),
        ("day", {"day": str}),
    ):
        told = copy.ok("report", "thu", "--by", by, "--json").json
        typed(
            told,
            {"campaign": str, "by": str, "as_of": str, "rows": [key | counts], "totals": counts, "published": bool},
        )
        assert sum(row["targeted"] for row in told["rows"]) == told["totals"]["targeted"] == 10
    assert told["rows"][0]["day"] == "2027-07-16"


def test_pause_resume_and_cancel_answer_in_json(copy: Here) -> None:
    copy.ok("approve", "thu", "--by", "Người Duyệt", "--json")
    for action, status in (("pause", "paused"), ("resume", "approved"), ("cancel", "cancelled")):
        assert copy.ok(action, "thu", "--json").json == {
            "campaign": "thu", "step": None, "action": action, "runs": 0,
            "status": status, "missing_approvals": 0, "waiting": [],
        }  # fmt: skip
    again = copy.run("resume", "thu", "--json")
    assert (again.code, again.out) == (1, "")
    clear(again)


def test_decisions_name_the_step_and_an_approval_tells_what_changed(copy: Here) -> None:
    """In Vietnamese, as officers read it."""
    vietnamese = {"LOA_LANG": "vi"}
    copy.ok("approve", "thu", "--by", "Người Duyệt", **vietnamese)
    assert "bước “mo-dau” của “thu”" in copy.ok("pause", "thu", "mo-dau", "--by", "A", **vietnamese).out
    assert "Bước “mo-dau” của “thu” chạy tiếp" in copy.ok("resume", "thu", "mo-dau", **vietnamese).out
    clear(copy.run("pause", "thu", "khong-co", **vietnamese), "khong-co", "mo-dau")
    copy.ok("pause", "thu", **vietnamese)
    text = "Cần giúp đỡ xin gọi 111 hoặc 113."
    (copy.workspace / "messages" / "tin" / "sms.vi.j2").write_text(f"{text}\n", encoding="utf-8")
    told = copy.ok("approve", "thu", "--by", "Người Duyệt", **vietnamese).out
    former = MESSAGES["messages/tin/sms.vi.j2"].strip()
    changed = f"messages/tin/sms.vi.j2:1: trước “{former}”, nay “{text}”"
    assert "Thay đổi so với bản đã phê duyệt trước (1 dòng)" in told and changed in told
    assert "“thu” đang tạm dừng" in told
    (copy.workspace / "messages" / "tin" / "sms.vi.j2").write_text("Gọi 111.\n", encoding="utf-8")
    document = copy.ok("approve", "thu", "--by", "Người Duyệt", "--json").json
    assert document["changes"] == [{"file": "messages/tin/sms.vi.j2", "line": 1, "before": text, "after": "Gọi 111."}]
    assert (document["approvals"], document["status"]) == (1, "paused")


def clear(ran: Ran, *words: str) -> None:
    """One clear sentence on stderr, no traceback; ``words`` stand in it."""
    assert ran.code == 1, ran
    assert "Traceback" not in ran.err and "Error:" not in ran.err, ran.err
    assert 0 < len(ran.err.strip().splitlines()) <= 6, ran.err
    for word in words:
        assert word in ran.err, ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["khong-co-lenh"],
        ["plan"],
        ["plan", "thu", "--khong-co"],
        ["approve", "thu"],
        ["dispatch"],
        ["report", "thu", "--by", "moon"],
        ["run", "--port", "99999"],
        ["sandbox"],
        ["contacts", "import", "x.csv"],
    ],
    ids=" ".join,
)
def test_a_command_called_wrongly_is_a_usage_error(made: Here, arguments: list[str]) -> None:
    ran = made.run(*arguments)  # also `run` and `dispatch`: they come to nothing
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err


def test_check_names_every_problem_with_its_place_and_exits_1_on_errors_only(copy: Here) -> None:
    clean = copy.run("check", "--json")
    assert (clean.code, clean.json["ok"]) == (0, True)
    (copy.workspace / "campaigns" / "thu.yaml").write_text(
        files.campaign(files.step(audience="khong-co", valid_for="hai tiếng rưỡi")), encoding="utf-8"
    )
    ran = copy.run("check", "--json")
    assert ran.code == 1
    problem = {"file": str, "line": int, "column": int, "severity": str, "code": str, "message": str}
    typed(ran.json, {"ok": bool, "problems": [problem]})
    errors = [one for one in ran.json["problems"] if one["severity"] == "error"]
    assert {one["line"] for one in errors} == {12, 14}
    assert {one["file"] for one in errors} == {"campaigns/thu.yaml"}


def test_broken_yaml_stops_plan_and_approve_with_the_place(copy: Here) -> None:
    campaign = copy.workspace / "campaigns" / "thu.yaml"
    campaign.write_text(campaign.read_text(encoding="utf-8") + "steps: [\n", encoding="utf-8")
    for command in (["plan", "thu"], ["approve", "thu", "--by", "Người Duyệt"]):
        clear(copy.run(*command), "campaigns/thu.yaml:")


def test_a_template_with_an_unknown_variable_is_never_approved(copy: Here) -> None:
    (copy.workspace / "messages" / "tin" / "sms.vi.j2").write_text("Gọi {{ contact.risk }} 111\n", encoding="utf-8")
    clear(copy.run("approve", "thu", "--by", "Người Duyệt"), "messages/tin/sms.vi.j2:")


def test_a_wrong_key_is_said_at_once(copy: Here) -> None:
    for command in (["plan", "thu", "--json"], ["run", "--no-web"]):
        ran = (copy.process if command[0] == "run" else copy).run(*command, LOA_KEY="ab" * 32)
        clear(ran)
        assert ran.out == ""


def test_no_database_and_an_old_one_say_what_to_do(copy: Here) -> None:
    from engine.store.database import Database

    database = Database(f"sqlite:///{copy.workspace / '.loa' / 'loa.db'}")
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000_before'")
    database.close()
    clear(copy.run("plan", "thu"))
    (copy.workspace / ".loa" / "loa.db").write_bytes(b"this is not a database, it only looks like a file" * 100)
    clear(copy.run("plan", "thu"))
    for file in (copy.workspace / ".loa").glob("loa.db*"):
        file.unlink()
    clear(copy.process.run("dispatch", "--once", "--json"), "loa init")


def test_an_unknown_campaign_suggests_the_one_that_was_meant(made: Here) -> None:
    clear(made.run("plan", "tuh"), "thu")


def test_a_commune_nobody_knows_is_a_rejected_row_and_the_others_are_kept(copy: Here) -> None:
    listed = copy.workspace / "hai.csv"
    listed.write_text(f"SĐT,Xã\n{number(501)},Xã Không Có Đâu\n{number(502)},06184\n", encoding="utf-8")
    ran = copy.run(*IMPORT, str(listed), "--json")
    assert ran.code == 1
    assert (ran.json["imported"], ran.json["rejected"]) == (1, 1)
    [problem] = ran.json["problems"]
    assert set(problem) == {"row", "column", "code", "message"}
    assert (problem["row"], problem["column"]) == (2, "Xã")
    assert number(501) not in problem["message"]
    assert number(501) in Path(ran.json["rejected_file"]).read_text(encoding="utf-8-sig")


@pytest.mark.parametrize(
    "garbage", [os.urandom(4000), b"", b"\x00" * 3000, b"a,b,c\n1,2,3\n"], ids=["random", "empty", "zeros", "other"]
)
def test_a_list_of_garbage_is_one_sentence_and_stores_nothing(copy: Here, garbage: bytes) -> None:
    listed = copy.workspace / "rac.csv"
    listed.write_bytes(garbage)
    clear(copy.run(*IMPORT, str(listed), "--json"))


def test_a_database_address_that_is_none_is_one_sentence(made: Here) -> None:
    for url in ("mysql://u:p@h/x", "nonsense", "postgresql://u:geheim@127.0.0.1:1/x"):
        ran = made.run("plan", "thu", LOA_DATABASE_URL=url)
        clear(ran)
        assert "geheim" not in ran.err


def test_a_clock_that_is_no_instant_is_one_sentence(made: Here) -> None:
    clear(made.run("plan", "thu", LOA_CLOCK="hôm qua"))
    clear(made.run("plan", "thu", "--at", "hôm qua"))


def test_a_port_that_is_taken_is_one_sentence(made: Here) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        clear(made.process.run("run", "--port", str(port)), str(port))


def test_errors_are_vietnamese_by_default(made: Here) -> None:
    ran = made.run("plan", "tuh", LOA_LANG=None)
    assert "Không có chiến dịch" in ran.err


def test_tables_do_not_fold_or_colour_when_nobody_looks(made: Here) -> None:
    ran = made.ok("plan", "thu", COLUMNS="40")
    assert "\x1b[" not in ran.out
    assert any("16/07/2027 08:30" in line and "mo-dau" in line for line in ran.out.splitlines())


@pytest.mark.torture
def test_a_real_sender_refuses_a_turned_clock_before_any_call(copy: Here) -> None:
    """The vendor's address is the real one: a call would go to the internet, so there must be none."""
    files.write(copy.workspace, MESSAGES | {"campaigns/thu.yaml": files.campaign(files.step(sender="cong"))})
    copy.ok("approve", "thu", "--by", "Người Duyệt", "--json")
    ran = copy.process.run("dispatch", "--once", "--json", LOA_TWILIO_URL=None)
    assert ran.code == 1
    assert "LOA_CLOCK" in ran.err and "Traceback" not in ran.err
    assert (ran.json["claimed"], ran.json["outcomes"]) == (0, {})


@pytest.mark.torture
def test_a_loopback_stand_in_may_have_a_turned_clock_and_made_up_people(copy: Here, tmp_path: Path) -> None:
    files.write(copy.workspace, MESSAGES | {"campaigns/thu.yaml": files.campaign(files.step(sender="cong"))})
    copy.ok("approve", "thu", "--by", "Người Duyệt", "--json")
    with vendor(tmp_path) as ledger:
        assert copy.process.ok("dispatch", "--once", "--json", LOA_TWILIO_URL=ledger.url).json["claimed"] == 10


def test_a_secret_that_is_not_set_is_told_and_nothing_is_claimed(copy: Here) -> None:
    files.write(copy.workspace, MESSAGES | {"campaigns/thu.yaml": files.campaign(files.step(sender="cong"))})
    copy.ok("approve", "thu", "--by", "Người Duyệt", "--json")
    ran = copy.run(
        "dispatch", "--once", "--json", LOA_TWILIO_URL=f"http://127.0.0.1:{free_port()}", TWILIO_AUTH_TOKEN=None
    )
    assert ran.code == 1
    assert "TWILIO_AUTH_TOKEN" in ran.err
    assert json.loads(ran.out)["claimed"] == 0
