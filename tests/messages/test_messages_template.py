"""What a good template may say, what is read from it, and the place and mend of every slip."""

import unicodedata

import pytest

from engine.content.message import Message
from engine.content.message_words import tidy
from engine.content.template import Compiled, EmptyValue, Rendered, Template, Values, read_template
from engine.errors import Problem

FILE = "messages/thu/sms.vi.j2"
VALUES = Values(
    area="Mẫu Sơn",
    district="Lộc Bình",
    province="Lạng Sơn",
    title="Hưởng ứng 30/7",
    theme="Không ai bị bỏ lại",
    hotlines=("111", "113"),
)


def compiled(body: str, includes: dict[str, str] | None = None, **more: object) -> Compiled:
    data = {"key": "thu", "channel": "sms", "language": "vi", "file": FILE, "body": body, **more}
    return read_template(Message.model_validate(data), includes or {})


def template(body: str, includes: dict[str, str] | None = None, **more: object) -> Template:
    found = compiled(body, includes, **more)
    assert found.template is not None, found.problems
    return found.template


def words(body: str, values: Values = VALUES, **more: object) -> str:
    return template(body, **more).render(values).words()  # type: ignore[arg-type] # fields of a message


def only_problem(body: str, includes: dict[str, str] | None = None, **more: object) -> Problem:
    found = compiled(body, includes, **more)
    assert len(found.problems) == 1, found.problems
    return found.problems[0]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("Xã {{ area.name }}, {{ district.name }}, {{ province.name }}", "Xã Mẫu Sơn, Lộc Bình, Lạng Sơn"),
        ("{{ campaign.title }}: {{ campaign.theme }}", "Hưởng ứng 30/7: Không ai bị bỏ lại"),
        ("Gọi {{ hotlines }}", "Gọi 111, 113"),
        ("Gọi {{ hotlines | join(' hoặc ') }}", "Gọi 111 hoặc 113"),
        ("Gọi {{ hotlines[0] }}, {{ hotlines | last }}", "Gọi 111, 113"),
        (
            "{% for so in hotlines %}{{ loop.index }}) {{ so }}{% if not loop.last %}; {% endif %}{% endfor %}",
            "1) 111; 2) 113",
        ),
        ("{% for so in ['a', 'b'] if so != 'a' %}{{ so }}{% else %}x{% endfor %}", "b"),
        ("{% if area.name == 'Mẫu Sơn' %}đúng{% elif 1 %}x{% else %}y{% endif %}", "đúng"),
        ("{% if area.name in ['A', 'Mẫu Sơn'] and not 0 %}có{% endif %}", "có"),
        ("{{ 'có' if '111' in hotlines else 'không' }}{{ 'x' if 1 == 2 }}", "có"),
        ("{{ area.name | upper }} {{ 'xã ' ~ area.name | lower }}", "MẪU SƠN xã mẫu sơn"),
        ("{# chú thích #}{% raw %}{{ giữ nguyên }}{% endraw %}", "{{ giữ nguyên }}"),
        ("{%- if 1 -%}  a  {%- endif -%}  b", "ab"),
    ],
)
def test_what_officers_need_can_be_said(body: str, said: str) -> None:
    assert words(body) == said


def test_a_default_serves_for_an_empty_value_as_for_a_missing_one() -> None:
    assert words("{{ district.name | default('huyện nhà') }}", Values()) == "huyện nhà"
    assert words("{{ district.name or 'huyện nhà' }}", Values()) == "huyện nhà"
    assert words("{{ district.name | default('huyện nhà', true) }}", VALUES) == "Lộc Bình"


def test_an_empty_value_never_leaves_a_hole_in_a_sentence() -> None:
    found = template("Huyện {{ district.name }} báo tin")
    assert found.bare == {"district.name"} and found.missing(Values()) == "district.name"
    with pytest.raises(EmptyValue):
        found.render(Values())
    for guarded in (
        "{% if district.name %}Huyện {{ district.name }}{% endif %}",
        "{{ 'Huyện ' ~ district.name if district.name else 'Bà con' }}",
        "{{ district.name or 'Bà con' }}",
    ):
        assert template(guarded).missing(Values()) is None
    for bare in ("{{ district.name | upper }}", "{{ 'H ' ~ district.name }}", "{{ area.name or district.name }}"):
        assert template(bare).missing(Values()) == "district.name"


def test_variables_are_read_through_branches_and_includes() -> None:
    found = template(
        "{% if campaign.theme %}{{ area.name }}{% endif %}{% include 'chung/cuoi.j2' %}",
        {"chung/cuoi.j2": "{{ hotlines }} {% include 'chung/ten.j2' %}", "chung/ten.j2": "{{ contact.name or 'bà' }}"},
    )
    assert found.variables == {"campaign.theme", "area.name", "hotlines", "contact.name"}
    assert found.personal and found.area_level == "commune"


