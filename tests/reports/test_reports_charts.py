"""Pictures: drawn from the report's rows alone, the same every time, and said in words."""

import itertools
import json
import re
import struct

import pytest
from forms_figures import COMMUNES, DAYS, DISTRICTS, NAMES, REGISTRY, figures, report
from lxml import etree

from engine.errors import LoaError
from engine.i18n import speaking
from engine.reports.charts import look
from engine.reports.charts.bars import by_place, funnel
from engine.reports.charts.chart import Chart, font_face
from engine.reports.charts.course import course
from engine.reports.charts.map import map_of
from engine.reports.charts.shapes import LARGEST, load_shapes
from engine.reports.charts.shares import shares
from engine.reports.charts.values import by_value
from engine.reports.charts.years import years
from engine.reports.pictures import pictures
from engine.reports.places import Place
from engine.reports.report import Row


def words_in(definition) -> str:
    return json.dumps(definition, ensure_ascii=False)


def made() -> dict[str, Chart | None]:
    return {
        "course": course(DAYS),
        "district": by_place(DISTRICTS, NAMES),
        "funnel": funnel(DISTRICTS),
        "map": map_of(DISTRICTS, NAMES, REGISTRY),
        "step": by_value(report("step", *(Row(f"buoc-{place}", row.figures) for place, row in enumerate(DAYS.rows)))),
        "years": years(("2026", DISTRICTS), ("2027", DISTRICTS), NAMES),
    }


def test_the_parts_of_a_bar_are_what_was_to_be_sent():
    parts = shares(DISTRICTS.totals)
    assert parts.to_send == parts.delivered + parts.lost + parts.waiting == 23_631


def test_every_chart_says_its_figures_in_both_languages():
    for tongue, figure, word in (("vi", "22.155", "nhà mạng xác nhận"), ("en", "22,155", "delivered")):
        with speaking(tongue):
            for key, chart in made().items():
                assert chart is not None and figure in chart.text and word in chart.text.lower(), key
                assert "đã đọc" not in chart.text and chart.title, key


def test_a_unit_without_a_place_is_said_and_not_drawn():
    chart = map_of(DISTRICTS, NAMES, REGISTRY)
    assert "Không có vị trí trên bản đồ: Các huyện (cũ) gộp (2), Tỉnh Lạng Sơn." in chart.text
    assert "gộp" not in words_in(chart.definition) and "Cao Lộc" in words_in(chart.definition)


def test_the_map_of_a_published_report_knows_no_commune_beside_its_rows():
    merged = report(
        "commune", COMMUNES.rows[0], Row(Place("2025", None, "Các xã gộp (9), Huyện Cao Lộc"), figures(delivered=70))
    )
    drawn = words_in(map_of(merged, {}, REGISTRY).definition)
    assert COMMUNES.rows[0].key.name in drawn
    assert not [row.key.name for row in COMMUNES.rows[1:] if row.key.name in drawn]
    assert map_of(report("commune", merged.rows[1]), {}, REGISTRY) is None


def test_nothing_to_show_is_no_picture():
    assert course(report("day")) is None and by_place(report("district"), {}) is None
    assert funnel(report("district")) is None and map_of(report("district"), {}, REGISTRY) is None
    assert years(("a", report("district")), ("b", report("district")), {}) is None
    assert pictures([], REGISTRY) == []


def test_parts_differ_in_lightness_not_only_in_hue():
    def lightness(colour: str) -> float:
        red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
        return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2

    parts = [lightness(colour) for colour in (look.DARK, look.LIGHT, look.NONE)]
    assert parts == sorted(parts)
    assert all((low + 0.05) * 1.5 < high + 0.05 for low, high in itertools.pairwise(parts))
    steps = [lightness(colour) for colour in look.STEPS]
    assert steps == sorted(steps, reverse=True)
    assert all((high + 0.05) / (low + 0.05) > 1.2 for high, low in itertools.pairwise(steps))


