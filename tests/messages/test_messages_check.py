"""What ``loa check`` must not let through: missing, too long, changed, unreviewed or broken words."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.content.message import Message, MessageSet
from engine.content.message_check import check_message, check_source
from engine.content.template import Values
from engine.errors import Problem
from engine.i18n import sentence

VALUES = Values(title="Hưởng ứng 30/7", hotlines=("111", "113"))
ACCENTED = "Bà con xã ta chú ý, thấy điều lạ thì gọi số máy 111. "  # 53 units


def one(body: str, includes: dict[str, str] | None = None, **more: object) -> MessageSet:
    data = {"key": "thu", "channel": "sms", "language": "vi", "file": "messages/thu/sms.vi.j2", "body": body, **more}
    return MessageSet(key="thu", messages=(Message.model_validate(data),), includes=includes or {})


def found(message_set: MessageSet, **more: object) -> list[Problem]:
    return check_message(message_set, **{"channel": "sms", "values": VALUES, **more})  # type: ignore[arg-type] # the same names


def codes(message_set: MessageSet, **more: object) -> list[str]:
    return [problem.code for problem in found(message_set, **more)]


def test_a_good_message_has_no_problem() -> None:
    assert found(one("Gọi {{ hotlines | join(' hoặc ') }}", max_segments=1)) == []


def test_the_missing_vietnamese_file_is_named() -> None:
    (missing,) = [p for p in found(one("x", language="en", reviewed_by="N")) if p.severity == "error"]
    assert (missing.file, missing.line, missing.code) == ("messages/thu/sms.vi.j2", 1, "missing-vietnamese")


def test_every_arm_has_vietnamese_words_of_its_own_or_the_common_ones() -> None:
    only_a = one("x", variant="a")
    assert [p.file for p in found(only_a, variants=("a", "b"))] == ["messages/thu/sms.b.vi.j2"]
    assert codes(only_a, variants=("a",)) == []
    assert codes(one("x"), variants=("a", "b")) == []
    assert codes(only_a) == ["missing-vietnamese"]


def test_a_channel_without_words_is_missing_them() -> None:
    assert [p.file for p in found(one("x"), channel="zalo")] == ["messages/thu/zalo.vi.j2"]


def test_the_limit_of_segments_names_both_costs() -> None:
    (long,) = found(one(ACCENTED * 3, max_segments=1))
    assert long.code == "too-many-accented" and "3 phần khi có dấu (1 phần khi không dấu)" in long.message
    assert codes(one(ACCENTED * 4, max_segments=1, accents="strip")) == ["too-many-segments"]
    assert codes(one(ACCENTED * 3, max_segments=1, accents="strip")) == []


def test_segments_are_counted_with_a_name_filled_in() -> None:
    body = "{{ contact.name or 'bà' }}" + "x" * 60
    assert codes(one(body, max_segments=1)) == ["too-many-accented"]


def test_more_than_1600_characters_is_an_error_for_sms_only() -> None:
    assert codes(one("x" * 1600)) == []
    assert codes(one("x" * 1601)) == ["too-long"]
    assert codes(one("x" * 1601, channel="loudspeaker"), channel="loudspeaker") == []


def test_an_unaccented_text_that_still_costs_ucs_2_is_told_why() -> None:
    (why,) = found(one("Gọi “111”", accents="strip"))
    assert (why.code, why.severity) == ("still-ucs2", "warning") and "“”" in why.message


def test_an_unreviewed_translation_is_a_warning_whatever_uses_it() -> None:
    draft = one("Call 111", language="en")
    assert [(p.code, p.severity) for p in check_source(draft)] == [("unreviewed", "warning")]
    assert check_source(one("Call 111", language="en", reviewed_by="Người Thử 001")) == []


def test_links_are_an_error_until_a_page_answers_them() -> None:
    (early,) = check_source(one("Xem\n  {{ link() }}", body_line=4))
    assert (early.code, early.severity, early.line, early.column) == ("no-page-yet", "error", 5, 6)
    assert "no-page-yet" in codes(one("{% include 'a.j2' %}", {"a.j2": "{{ opt_out() }}"}))


def test_a_name_without_fallback_is_a_warning_at_its_place() -> None:
    (hole,) = check_source(one("Chào {{ contact.name }}"))
    assert (hole.code, hole.severity, hole.column) == ("no-fallback", "warning", 9)
    assert check_source(one("Chào {{ contact.name or 'bà con' }}")) == []


def test_a_theme_the_campaign_does_not_have_is_an_error_at_its_place() -> None:
    (hole,) = found(one("Gọi 111\n{{ campaign.theme }}"))
    assert (hole.code, hole.severity, hole.line, hole.column) == ("empty-value", "error", 2, 4)
    assert codes(one("{% if campaign.theme %}{{ campaign.theme }}{% endif %}Gọi 111")) == []


def test_words_that_come_to_nothing_are_an_error() -> None:
    assert codes(one("{% if campaign.theme %}x{% endif %}")) == ["no-words"]


def test_what_jinja_refuses_at_run_time_is_a_problem_and_no_traceback() -> None:
    assert codes(one("{{ hotlines[7] }}")) == ["cannot-render"]


FROZEN = "Xã {{ area.name }}: gọi {{ hotlines | join(', ') }} khi cần."


@pytest.mark.parametrize(
    ("body", "registered", "includes"),
    [
        (FROZEN, FROZEN, {}),
        (FROZEN + "\n", "  " + FROZEN.replace("{{ area.name }}", "{{area.name}}"), {}),
        (FROZEN, "Xã {{1}}: gọi {{2}} khi cần.", {}),
        ("Gọi {{ hotlines }}.", "Gọi 111, 113.", {}),
        ("Gọi {% include 'so.j2' %} ngay", "Gọi {{ hotlines }} ngay", {"so.j2": "{{ hotlines }}"}),
        ("Gọi {% include 'so.j2' %} ngay", "Gọi 111 ngay", {"so.j2": "111\n"}),
        ("{% if area.name == 'A' %}x{% endif %}y", "{% if area.name == 'A' %}x{% endif %}y", {}),
    ],
)
def test_a_registered_text_that_is_still_said_is_no_problem(
    body: str, registered: str, includes: dict[str, str]
) -> None:
    assert codes(one(body, includes, registered_id="MB-01", registered_text=registered)) == []


@pytest.mark.parametrize(
    ("body", "registered", "includes"),
    [
        (FROZEN.replace("khi cần", "ngay"), FROZEN, {}),
        (FROZEN.replace("area.name", "district.name"), FROZEN, {}),
        (FROZEN + " {{ hotlines }}", FROZEN, {}),
        (FROZEN, "Xã {{1}}: gọi 111 khi cần.", {}),
        ("Gọi {{ hotlines }}.", "Gọi 111, 114.", {}),
        ("Gọi {% include 'so.j2' %} ngay", "Gọi 111 ngay", {"so.j2": "113"}),
        ("{% if area.name == 'A' %}x{% endif %}y", "{% if area.name == 'B' %}x{% endif %}y", {}),
        ("Gọi 111 {{ contact.name or 'bà' }}", "Gọi 111 bà", {}),
        ("Goi 111", "Gọi 111", {}),
    ],
)
def test_a_changed_registered_text_is_refused(body: str, registered: str, includes: dict[str, str]) -> None:
    assert codes(one(body, includes, registered_id="MB-01", registered_text=registered)) == ["registered-changed"]


def test_an_unaccented_message_may_be_registered_either_way() -> None:
    for registered in ("Gọi 111", "Goi 111"):
        message_set = one("Gọi 111", registered_id="MB-01", registered_text=registered, accents="strip")
        assert codes(message_set) == []


def test_a_registered_id_alone_is_a_warning() -> None:
    assert codes(one("Gọi 111", registered_id="MB-01")) == ["registered-half"]


def test_faults_of_jinja_are_told_whether_used_or_not() -> None:
    broken = one("{{ ten }}")
    assert [p.code for p in check_source(broken)] == codes(broken) == ["unknown-variable"]


@pytest.mark.parametrize("tongue", ["vi", "en"])
def test_every_code_has_a_sentence_in_both_languages(tongue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOA_LANG", tongue)
    room = Path(__file__).parents[2] / "engine"
    catalogue = (room / "locale" / tongue / "LC_MESSAGES" / "messages.po").read_text(encoding="utf-8")
    known = set(re.findall(r'^msgid "(.+)"$', catalogue, re.MULTILINE))
    used: set[str] = set()
    for file in (room / "content").glob("*.py"):
        source = file.read_text(encoding="utf-8")
        used |= set(re.findall(r'"messages\.([a-z0-9-]+)"', source))
        if file.name.startswith("template"):
            used |= set(re.findall(r'\breport\(\s*"([a-z0-9-]+)"', source))
        if file.name == "message_check.py":
            used |= set(re.findall(r'"(?:error|warning)", "([a-z0-9-]+)"', source))
    assert used - known == set()
    assert known - used == set()


@pytest.mark.parametrize("read", [lambda: sentence("messages.unclosed-tag", tag="if")])
def test_braces_in_sentences_are_single_when_read(read: Callable[[], str]) -> None:
    assert "{% endif %}" in read() and "{{" not in read()
