"""Vendors of third parties: docs/adding-a-channel.md carried out to the letter outside the package; broken ones."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from outside_vendor import forgotten, from_the_page, install

from engine.channels import KNOWN, VENDORS, vendor
from engine.channels.base import OpenedWith, Vendor
from engine.channels.publishing import PostOutcome
from engine.channels.testing.dialect import MESSAGE
from engine.channels.testing.post_dialect import POST
from engine.channels.testing.standin import Standin, reply
from engine.clock import SystemClock
from engine.content.schema import schemas
from engine.errors import LoaError
from engine.status import PostStatus, Status

LOA = """\
organisation: {name: Ban Chỉ đạo 138 tỉnh Lạng Sơn, province: "20"}
senders:
  chuong: {provider: bo-cau, from: CHUONG-BO-CAU-XA, url: "https://bo-cau.example", token: "${BO_CAU_TOKEN}"}
  hong: {provider: bo-nong, from: X}
"""


@pytest.fixture
def fresh() -> Iterator[None]:
    """No entry point of one test is known to the next."""
    with forgotten():
        yield


def _outside(folder: Path, *arguments: str, workspace: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    environment |= {"PYTHONPATH": str(folder), "LOA_WORKSPACE": str(workspace or folder)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, timeout=300, capture_output=True, text=True
    )


@pytest.mark.torture  # a test run of its own
@pytest.mark.parametrize(("name", "test"), [("bo-cau", "test_bo_cau.py"), ("bang-tin", "test_bang_tin.py")])
def test_the_pages_vendor_passes_the_pages_test_outside_the_package(name: str, test: str, tmp_path: Path) -> None:
    from_the_page(tmp_path, name)
    done = _outside(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", test)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d\d passed", done.stdout), "the table of cases was not driven"


def test_an_installed_board_is_a_page_like_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: None
) -> None:
    monkeypatch.syspath_prepend(str(from_the_page(tmp_path, "bang-tin")))
    board = vendor("bang-tin")
    assert board.open is None and board.publish is not None

    async def put_up() -> PostOutcome:
        async with Standin([reply(200, {"number": 7})]).running() as standin:
            config = board.schema.model_validate({"url": standin.url, "token": "t" * 8})
            publisher = board.publish("hoi-truong", config, OpenedWith(SystemClock()))
            outcome = await publisher.publish(POST, _keep_nothing)
            await publisher.close()
            return outcome

    outcome = asyncio.run(put_up())
    assert (outcome.status, outcome.vendor_id) == (PostStatus.PUBLISHED, "7")


async def _keep_nothing(progress: str) -> None:
    raise AssertionError(progress)


@pytest.mark.torture
def test_check_knows_an_installed_vendors_keys_and_names_a_broken_package_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "loa.yaml").write_text(LOA, encoding="utf-8")
    from_the_page(tmp_path)
    install(tmp_path, "bo-nong = hong:VENDOR", {"hong.py": "raise RuntimeError"}, package="loa-bo-nong")
    done = _outside(tmp_path, "-m", "engine", "check", "--json")
    assert done.returncode == 1
    assert done.stderr == ""
    problems = json.loads(done.stdout)["problems"]
    assert [(problem["line"], problem["column"], problem["code"]) for problem in problems] == [
        (3, 11, "no-price"), (3, 36, "too-long"), (3, 92, "unset-variable"), (4, 20, "plugin-broken"),
    ]  # fmt: skip


def test_an_installed_vendor_is_one_like_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: None
) -> None:
    monkeypatch.syspath_prepend(str(from_the_page(tmp_path)))
    assert isinstance(vendor("bo-cau"), Vendor)
    assert {"bo-cau", *VENDORS} <= set(KNOWN)
    shapes = schemas(KNOWN)["loa"]["properties"]["senders"]["additionalProperties"]["anyOf"]
    assert "Địa chỉ của chuồng bồ câu" in json.dumps(shapes, ensure_ascii=False)

    async def fly() -> tuple[object, Standin]:
        async with Standin([reply(200, {"ring": "VN-7", "state": "flying"})]).running() as standin:
            config = vendor("bo-cau").schema.model_validate({"from": "CHUONG", "url": standin.url, "token": "t" * 8})
            provider = vendor("bo-cau").open("chuong", config, OpenedWith(SystemClock()))
            [outcome] = await provider.send([MESSAGE])
            await provider.close()
            return outcome, standin

    outcome, standin = asyncio.run(fly())
    assert (outcome.status, outcome.vendor_id) == (Status.ACCEPTED, "VN-7")
    assert standin.seen[0].json["to"] == MESSAGE.to


BROKEN = {
    "no such module": ("bo-cau = khong_co:VENDOR", {}),
    "no such name": ("bo-cau = loa_bo_cau:VENDOR", {"loa_bo_cau.py": ""}),
    "raises": ("bo-cau = loa_bo_cau:VENDOR", {"loa_bo_cau.py": "raise RuntimeError('token=abc 0900000123')"}),
    "does not parse": ("bo-cau = loa_bo_cau:VENDOR", {"loa_bo_cau.py": "def"}),
    "no vendor": ("bo-cau = loa_bo_cau:VENDOR", {"loa_bo_cau.py": "VENDOR = 1"}),
    "another name": ("bo-cau = engine.channels.sandbox:VENDOR", {}),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_package_is_one_sentence_and_stops_nobody_else(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: None
) -> None:
    monkeypatch.syspath_prepend(str(install(tmp_path, *BROKEN[fault])))
    with pytest.raises(LoaError) as refused:
        vendor("bo-cau")
    assert refused.value.code == "plugin-broken"
    said = str(refused.value)
    assert "loa-bo-cau 1.0" in said
    assert "\n" not in said
    assert "abc" not in said and "0900000123" not in said
    assert set(KNOWN) == set(VENDORS)
    assert vendor("twilio") is VENDORS["twilio"]


def test_a_name_that_is_taken_is_refused_whoever_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: None
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    code = {"loa_bo_cau.py": "raise RuntimeError"}
    line = "bo-cau = loa_bo_cau:VENDOR\ntwilio = loa_bo_cau:VENDOR"
    for place in ("one", "two"):
        monkeypatch.syspath_prepend(str(install(tmp_path / place, line, code, package=f"loa-{place}")))
    for name in ("bo-cau", "twilio"):
        with pytest.raises(LoaError, match=r"loa-one 1\.0, loa-two 1\.0"):
            vendor(name)
    assert vendor("sandbox") is VENDORS["sandbox"]
    with pytest.raises(LoaError) as unknown:
        vendor("bo-nong")
    assert unknown.value.code == "unknown-vendor"