def test_a_picture_is_the_same_every_time_and_speaks_vietnamese():
    chart = by_place(DISTRICTS, NAMES)
    drawn = chart.svg()
    assert drawn == by_place(DISTRICTS, NAMES).svg()
    root = etree.fromstring(drawn)
    assert root.get("role") == "img" and root.get("aria-label") == chart.text
    assert not [one for one in root.iter() if "graphics" in one.get("role", "")]
    assert "<title>Kết quả theo huyện, thị xã, thành phố (cũ)</title>" in drawn
    assert "Huyện Tràng Định (cũ)" in drawn and "15.900/16.324 (97,4%)" in drawn
    assert set(re.findall(r'font-family="([^"]+)"', drawn)) == {"Loa Sans"}
    assert "<script" not in drawn and "http" not in drawn.replace("http://www.w3.org/", "")
    assert " style=" not in drawn and "graphics-" not in drawn  # a strict page takes it; its parts need no names
    picture = chart.png(scale=1)
    assert picture == chart.png(scale=1) and picture.startswith(b"\x89PNG")
    assert struct.unpack(">I", picture[16:20])[0] < 800


def test_an_svg_that_stands_alone_has_its_letters_inside():
    assert "data:font/ttf;base64," in funnel(DISTRICTS).svg(with_fonts=True)
    assert len(font_face()) < 110_000


def test_a_hostile_name_stays_words_in_the_picture():
    place = Place("legacy", "183", '<script>alert("x")</script>&')
    chart = by_place(report("district", Row(place, figures(delivered=9))), {})
    drawn = chart.svg()
    etree.fromstring(drawn)
    assert "<script" not in drawn and "&lt;script&gt;" in drawn


def square(code: str | None, x: float, **properties) -> dict:
    ring = [[x, 21.8], [x + 0.1, 21.8], [x + 0.1, 21.9], [x, 21.9], [x, 21.8]]
    known = {"code": code} if code else {}
    return {"type": "Feature", "properties": known | properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / "maps").mkdir()
    return tmp_path


def put(workspace, *features) -> None:
    text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)
    (workspace / "maps" / "tinh.geojson").write_text(text, encoding="utf-8")


def test_shapes_are_matched_by_code_or_by_name(workspace):
    put(workspace, square("06211", 106.8), square(None, 106.9, TEN="Xã Lộc Bình"), square("99999", 107.0))
    shapes = load_shapes(workspace, REGISTRY, "20")
    assert shapes.by_commune.keys() == {"06211", "06529"} and shapes.unknown == 1
    chart = map_of(DISTRICTS, NAMES, REGISTRY, shapes)
    assert chart.text.startswith("Bản đồ tô theo tỷ lệ")
    rates = {one["rate"] for layer in chart.definition["layer"] for one in _values(chart, layer) if "rate" in one}
    assert rates == {"từ 95%", "70% – 85%"}


def _values(chart, layer) -> list[dict]:
    return chart.definition["datasets"][layer["data"]["name"]] if "name" in layer["data"] else layer["data"]["values"]


def test_another_provinces_outlines_leave_circles(workspace):
    put(workspace, square("16708", 104.8))
    chart = map_of(DISTRICTS, NAMES, REGISTRY, load_shapes(workspace, REGISTRY, "20"))
    assert chart.text.startswith("Bản đồ vòng tròn")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"features": [1]}', '{"features": [{"properties": 1}]}', "[" * 9000])
def test_a_map_that_is_none_is_one_sentence(workspace, text):
    (workspace / "maps" / "hỏng.geojson").write_text(text, encoding="utf-8")
    with pytest.raises(LoaError, match=r"Không đọc được bản đồ maps/hỏng\.geojson"):
        load_shapes(workspace, REGISTRY, "20")


def test_coordinates_that_are_none_and_a_huge_file_are_one_sentence(workspace, monkeypatch):
    broken = square("06211", 106.8)
    broken["geometry"]["coordinates"] = [[["a", None]]]
    put(workspace, broken)
    with pytest.raises(LoaError, match="Không đọc được bản đồ"):
        load_shapes(workspace, REGISTRY, "20")
    monkeypatch.setattr("engine.reports.charts.shapes.LARGEST", 10)
    with pytest.raises(LoaError, match="lớn hơn"):
        load_shapes(workspace, REGISTRY, "20")
    assert LARGEST > 1_000_000
    assert load_shapes(workspace / "elsewhere", REGISTRY, "20") is None
