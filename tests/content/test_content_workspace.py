"""The whole check: every problem at once, each at its place, and what stays usable."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from content_workspaces import FILES, Load, places, spoiled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CAMPAIGN = "campaigns/thu.yaml"


def test_the_small_workspace_is_without_fault(loaded: Load) -> None:
    found = loaded()
    assert places(found) == []
    assert found.ok and found.workspace is not None
    assert list(found.workspace.campaigns) == ["thu"]
    resolved = found.workspace.audiences["dan"].resolved["districts"]
    assert [(area.era, area.level, area.code) for area in resolved] == [("legacy", "district", "183")]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("title: Chiến dịch thử\n", "", "1:1 missing-key"),
        ("title: Chiến dịch thử", "title:", "1:7 empty"),
        ("title: Chiến dịch thử", 'title: ""', "1:8 empty"),
        ("title: Chiến dịch thử", "title: [a]", "1:8 expected-text"),
        ("owner:", "onwer:", "2:1 unknown-key"),
        ("legal_basis: [Kế hoạch số 1]", "legal_basis: []", "3:14 empty"),
        ("legal_basis: [Kế hoạch số 1]", "legal_basis: [a, '']", "3:18 empty"),
        ("legal_basis: [Kế hoạch số 1]", "legal_basis: {a: b}", "3:14 expected-list"),
        ("class: thong_bao", "class: thong-bao", "4:8 not-one-of"),
        ("to: 2027-09-30", "to: 2027-06-30", "5:9 period-backwards"),
        ("to: 2027-09-30", "to: 2037-09-30", "5:9 period-too-long"),
        ("to: 2027-09-30", "to: 2027-09-31", "5:32 no-such-date"),
        ("{from: 2027-07-01, to: 2027-09-30}", "tháng 7", "5:9 expected-mapping"),
        ("anchor: 30/7", "anchor: 30/6", "6:9 anchor-missing"),
        ("to: 2027-09-30", "to: 2028-09-30", "6:9 anchor-twice"),
        ("anchor: 30/7\n", "", "9:11 no-anchor"),
        ('hotlines: ["111"]', 'hotlines: ["12345"]', "7:12 hotline"),
        ('hotlines: ["111"]', "hotlines: []", "1:1 no-hotline"),
        ('hotlines: ["111"]', 'hotlines: ["111"]\nkey: thu', "8:1 key-from-file-name"),
        ('hotlines: ["111"]', 'hotlines: ["111"]\ntitle: b', "8:1 duplicate-key"),
        ('hotlines: ["111"]', 'hotlines: ["111"]\nlimits: {quiet_hours: "20"}', "8:23 bad-quiet-hours"),
        ('hotlines: ["111"]', 'hotlines: ["111"]\nlimits: {per_person: 3}', "8:22 bad-cap"),
        ('hotlines: ["111"]', 'hotlines: ["111"]\nlimits: {budget: 1.5}', "8:18 bad-money"),
        ('hotlines: ["111"]', 'hotlines: ["111"]\nvariants: {a: 50%, b: 40%}', "8:11 shares"),
        ('hotlines: ["111"]', 'hotlines: ["111"]\nvariants: {a: 50%, b: nửa}', "8:23 bad-percentage"),
        ("id: mo-dau", "id: Mở đầu", "9:9 bad-key"),
        ("id: mo-dau", "id: nan-nhan", "9:9 names-a-risk"),
        ("  - id: mo-dau\n    when", "  - when", "9:5 missing-key"),
        ("at 08:30", "", "10:11 when-without-time"),
        ("at 08:30", "at 22:00", "10:11 at-night"),
        ("at 08:30", "at 06:59", "10:11 at-night"),
        ("anchor - 14 days", "anchor - 40 days", "10:11 outside-period"),
        ("anchor - 14 days", "anchor - 14 dys", "10:11 bad-when"),
        ("anchor - 14 days at", "1/1 at", "10:11 day-missing"),
        ("channel: sms", "channel: sns", "11:14 unknown-channel"),
        ("sender: toy", "sender: tyo", "12:13 unknown-sender"),
        ("sender: toy", "sender: [toy, tyo]", "12:19 unknown-sender"),
        ("sender: toy", "sender: page", "12:13 sender-channel"),
        ("    sender: toy\n", "", "9:5 missing-key"),
        ("audience: dan", "audience: dam", "13:15 unknown-audience"),
        ("    audience: dan\n", "", "9:5 missing-key"),
        ("message: tin", "message: ti", "14:14 unknown-message"),
        ("message: tin", "message: tin\n    valid_for: 0 giờ", "15:16 valid-for-too-short"),
        ("message: tin", "message: tin\n    late: muộn", "15:11 bad-duration"),
        ("message: tin", "message: tin\n    from: 2027-07-01", "15:5 recurring-only"),
        ("message: tin", "message: tin\n    untill: 2027-07-01", "15:5 unknown-key"),
    ],
)
def test_each_mistake_in_a_campaign_is_told_at_its_own_place(
    loaded: Load, before: str, after: str, expected: str
) -> None:
    found = loaded(spoiled(CAMPAIGN, before, after))
    assert f"{CAMPAIGN}:{expected}" in places(found, "error")
    assert not found.ok
    assert found.workspace is not None and found.workspace.campaigns == {}


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("when: every day at 17:00, until: 2027-06-01", ["error until-before-from", "warning limit-outside-period"]),
        ("when: every day at 17:00, from: 2027-08-02, until: 2027-08-01", ["error until-before-from"]),
        ("when: every day at 17:00, except: 2027-10-05", ["warning except-nothing"]),
        ("when: every thursday at 17:00, except: [2027-07-08, 2027-07-09]", ["warning except-nothing"]),
        ("when: every month on 31 at 17:00", ["warning months-skipped"]),
        ("when: every month on last day at 17:00", ["error bad-when"]),
        ("when: every month on 31 at 17:00, from: 2027-09-01", ["error never-due", "warning months-skipped"]),
        ("when: every day at 20:30", ["warning in-quiet-hours"]),
        ("when: every day at 20:30, valid_for: 10 hours", ["warning expires-in-quiet-hours"]),
        ("when: every day at 07:00", ["warning in-quiet-hours"]),
        ("when: every day at 08:00", []),
        ("when: every day at 19:59", []),
        ("when: every day at 08:00, from: 30/6", ["error day-missing"]),
    ],
)
def test_recurring_steps(loaded: Load, step: str, expected: list[str]) -> None:
    written = f"steps:\n  - {{id: a, {step}, channel: sms, sender: toy, audience: dan, message: tin}}\n"
    found = loaded({CAMPAIGN: FILES[CAMPAIGN].partition("steps:")[0] + written})
    assert sorted(f"{problem.severity} {problem.code}" for problem in found.problems) == expected


def test_one_mistake_hides_no_other(loaded: Load) -> None:
    text = FILES[CAMPAIGN]
    for before, after in (
        ("title: Chiến dịch thử", "titel: Thử"),
        ("owner: Ban Chỉ đạo 138", "owner:"),
        ("class: thong_bao", "class: khac"),
        ('["111"]', '["12345"]'),
        ("at 08:30", ""),
        ("sender: toy", "sender: tyo"),
        ("audience: dan", "audience: dam"),
        ("message: tin", "mesage: tin"),
    ):
        text = text.replace(before, after)
    text += "  - {id: mo-dau, when: every day at 23:00, channel: sms, sender: toy, audience: dan, message: ti}\n"
    found = loaded({CAMPAIGN: text})
    assert places(found, "error") == [
        f"{CAMPAIGN}:{place}"
        for place in (
            "1:1 missing-key",
            "1:1 unknown-key",
            "2:7 empty",
            "4:8 not-one-of",
            "7:12 hotline",
            "9:5 missing-key",
            "10:11 when-without-time",
            "12:13 unknown-sender",
            "13:15 unknown-audience",
            "14:5 unknown-key",
            "15:10 duplicate-step",
            "15:24 at-night",
            "15:95 unknown-message",
        )
    ]


def test_a_wrong_period_blames_no_day(loaded: Load) -> None:
    found = loaded(spoiled(CAMPAIGN, "to: 2027-09-30", "to: ba tháng"))
    assert places(found, "error") == [f"{CAMPAIGN}:5:32 bad-date"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("areas: {districts: [Cao Lộc]}", "1:1 missing-key"),
        ("title: a", "1:1 missing-key"),
        ("title: a\nareas: {}", "2:8 no-areas"),
        ("title: a\nareas: {era: legacy}", "2:8 no-areas"),
        ("title: a\nareas: {districts: [Cao Lc]}", "2:21 unknown"),
        ("title: a\nareas: {communes: [Mẫu Sơn]}", "2:20 ambiguous"),
        ('title: a\nareas: {communes: ["06541"]}', "2:20 era-needed"),
        ("title: a\nareas: {communes: [x], era: 2026}", "2:29 not-one-of"),
        ("title: a\nareas: {tags: [bordr]}", "2:16 unknown-tag"),
        ("title: a\nareas: {district: [Cao Lộc]}", "2:9 unknown-key"),
        ("title: Nạn nhân\nareas: {districts: [Cao Lộc]}", "1:8 names-a-risk"),
        ("title: a\nareas: {districts: [Cao Lộc]}\ngroups: {any: [nguy-co]}", "3:16 names-a-risk"),
        ("title: a\nareas: {districts: [Cao Lộc]}\nconsent: có", "3:10 not-one-of"),
        ("title: a\nareas: {districts: [Cao Lộc]}\nexclude: {audiences: [khac]}", "3:23 unknown-audience"),
        ("title: a\nareas: {districts: [Cao Lộc]}\nexclude: {audiences: [dan]}", "3:23 excludes-itself"),
        ("title: a\nareas: {districts: [Cao Lộc]}\nexclude: {contacted_within: 3}", "3:29 bad-duration"),
    ],
)
def test_each_mistake_in_an_audience_is_told_and_its_campaign_waits(loaded: Load, text: str, expected: str) -> None:
    found = loaded({"audiences/dan.yaml": text})
    assert f"audiences/dan.yaml:{expected}" in places(found, "error")
    assert found.workspace is not None and not found.workspace.campaigns and not found.workspace.audiences


def test_codes_names_eras_and_tags_become_areas(loaded: Load) -> None:
    found = loaded(
        {
            "audiences/dan.yaml": "title: a\n"
            "areas: {districts: ['183', Huyện Lộc Bình], communes: ['06541'], era: legacy}\n",
            "audiences/the.yaml": "title: b\nareas: {tags: [border]}\nlanguages: [vi, tyz]\n",
            "audiences/tags.csv": "code,era,tag\n06184,2025,border\n20,2025,border\n",
        }
    )
    assert places(found, "error") == []
    assert found.workspace is not None
    written = found.workspace.audiences["dan"].resolved
    assert [(area.era, area.code) for area in written["districts"]] == [("legacy", "183"), ("legacy", "188")]
    assert [(area.era, area.code) for area in written["communes"]] == [("legacy", "06541")]
    tagged = found.workspace.audiences["the"].resolved["tags"]
    assert [(area.level, area.code) for area in tagged] == [("commune", "06184"), ("province", "20")]
    assert found.workspace.audiences["the"].languages == ("vi", "tyz")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('province: "20"', 'province: "99"', "1:63 unknown"),
        ("organisation: {", "organisation: {nam: x, ", "1:16 unknown-key"),
        ("senders:", "timezone: Asia/Hanoi\nsenders:", "2:11 bad-timezone"),
        ("senders:", "hotlines: [x]\nsenders:", "2:12 letters"),
        ("senders:", "approvals: {people: 3}\nsenders:", "2:21 approvals"),
        ("senders:", "privacy: {small_cell: 0}\nsenders:", "2:23 at-least-one"),
        ("senders:", "privacy: {retention_days: 1.000}\nsenders:", "2:27 bad-number"),
        ("senders:", "timezone: Asia/Bangkok\ntimezone: UTC\nsenders:", "3:1 duplicate-key"),
        ("senders:", f"hotlines: [{', '.join(['111'] * 21)}]\nsenders:", "2:11 too-many-hotlines"),
        ("senders:", "alerts: ['tgram://1:token/chat']\nsenders:", "2:10 secret-written"),
    ],
)
def test_a_mistake_in_loa_yaml_itself_leaves_no_workspace(loaded: Load, before: str, after: str, expected: str) -> None:
    found = loaded(spoiled("loa.yaml", before, after))
    assert f"loa.yaml:{expected}" in places(found, "error")
    assert found.workspace is None


@pytest.mark.parametrize("alert", ["${ALERT}", "mailto://truc@congan.example", "slack://${TOKEN}"])
def test_an_alert_without_a_written_secret_is_fine(loaded: Load, alert: str) -> None:
    assert loaded(spoiled("loa.yaml", "senders:", f'alerts: ["{alert}"]\nsenders:')).ok


@pytest.mark.parametrize("name", ["loa.yaml", CAMPAIGN, "audiences/dan.yaml"])
def test_no_kind_of_broken_file_stops_the_check(loaded: Load, name: str) -> None:
    for content in ("", "a: [", b"\xff\xfe", b"\xc3\x28", "- 1", "x", "a: &a 1"):
        found = loaded({name: content})
        assert not found.ok
        assert all(re.fullmatch(r"[\w./-]+", problem.file) and problem.message for problem in found.problems)


def test_the_organisations_province_becomes_its_code(loaded: Load) -> None:
    found = loaded(spoiled("loa.yaml", 'province: "20"', "province: Lạng Sơn"))
    assert found.workspace is not None and found.workspace.configuration.organisation.province == "20"


def test_file_names_that_would_be_passed_over_are_errors(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "campaigns" / "hai.yml").write_text("title: a")
    (tmp_path / "campaigns" / "Đợt 1.yaml").write_text(FILES[CAMPAIGN])
    (tmp_path / "campaigns" / "README.md").write_text("ghi chú")
    (tmp_path / "campaigns" / ".an.yaml").write_text("ẩn")
    found = places(loaded(), "error")
    assert found == ["campaigns/hai.yml:1:1 wrong-suffix", "campaigns/Đợt 1.yaml:1:1 bad-file-name"]


def test_a_campaign_named_after_a_risk_is_refused(loaded: Load) -> None:
    found = loaded({"campaigns/phu-nu-nguy-co.yaml": FILES[CAMPAIGN]})
    assert "campaigns/phu-nu-nguy-co.yaml:1:1 names-a-risk" in places(found)


def test_one_campaigns_faults_leave_the_others_usable(loaded: Load) -> None:
    found = loaded({"campaigns/hai.yaml": FILES[CAMPAIGN].replace("sender: toy", "sender: tyo")})
    assert found.workspace is not None and list(found.workspace.campaigns) == ["thu"]
    assert found.campaign_keys == ("hai", "thu")


def test_the_problems_of_one_campaign_are_those_of_what_it_uses(loaded: Load) -> None:
    found = loaded(
        {
            "campaigns/hai.yaml": FILES[CAMPAIGN].replace("audience: dan", "audience: xa"),
            "audiences/xa.yaml": "title: a\nareas: {districts: [Cao Lc]}\nexclude: {audiences: [gan]}\n",
            "audiences/gan.yaml": "title: a\nareas: {districts: [x y z]}\n",
        }
    )
    files = {problem.file for problem in found.problems_of(["hai"])}
    assert files == {"audiences/xa.yaml", "audiences/gan.yaml"}
    assert found.problems_of(["thu"]) == ()


def test_what_nobody_uses_is_a_warning_even_when_its_user_is_broken(loaded: Load) -> None:
    found = loaded(
        {
            "audiences/la.yaml": "title: a\nareas: {districts: [Cao Lộc]}\n",
            "messages/la/sms.vi.j2": "Gọi 111.",
            "campaigns/hai.yaml": "steps:\n  - {audience: chi-hai, message: chi-hai}\n",
            "audiences/chi-hai.yaml": "title: a\nareas: {districts: [Cao Lộc]}\n",
            "messages/chi-hai/sms.vi.j2": "Gọi 111.",
        }
    )
    unused = [place for place in places(found, "warning") if "unused" in place]
    assert unused == ["audiences/la.yaml:1:1 unused-audience", "messages/la/sms.vi.j2:1:1 unused-message"]


def test_problems_are_sorted_and_told_once(loaded: Load) -> None:
    found = loaded(
        {
            CAMPAIGN: FILES[CAMPAIGN] + FILES[CAMPAIGN].partition("steps:\n")[2].replace("mo-dau", "hai"),
            "messages/tin/sms.vi.j2": "Xin chào {{ contact.nam }}",
        }
    )
    assert list(found.problems) == sorted(set(found.problems))


def test_english_has_all_the_words_too(loaded: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    vietnamese = loaded(spoiled(CAMPAIGN, "sender: toy", "sender: tyo")).problems
    monkeypatch.setenv("LOA_LANG", "en")
    english = loaded(spoiled(CAMPAIGN, "sender: toy", "sender: tyo")).problems
    assert [problem.code for problem in english] == [problem.code for problem in vietnamese]
    assert "có phải bạn muốn viết “toy”" in vietnamese[0].message and "did you mean “toy”" in english[0].message


_LINES = [line for text in FILES.values() for line in text.splitlines()]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_to_a_campaign_raises(loaded: Load, data: Any) -> None:
    lines = FILES[CAMPAIGN].splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(lines) - 1))
        do = data.draw(st.sampled_from(["drop", "swap", "cut", "noise"]))
        if do == "drop":
            lines[place] = ""
        elif do == "swap":
            lines[place] = data.draw(st.sampled_from(_LINES))
        elif do == "cut":
            lines[place] = lines[place][: data.draw(st.integers(0, len(lines[place])))]
        else:
            lines[place] += data.draw(st.text(alphabet=" :[]{}'\"#&*!|>-đ\t", max_size=4))
    found = loaded({CAMPAIGN: "\n".join(lines)})
    assert found.ok or found.workspace is None or not found.workspace.campaigns


def test_a_step_nearer_than_five_weeks_needs_a_registered_text(loaded: Load) -> None:
    registered = spoiled("loa.yaml", "price_per_segment: 850", "price_per_segment: 850, registered_until: 2029-01-01")
    near, far = datetime(2027, 7, 1, tzinfo=UTC), datetime(2027, 5, 1, tzinfo=UTC)
    assert places(loaded(registered, now=near)) == [f"{CAMPAIGN}:14:14 text-not-registered"]
    assert places(loaded(registered, now=far)) == places(loaded(registered)) == []
    with_id = {**registered, "messages/tin/sms.vi.j2": "---\nregistered_id: '7'\n---\nCần giúp đỡ xin gọi 111.\n"}
    assert "text-not-registered" not in str(places(loaded(with_id, now=near)))


def test_a_step_after_the_senders_registration_is_a_warning(loaded: Load) -> None:
    ended = spoiled("loa.yaml", "price_per_segment: 850", "price_per_segment: 850, registered_until: 2027-07-15")
    assert places(loaded(ended), "warning") == [f"{CAMPAIGN}:12:13 registration-ends"]
    last_day = spoiled("loa.yaml", "price_per_segment: 850", "price_per_segment: 850, registered_until: 2027-07-16")
    assert places(loaded(last_day)) == []
