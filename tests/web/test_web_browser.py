"""The dashboard in a real browser, with no script of ours: what an officer does, what axe-core sees, how it looks.

Debian's Chromium (``apt-get install chromium``) is driven by Playwright. ``TEST_BROWSER`` names another one;
``TEST_REQUIRE_BROWSER=1`` makes its absence a failure; ``TEST_PICTURES=docs/pictures`` keeps a picture of each page.
"""

import csv
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import web_workspace as workspace
from road_kit import wait_for
from small_png import small
from web_visitor import NAME, PASSWORD

pytestmark = pytest.mark.browser
BROWSER = os.environ.get("TEST_BROWSER") or shutil.which("chromium") or shutil.which("chromium-browser")
PICTURES = os.environ.get("TEST_PICTURES")
NARROW = {"width": 360, "height": 740}
PHONE = {"width": 390, "height": 844}  # of pictures
WIDE = {"width": 1280, "height": 900}


@dataclass
class Hall:
    """The dashboard of a running workspace, and a browser before it."""

    loa: workspace.Loa
    url: str
    browser: Any
    axe: str

    @contextmanager
    def visitor(self, **about: Any) -> Iterator[Any]:
        """A page of somebody who has never been here; a failed request or a word in the console is an error."""
        context = self.browser.new_context(**{"viewport": WIDE, "locale": "vi-VN", "java_script_enabled": True} | about)
        context.set_default_timeout(15_000)
        page, said = context.new_page(), []
        # the browser's own words about an answer like 401 are no fault of a page; a lost style sheet is
        page.on("console", lambda one: said.append(one.text) if "Failed to load resource" not in one.text else None)
        page.on("response", lambda one: said.append(one.url) if _is_lost(one) else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        try:
            yield page
            assert said == []
        finally:
            context.close()

    def log_in(self, page: Any, to: str = "/") -> None:
        """As a person does."""
        page.goto(self.url + to)
        page.get_by_label("Tên", exact=True).fill(NAME)
        page.get_by_label("Mật khẩu").fill(PASSWORD)
        page.get_by_role("button", name="Đăng nhập").click()

    def is_sound(self, page: Any) -> None:
        """No violation of axe-core's rules, and nothing wider than the screen."""
        found = page.evaluate(self.axe + "; axe.run(document, {resultTypes: ['violations']})")
        told = [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found["violations"]]
        assert told == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    """One workspace, one ``loa run`` and one browser for all of this file."""
    if BROWSER is None:
        reason = "no Chromium on this machine: apt-get install chromium, or name one in TEST_BROWSER"
        if os.environ.get("TEST_REQUIRE_BROWSER") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    import axe_playwright_python
    from playwright.sync_api import sync_playwright

    axe = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    loa = workspace.prepared(tmp_path_factory.mktemp("hall"))
    loa.ok("users", "add", NAME, "--password-stdin", stdin=f"{PASSWORD}\n")
    with workspace.running(loa) as url, sync_playwright() as player:
        browser = player.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])  # root in a container
        try:
            yield Hall(loa, url, browser, axe)
        finally:
            browser.close()


def picture(page: Any, name: str, *, tall: int = 0) -> None:
    """Keep how the page looks, where somebody asked for it; ``tall``: so many pixels of it, and not a screen."""
    if PICTURES:
        Path(PICTURES).mkdir(exist_ok=True)
        before = page.viewport_size
        if tall:
            page.set_viewport_size(before | {"height": tall})
        (Path(PICTURES) / f"{name}.png").write_bytes(small(page.screenshot()))
        page.set_viewport_size(before)


def _is_lost(answer: Any) -> bool:
    """Whether something that a page is made of did not come."""
    return answer.status >= 400 and not answer.request.is_navigation_request()


def test_an_officer_cannot_log_in_watch_a_run_go_by_or_change_the_language(hall: Hall) -> None:
    with hall.visitor(java_script_enabled=False) as page:
        hall.log_in(page)
        page.get_by_role("heading", name="Hôm nay").wait_for()
        page.get_by_role("link", name="Tự làm mới mỗi 5 giây").click()
        page.get_by_text("Đang tự làm mới").wait_for()
        bar = page.get_by_role("progressbar", name="Tiến độ của bước nhac-di-lam-xa")
        bar.wait_for()  # nobody touches the page from here on: it looks again by itself
        first = int(bar.get_attribute("value"))
        wait_for(lambda: bar.count() == 0 or int(bar.get_attribute("value")) > first, 40, every=0.5)
        picture(page, "hom-nay")
        page.get_by_role("heading", name="Đã kết thúc trong 24 giờ qua").wait_for(timeout=90_000)
        page.get_by_role("link", name="Dừng làm mới").click()
        page.get_by_role("link", name="English").click()
        page.get_by_role("heading", name="Today").wait_for()
        page.goto(hall.url + "/campaigns")  # it is remembered
        page.get_by_role("heading", name="Campaigns").wait_for()
        page.get_by_role("button", name="Log out").click()
        page.get_by_role("heading", name="Log in").wait_for()
        page.goto(hall.url + "/report")
        assert "/login" in page.url


