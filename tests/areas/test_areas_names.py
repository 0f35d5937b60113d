"""How names are found: the traps of DOMAIN.md, and every spelling an officer may use."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.areas.area import Area, Era, Level
from engine.areas.errors import AmbiguousArea, EraNeeded, UnknownArea
from engine.areas.names import is_accented, readings
from engine.areas.registry import load
from engine.errors import LoaError

REGISTRY = load()
ALL: list[Area] = [
    *REGISTRY.provinces("legacy"),
    *REGISTRY.provinces("2025"),
    *REGISTRY.districts(),
    *REGISTRY.communes("legacy"),
    *REGISTRY.communes("2025"),
]


@pytest.mark.parametrize(
    ("text", "era", "level", "within", "key"),
    [
        ("xa yen khoai", None, None, None, ("legacy", "06541")),
        ("Xã Yên Khoái", None, None, None, ("legacy", "06541")),
        ("XÃ YÊN KHOÁI", None, None, None, ("legacy", "06541")),
        (unicodedata.normalize("NFD", "Xã Yên Khoái"), None, None, None, ("legacy", "06541")),
        ("  xã   yên khoái ", None, None, None, ("legacy", "06541")),
        ("X. Yên Khoái", None, None, None, ("legacy", "06541")),
        ("huyện Cao Lộc", None, None, None, ("legacy", "183")),
        ("H. Cao Loc", None, None, None, ("legacy", "183")),
        ("Huyện Cao Lộc (cũ)", None, None, None, ("legacy", "183")),
        (" Q1 ", None, None, "79", ("legacy", "760")),
        ("Xã Đồng Đăng", None, None, "183", ("2025", "06184")),
        ("Đồng Đăng", None, "commune", "183", ("legacy", "06184")),
        ("H.Cao Lộc", None, None, None, ("legacy", "183")),
        ("Cao Lộc", None, "district", None, ("legacy", "183")),
        ("TP Lạng Sơn", None, None, None, ("legacy", "178")),
        ("T.P. Lạng Sơn", None, None, None, ("legacy", "178")),
        ("thanh pho lang son", None, None, None, ("legacy", "178")),
        ("TT Đồng Đăng", None, None, None, ("legacy", "06184")),
        ("tt. dong dang", None, None, None, ("legacy", "06184")),
        ("TX Sa Pa", None, None, None, ("legacy", "088")),
        ("T.X Sa Pa", None, None, None, ("legacy", "088")),
        ("tỉnh Hoà Bình", None, None, None, ("legacy", "17")),
        ("tinh hoa binh", None, None, None, ("legacy", "17")),
        ("đặc khu Côn Đảo", None, None, None, ("2025", "26732")),
        ("dac khu con dao", None, None, None, ("2025", "26732")),
        ("Q.1", None, None, "79", ("legacy", "760")),
        ("Q1, TP HCM", None, None, None, ("legacy", "760")),
        ("Phường 04", "legacy", None, "794", ("legacy", "27691")),
        ("P.IV", "legacy", None, "703", ("legacy", "25462")),
        ("TP.HCM", "2025", None, None, ("2025", "79")),
        ("Phan Rang-Tháp Chàm", None, None, None, ("legacy", "582")),
        ("Văn Miếu Quốc Tử Giám", "2025", None, None, ("2025", "00226")),
        ("Xã Axan", "legacy", None, None, ("legacy", "20443")),
        ("xã Ea H’Leo", "2025", None, None, ("2025", "24184")),
        ("huyện Đắc Đoa", None, None, None, ("legacy", "626")),
        ("huyện Phú Quí", None, None, None, ("legacy", "602")),
        # a name that begins like a type word
        ("Xà Phiên", "2025", None, None, ("2025", "31495")),
        ("xa phien", "2025", None, None, ("2025", "31495")),
        ("Xã Xa Dung", "2025", None, None, ("2025", "03208")),
        ("xa dung", "2025", None, None, ("2025", "03208")),
        ("phường Phường Đúc", "legacy", None, None, ("legacy", "19780")),
        # types change, names of provinces do not
        ("Thành phố Đồng Nai", "2025", "province", None, ("2025", "75")),
        ("phường Đồng Đăng", "2025", None, None, ("2025", "06184")),
        # a name with the places around it
        ("Mẫu Sơn, Cao Lộc", None, None, None, ("legacy", "06238")),
        ("Xã Mẫu Sơn, huyện Lộc Bình, tỉnh Lạng Sơn", None, None, None, ("legacy", "06532")),
        ("Mẫu Sơn", None, None, "183", ("legacy", "06238")),
        ("Mẫu Sơn", None, None, "188", ("legacy", "06532")),
        ("Mẫu Sơn", "2025", None, None, ("2025", "06541")),
        ("Xã Cao Lộc", None, None, None, ("2025", "06211")),
        # accents decide, when they are written
        ("Lộc Thành", "2025", None, None, ("2025", "25294")),
        ("Lộc Thạnh", "2025", None, None, ("2025", "25280")),
        ("Lộc Thanh", None, None, None, ("legacy", "24835")),
        ("06541", "2025", None, None, ("2025", "06541")),
        ("06541", "legacy", None, None, ("legacy", "06541")),
        # a legacy commune is found in the 2025 province its own became part of
        ("Thị trấn Bù Đốp", None, None, None, None),
        ("Xã Lộc Thiện", "legacy", None, "75", ("legacy", "25285")),
    ],
)
def test_an_officers_spelling_means_one_area(
    text: str, era: Era | None, level: Level | None, within: str | None, key: tuple[str, str] | None
):
    if key is None:
        with pytest.raises(UnknownArea):
            REGISTRY.one(text, era, level, within)
    else:
        assert REGISTRY.one(text, era, level, within).key == key


def test_a_name_in_two_districts_lists_both():
    with pytest.raises(AmbiguousArea) as caught:
        REGISTRY.one("Mẫu Sơn", era="legacy", within="20")
    assert [area.code for area in caught.value.candidates] == ["06238", "06532"]
    assert "Huyện Cao Lộc" in str(caught.value) and "Huyện Lộc Bình" in str(caught.value)
    assert not isinstance(caught.value, EraNeeded)


def test_accentless_names_are_not_guessed():
    with pytest.raises(AmbiguousArea) as caught:
        REGISTRY.one("loc thanh", era="2025")
    assert {area.name for area in caught.value.candidates} == {"Xã Lộc Thạnh", "Xã Lộc Thành"}


def test_an_accentless_text_does_not_prefer_the_one_name_without_accents():
    # "tam thanh" in a list without accents may be Tam Thanh, Tam Thạnh or Tam Thành; "Xã Tam Thanh" is one.
    bare = {area.name for area in REGISTRY.best("tam thanh", "legacy", "commune")}
    full = {area.name for area in REGISTRY.best("Xã Tam Thanh", "legacy", "commune")}
    assert len(bare) > 1
    assert full == {"Xã Tam Thanh"}


def test_wrong_accents_are_suggested_never_taken():
    with pytest.raises(UnknownArea) as caught:
        REGISTRY.one("Lộc Thánh", era="2025")
    assert {area.name for area in caught.value.candidates} >= {"Xã Lộc Thạnh", "Xã Lộc Thành"}


def test_the_town_of_a_name_is_not_the_commune_of_that_name():
    with pytest.raises(UnknownArea) as caught:
        REGISTRY.one("Thị trấn Cao Lộc", era="2025")
    assert [area.key for area in caught.value.candidates] == [("legacy", "06187")]


def test_a_misspelt_name_gets_the_nearest_as_suggestions():
    with pytest.raises(UnknownArea) as caught:
        REGISTRY.one("huyện Cao Lok", within="20")
    assert caught.value.candidates[0].key == ("legacy", "183")
    assert "Huyện Cao Lộc" in str(caught.value)


def test_a_code_that_lost_its_zero_is_told_apart_from_a_wrong_one():
    with pytest.raises(UnknownArea) as caught:
        REGISTRY.one("6541")
    assert {area.key for area in caught.value.candidates} == {("legacy", "06541"), ("2025", "06541")}


def test_an_era_is_asked_for_when_it_settles_the_matter():
    with pytest.raises(EraNeeded):
        REGISTRY.one("06541")
    with pytest.raises(EraNeeded):
        REGISTRY.one("Đồng Nai", level="province")


def test_a_name_found_only_outside_the_place_looked_in_is_not_taken_from_there():
    with pytest.raises(UnknownArea):
        REGISTRY.one("Yên Khoái", within="40")


@pytest.mark.parametrize("text", ["", "   ", ",", "--", ", ,", "…", "\u0302", "Ð", "a" * 5000, "xã", "H."])
def test_nonsense_is_an_error_with_a_sentence(text: str):
    with pytest.raises(LoaError) as caught:
        REGISTRY.one(text)
    assert str(caught.value)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_read_without_a_crash(text: str):
    readings(text)
    REGISTRY.find(text)


def other_tone_place(name: str) -> str:
    """The name in the other of the two ways to place a tone mark: hoà, hòa."""
    marks = "\u0300\u0301\u0309\u0303\u0323"
    spread = unicodedata.normalize("NFD", name)
    moved = re.sub(rf"([ou])([{marks}])([aey])(?!\w)", r"\1\3\2", spread)
    if moved == spread:
        moved = re.sub(rf"([ou])([aey])([{marks}])(?!\w)", r"\1\3\2", spread)
    return unicodedata.normalize("NFC", moved)


def without_accents(name: str) -> str:
    spread = unicodedata.normalize("NFD", name.replace("đ", "d").replace("Đ", "D"))
    return "".join(sign for sign in spread if not unicodedata.combining(sign))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(ALL),
    st.sampled_from(
        [
            str,
            str.upper,
            str.lower,
            without_accents,
            other_tone_place,
            lambda name: unicodedata.normalize("NFD", name),
            lambda name: name.replace(" ", "  "),
        ]
    ),
)
def test_every_area_is_found_by_its_own_name_in_every_spelling(area: Area, spelling):
    text = spelling(area.name)
    assert area in REGISTRY.find(text)
    assert area in REGISTRY.find(text, area.era, area.level, area.province if area.era == "2025" else area.district)
    best = REGISTRY.best(text, area.era, area.level)
    if is_accented(text):  # marks tell: nothing with other marks is among the best
        assert area in best
        assert len({without_accents(other.name).lower().replace(" ", "") for other in best}) <= 2


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([area for area in ALL if area.level == "commune"]))
def test_full_name_and_place_never_mean_a_different_area(area: Area):
    place = REGISTRY.get(area.era, area.district or area.province)
    try:
        assert REGISTRY.one(area.name, era=area.era, within=place) == area
    except AmbiguousArea as error:  # two names alike in one place: 2 in the country
        assert area in error.candidates


@pytest.mark.parametrize(
    ("text", "district", "first"),
    [
        ("Đồng Đăn", "183", "06184"),  # inside the district, although other provinces have a Đồng Đ…
        ("Thanh Lòa", "188", "06193"),  # the name is right and the district is not
        ("Tân Thành", "188", "06445"),  # so it is here: those of the province, none of the twenty others
        ("Quốc Khánhh", "183", "06004"),  # nothing like it in the district: the province before the country
        ("Bìn Trung", "183", "06217"),
    ],
)
def test_what_is_suggested_lies_where_the_officer_said(text: str, district: str, first: str) -> None:
    registry = load()
    within = registry.get("legacy", district)
    found = registry.unknown(text, None, "commune", within).candidates
    assert found[0].code == first
    assert {registry.province_today(area) for area in found} == {"20"}
