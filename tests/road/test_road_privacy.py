"""A stolen disk without its key, a log that was mailed, a screen that somebody saw: none of them names anybody."""

from pathlib import Path

import pytest
import road_workspace as files
from road_kit import Loa, free_port, number, prepared, statuses, vendor, wait_for

PEOPLE = 40
OPEN = {"queued", "sending", "unknown"}
ALLOWED = ("danh-sach.csv", "ledger.jsonl")  # the officer's own list, and the stand-in's ledger
PERSONAL = "Chào {{ contact.name | default('bà con') }}, cần giúp đỡ xin gọi 111.\n"


def spellings(place: int) -> list[str]:
    """One person's number and name as somebody might find them."""
    national = number(place)
    digits = national[1:]
    return [
        national,
        "84" + digits,
        f"{digits[:2]} {digits[2:5]} {digits[5:]}",
        f"{national[:4]} {national[4:7]} {national[7:]}",
        f"{national[:4]}.{national[4:7]}.{national[7:]}",
        f"Người Thử {place:05d}",
        f"Nguoi Thu {place:05d}",
        f"Ng\\u01b0\\u1eddi Th\\u1eed {place:05d}",  # as JSON may escape it
        f"Ng%C6%B0%E1%BB%9Di+Th%E1%BB%AD+{place:05d}",  # as a form may carry it
    ]


@pytest.mark.torture  # the longest road of all; .ci/run walks it
def test_no_number_and_no_name_is_in_any_file_or_line_that_the_program_wrote(tmp_path: Path) -> None:
    port = free_port()
    said: list[str] = []
    faults = ("--drop-response-rate", "0.1", "--error-rate", "0.2", "--duplicate-callbacks", "0.5")
    with vendor(tmp_path, *faults) as ledger:
        loa = Loa(tmp_path, {"LOA_TWILIO_URL": ledger.url, "LOA_PUBLIC_URL": f"http://127.0.0.1:{port}"})
        quick = files.loa_yaml(rate="1000/s", settle_after="1 seconds", poll_after="1 seconds")
        prepared(
            loa,
            PEOPLE,
            {
                "loa.yaml": quick,
                "campaigns/thu.yaml": files.campaign(files.step(sender="cong")),
                "messages/tin/sms.vi.j2": PERSONAL,
            },
            names=True,
        )
        running = loa.start("run", "--port", str(port))
        wait_for(lambda: statuses(loa)["delivered"] > PEOPLE / 2 and not set(statuses(loa)) & OPEN, 60)
        loa_db = [path.read_bytes() for path in (tmp_path / ".loa").glob("loa.db*")]  # with its WAL, as it is now
        assert len(loa_db) >= 2
        ended = running.stop()
        said += [ended.out, ended.err]
        assert "Người Thử" in ledger.lines()[0]["body"]  # the vendor did get the name
        for command in (
            ["plan", "thu"], ["status"], ["report", "thu", "--by", "commune"], ["dispatch", "--once"],
            ["doctor", "--recount"], ["contacts", "stats"], ["preview", "thu", "mo-dau"],
        ):  # fmt: skip
            ran = (loa if command[0] == "dispatch" else loa.here).run(*command)
            said += [ran.out, ran.err]
            assert "Traceback" not in ran.err
        said += ["".join(ledger.running.out), "".join(ledger.running.err)]

    texts = [text.encode() for text in said]
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path.name not in ALLOWED]
    assert any(path.name == "loa.db" for path in kept)
    wanted = [spelling.encode() for place in range(1, PEOPLE + 1) for spelling in spellings(place)]
    wanted += [spelling.encode("utf-16-le") for place in range(1, PEOPLE + 1) for spelling in spellings(place)]
    for where, content in [
        *((path.name, path.read_bytes()) for path in kept),
        *(("database while it ran", content) for content in loa_db),
        *(("output", content) for content in texts),
    ]:
        found = [one for one in wanted if one in content]
        assert not found, (where, len(found))


def test_the_key_and_the_database_are_their_owners_alone(tmp_path: Path) -> None:
    loa = Loa(tmp_path).here
    files.write(tmp_path)
    loa.ok("init", str(tmp_path))
    assert (tmp_path / ".loa").stat().st_mode & 0o077 == 0
    assert (tmp_path / ".loa" / "key").stat().st_mode & 0o077 == 0