@pytest.mark.parametrize(
    ("body", "level"),
    [
        ("x", None),
        ("{{ province.name }}", "province"),
        ("{{ province.name }} {{ district.name }}", "district"),
        ("{{ district.name }} {{ area.name }}", "commune"),
        ("{% if area.name %}x{% endif %}", "commune"),
    ],
)
def test_words_are_rendered_once_for_each_area_of_the_finest_level_used(body: str, level: str | None) -> None:
    assert template(body).area_level == level


def test_fixed_words_are_stored_as_they_go_out() -> None:
    assert template("Gọi 111").render(VALUES) == Rendered("Gọi 111", False)
    assert words("Gọi số đường dây nóng", accents="strip") == "Goi so duong day nong"


def test_a_personal_text_is_stored_without_any_persons_field_and_filled_later() -> None:
    rendered = template("Kính gửi {{ contact.name | default('bà con') }}, xã {{ area.name }}.").render(VALUES)
    assert rendered.personal
    again = Rendered(rendered.stored, rendered.personal)
    assert again.words("Người Thử 001") == "Kính gửi Người Thử 001, xã Mẫu Sơn."
    assert again.words("") == "Kính gửi bà con, xã Mẫu Sơn."


def test_accents_are_stripped_from_names_and_fallbacks_too() -> None:
    rendered = template("Gửi {{ contact.name or 'bà con' }} ở {{ area.name }}", accents="strip").render(VALUES)
    assert rendered.words("Người Thử") == "Gui Nguoi Thu o Mau Son"
    assert rendered.words() == "Gui ba con o Mau Son"


def test_links_are_places_of_the_skeleton() -> None:
    rendered = template("Xem {{ link() }}. Thôi nhận: {{ opt_out() }}").render(VALUES)
    assert rendered.words(link="https://a.example/1", opt_out="https://a.example/2") == (
        "Xem https://a.example/1. Thôi nhận: https://a.example/2"
    )
    with pytest.raises(ValueError, match="address"):
        rendered.words(link="https://a.example/1")


@pytest.mark.parametrize(
    "body",
    [
        "{{ contact.name | upper }}",
        "{{ contact.name ~ '!' }}",
        "{% if contact.name %}a{% endif %}",
        "{{ 'a' if contact.name else 'b' }}",
        "{{ contact.name | default(area.name) }}",
        "{{ contact.name | default('x') | upper }}",
        "{% for x in contact.name %}{% endfor %}",
        "{% if contact.name == 'An' %}a{% endif %}",
        "{{ link() | upper }}",
    ],
)
def test_a_persons_field_decides_nothing_and_is_only_put_out(body: str) -> None:
    assert "personal-place" in {problem.code for problem in compiled(body).problems}


@pytest.mark.parametrize(
    ("body", "line", "column", "likely"),
    [
        ("Chào {{ contact.nam }}", 1, 9, "contact.name"),
        ("a\nb {{ area.name }} {{ area.nane }}", 2, 22, "area.name"),
        ("{{ area.name\n   ~ campain.title }}", 2, 6, "campaign.title"),
        ("{% if x.y %}{% endif %}{{ hotline }}", 1, 27, "hotlines"),
        ("{{ ten_xa }}", 1, 4, "area.name"),
        ("{{ xã }}", 1, 4, "area.name"),
        ("{{ contact.phone }}", 1, 4, "contact.name"),
        ("{{ contact.groups }}", 1, 4, "contact."),
        ("{{ contact }}", 1, 4, "contact.name"),
        ("{{ link }}", 1, 4, "link()"),
    ],
)
def test_an_unknown_variable_is_named_at_its_place_with_the_likely_one(
    body: str, line: int, column: int, likely: str
) -> None:
    unknown = [problem for problem in compiled(body).problems if problem.code == "unknown-variable"]
    assert (unknown[-1].line, unknown[-1].column) == (line, column)
    if likely != "contact.":
        assert f"“{likely}”" in unknown[-1].message


def test_the_same_slip_twice_on_a_line_is_told_at_both_places() -> None:
    columns = [problem.column for problem in compiled("{{ ten }} và {{ ten }}").problems]
    assert columns == [4, 17]


def test_lines_count_from_the_top_of_the_file() -> None:
    assert only_problem("{{ ten }}", body_line=6).line == 6


def test_a_fault_in_an_include_is_told_in_the_includes_own_file_once() -> None:
    found = only_problem("{% include 'a.j2' %}{% include 'a.j2' %}", {"a.j2": "x\n{{ ten }}"})
    assert (found.file, found.line, found.column) == ("messages/a.j2", 2, 4)


