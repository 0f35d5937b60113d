"""The page that is passed on, in a real browser: what axe-core sees of it, on a narrow screen and as it is printed.

Where the browser comes from: tests/web/test_web_browser.py. ``TEST_PICTURES=docs/pictures`` keeps a picture of it.
"""

import os
import shutil
from pathlib import Path

import pytest
from forms_figures import AS_OF, COMMUNES, DAYS, DISTRICTS, REGISTRY
from test_reports_parts import ACTIVITIES, BROADCASTS, COVERAGE, DELAY, post_report

from engine.reports.as_html import html
from engine.reports.pictures import pictures
from engine.reports.sheets import activities_sheet, deliveries_sheet
from engine.reports.sheets_beside import broadcasts_sheet, posts_sheet
from engine.reports.sheets_measured import measured_sheet

pytestmark = pytest.mark.browser
BROWSER = os.environ.get("TEST_BROWSER") or shutil.which("chromium") or shutil.which("chromium-browser")
PICTURES = os.environ.get("TEST_PICTURES")


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every kind of section, as ``loa report --out x.html`` writes it."""
    reports = [DISTRICTS, COMMUNES, DAYS]
    sections = [
        ("Lượt tin", [deliveries_sheet(one, REGISTRY) for one in reports]),
        ("Loa truyền thanh", [broadcasts_sheet(BROADCASTS, REGISTRY, "lang-son")]),
        ("Hoạt động trực tiếp", [activities_sheet(ACTIVITIES, REGISTRY)]),
        ("Bài đăng", [posts_sheet(post_report("Trang của tỉnh"), REGISTRY, "lang-son")]),
        ("Chỉ số", [measured_sheet(one, REGISTRY) for one in (COVERAGE, DELAY)]),
    ]
    told = html("Báo cáo kết quả", AS_OF, DISTRICTS.totals, sections, pictures(reports, REGISTRY))
    path = tmp_path_factory.mktemp("page") / "r.html"
    path.write_text(told, encoding="utf-8")
    return path


def test_a_page_that_is_passed_on_is_sound_on_a_narrow_screen_and_on_paper(page_file: Path) -> None:
    if BROWSER is None:
        if os.environ.get("TEST_REQUIRE_BROWSER") == "1":
            pytest.fail("no Chromium on this machine: apt-get install chromium", pytrace=False)
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    import axe_playwright_python
    from playwright.sync_api import sync_playwright

    axe = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        try:
            page, said = browser.new_page(viewport={"width": 360, "height": 740}), []
            page.on("console", lambda one: said.append(one.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.goto(page_file.as_uri())
            found = page.evaluate(axe + "; axe.run(document, {resultTypes: ['violations']})")
            assert [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in found["violations"]] == []
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
            page.emulate_media(media="print")
            page.set_viewport_size({"width": 624, "height": 900})  # between the margins of A4
            cut = "[...document.querySelectorAll('table')].filter(one => one.scrollWidth > one.parentNode.clientWidth)"
            assert page.evaluate(cut + ".map(one => one.caption.textContent)") == []
            assert said == []
            if PICTURES:
                page.screenshot(path=str(Path(PICTURES) / "trang-bao-cao-in.png"), full_page=True)
        finally:
            browser.close()