def test_a_figure_does_not_open_or_a_download_is_not_what_the_page_shows(hall: Hall) -> None:
    with hall.visitor(java_script_enabled=False, accept_downloads=True) as page:
        hall.log_in(page, "/report")
        page.get_by_role("button", name="Xem báo cáo").click()
        page.get_by_role("alert").get_by_role("link", name="Chọn ít nhất một chiến dịch.").wait_for()
        page.get_by_role("checkbox", name="30/7 tại Cao Lộc").check()
        page.get_by_label("Tách theo", exact=True).select_option("district")
        page.get_by_role("button", name="Xem báo cáo").click()
        table = page.get_by_role("region", name="Kết quả theo huyện")
        shown = table.get_by_role("row", name="Huyện Cao Lộc (cũ)").get_by_role("cell").first.inner_text()
        page.goto(page.url.partition("#")[0])  # the form ends at its result; the picture begins at the top
        picture(page, "trang-bao-cao", tall=2600)
        charts = page.locator("figure svg")
        assert charts.count() == 3  # drawn in the other process: from targeted to delivered, districts, the map
        assert "Huyện Cao Lộc" in str(charts.nth(1).get_attribute("aria-label"))
        for name, ending in (("CSV, mở bằng Excel hoặc LibreOffice dùng trong cơ quan", "csv"), ("JSON", "json")):
            with page.expect_download() as waiting:
                page.get_by_role("link", name=name).click()
            path = waiting.value.path()
            assert waiting.value.suggested_filename.endswith(f"-noi-bo.{ending}")
            if ending == "csv":
                with path.open(encoding="utf-8-sig", newline="") as opened:
                    rows = {row["area_name"]: row["targeted"] for row in csv.DictReader(opened)}
            else:
                read = json.loads(path.read_text(encoding="utf-8"))["rows"]
                rows = {row["area"]["name"]: str(row["targeted"]) for row in read}
            assert rows["Huyện Cao Lộc"] == shown.replace(".", "")
        for name, start in (("DOCX", b"PK"), ("HTML", b"<!doctype html>")):  # made in another process, charts inside
            with page.expect_download() as waiting:
                page.get_by_role("link", name=name).click()
            assert waiting.value.path().read_bytes().startswith(start)
        table.get_by_role("link", name="Nhà mạng xác nhận").click()
        page.get_by_text("Không có nghĩa là “đã đọc”").wait_for()
        page.get_by_role("link", name="Xã, phường").click()
        assert page.get_by_role("row").count() > 5
        picture(page, "con-so")


@pytest.mark.parametrize("tongue", ["vi", "en"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_page_breaks_a_rule_of_accessibility(hall: Hall, tongue: str, viewport: dict[str, int]) -> None:
    report = f"/report?campaign={workspace.CAMPAIGN}&by="
    figure = f"/report/figure/delivered?campaign={workspace.CAMPAIGN}&by=step"
    pages = {
        "hom-nay": "/", "tu-lam-moi": "/?live=1", "cac-chien-dich": "/campaigns",
        "chien-dich": f"/campaigns/{workspace.CAMPAIGN}", "bao-cao-xa": f"{report}commune",
        "hai-chieu": f"{report}district&then=variant", "do-phu": f"{report}district&what=coverage",
        "ly-do": f"{report}step&what=reasons", "canh-nhau": f"{report}district&beside=nghe-an-cao-diem",
        "truc-tiep": f"{report}unit", "ngay-sai": f"{report}x&from=32/7", "con-so": figure, "khong-co": "/nowhere",
    }  # fmt: skip
    kept = {"cac-chien-dich": 0, "chien-dich": 1700, "hai-chieu": 1500, "ly-do": 1500, "do-phu": 1300}
    kept_narrow = {"hom-nay": 0, "bao-cao-xa": 2400, "ly-do": 2700}
    with hall.visitor(viewport=viewport) as page:
        page.goto(f"{hall.url}/login?lang={tongue}")
        hall.is_sound(page)
        if tongue == "vi" and viewport is WIDE:
            picture(page, "dang-nhap")
        page.locator("#name").fill(NAME)
        page.locator("#password").fill("không phải mật khẩu này")
        page.locator("main button").click()
        page.get_by_role("alert").wait_for()
        hall.is_sound(page)
        page.locator("#password").fill(PASSWORD)
        page.locator("main button").click()
        page.locator("nav.places").wait_for()
        for name, where in pages.items():
            answer = page.goto(hall.url + where)
            if name == "khong-co":
                assert answer is not None and answer.status == 404
            hall.is_sound(page)
            if viewport is WIDE and tongue == "vi" and name in kept:
                picture(page, name, tall=kept[name])
            if viewport is WIDE and tongue == "en" and name == "hai-chieu":
                picture(page, "en-hai-chieu", tall=kept[name])
            if viewport is NARROW and tongue == "vi" and name in kept_narrow:
                page.set_viewport_size(PHONE)
                picture(page, f"hep-{name}", tall=kept_narrow[name])
                page.set_viewport_size(NARROW)