@pytest.mark.parametrize(
    ("body", "code", "line", "column"),
    [
        ("Chào\n{{ area.name }", "unexpected", 2, 14),
        ("{{ area.name", "unclosed-braces", 1, 1),
        ("a\n{# b", "unclosed-braces", 2, 1),
        ("a\n{% if area.name %}\nb", "unclosed-tag", 2, 4),
        ("{% for h in hotlines %}{% if h %}{% endfor %}", "crossed-tags", 1, 37),
        ("{% endif %}", "closing-nothing", 1, 4),
        ("{% iff area.name %}", "unknown-tag", 1, 4),
        ("{{ }}", "unfinished", 1, 1),
        ("{{ area.name | }}", "unfinished", 1, 1),
        ("{{ area.name | uper }}", "unknown-filter", 1, 16),
        ("{{ “x” }}", "curly-quotes", 1, 4),
        ("{{ 'x }}", "open-quote", 1, 4),
        ("{{ khu vuc }}", "unexpected", 1, 8),
        ("{% if area.name = 'x' %}{% endif %}", "unexpected", 1, 17),
        ("{{ a..b }}", "syntax-error", 1, 1),
        ("{% if area.name is defined %}x{% endif %}", "forbidden-test", 1, 17),
        ("{{ hotlines | upper }}", "filter-use", 1, 15),
        ("{{ district.name | default(area.name) }}", "filter-use", 1, 20),
        ("{{ area.name == 'x' }}", "not-text", 1, 1),
        ("{{ ['a', 'b'] }}", "not-text", 1, 1),
        ("{% if hotlines > 1 %}x{% endif %}", "comparison", 1, 1),
        ("{% for area in hotlines %}x{% endfor %}", "taken-name", 1, 8),
        ("{% include 'khong-co.j2' %}", "include-missing", 1, 13),
    ],
)
def test_a_slip_of_jinja_is_a_sentence_at_its_place(body: str, code: str, line: int, column: int) -> None:
    found = only_problem(body)
    assert (found.code, found.line, found.column) == (code, line, column)
    assert found.severity == "error"


def test_a_single_brace_is_warned_of_at_its_place_and_still_compiles() -> None:
    found = compiled("Chào {{ area.name }}\nGọi {hotlines}")
    assert found.template is not None
    assert [(p.severity, p.code, p.line, p.column) for p in found.problems] == [("warning", "stray-brace", 2, 5)]


def test_english_sentences_are_not_kept_for_a_vietnamese_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOA_LANG", "en")
    assert "Did you mean" in only_problem("{{ tenn_xa }}{{ ten }}".replace("{{ tenn_xa }}", "")).message
    monkeypatch.setenv("LOA_LANG", "vi")
    assert "Có phải" in only_problem("{{ ten }}").message


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("  a  b \n\n\n\n c \n", "a b\n\nc"),
        ("a\xa0b\tc\u2009d", "a b c d"),
        ("a\u200bb\ufeffc\xadd\u202ee\u2066f", "abcdef"),
        ("a\r\nb\u2028c\x85d", "a\nb\nc\nd"),
        (unicodedata.normalize("NFD", "Mẫu Sơn"), "Mẫu Sơn"),
        ("", ""),
        ("\n \n", ""),
    ],
)
def test_what_nobody_sees_is_not_paid_for(text: str, tidied: str) -> None:
    assert tidy(text) == tidied
    assert tidy(tidied) == tidied


def test_khmer_and_lao_keep_the_space_that_breaks_their_lines() -> None:
    assert tidy("ក\u200bខ", "km") == "ក\u200bខ"
    assert tidy("ກ\u200bຂ", "lo-LA") == "ກ\u200bຂ"


@pytest.mark.parametrize(
    "body",
    [
        "Xã {{ area.name }}, gọi {{ hotlines }}.",
        "{{ contact.name or 'bà con' }} {{ area.name }}{# x #}\n",
        "{% include 'a.j2' %} {{ campaign.title }}",
        "chỉ có chữ {} %s",
    ],
)
def test_plain_messages_say_the_same_without_jinja_as_with_it(body: str) -> None:
    includes = {"a.j2": "Huyện {{ district.name }}"}
    plain, by_jinja = template(body, includes), template(body + "{% if 0 %}x{% endif %}", includes)
    assert plain.render(VALUES) == by_jinja.render(VALUES)


def test_blocks_on_their_own_lines_leave_no_empty_lines() -> None:
    body = "Bà con chú ý.\n{% if campaign.theme %}\n  {{ campaign.theme }}\n{% endif %}\nGọi 111.\n"
    assert words(body) == "Bà con chú ý.\nKhông ai bị bỏ lại\nGọi 111."
