"""A snapshot is the same text for the same content, and enough without any file."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from content_workspaces import FILES, Load
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.content.snapshot import Snapshot, differences, snapshot

CAMPAIGN = FILES["campaigns/thu.yaml"]
RICH: dict[str, str | bytes | None] = {
    "campaigns/thu.yaml": CAMPAIGN.replace(
        "anchor:",
        "variants: {a: 50%, b: 45.5%, holdout: 4.5%}\nlimits: {per_person: 3 tin/tuần, budget: 1.000.000}\nanchor:",
    )
    + "  - {id: tuan, when: thứ hai hằng tuần lúc 09:00, from: mốc - 7 ngày, until: 2027-09-01, except: [30/8],\n"
    "     channel: sms, sender: [toy], audience: dan, message: tin, valid_for: 5 giờ, late: 0 phút}\n",
    "audiences/dan.yaml": "title: Người dân\nareas: {districts: [Cao Lộc], tags: [border]}\n"
    "exclude: {audiences: [gan], contacted_within: 3 ngày}\nlanguages: [vi]\n",
    "audiences/gan.yaml": "title: Gần\nareas: {districts: [Lộc Bình]}\nexclude: {audiences: [xa]}\n",
    "audiences/xa.yaml": "title: Xa\nareas: {districts: [Tràng Định]}\n",
    "audiences/tags.csv": "code,era,tag\n06184,2025,border\n06196,2025,rung\n",
    "messages/tin/sms.vi.j2": "---\nmax_segments: 2\n---\n{% include 'chung/cuoi.j2' %} {{ area.name }}",
    "messages/chung/cuoi.j2": "Gọi 111.",
}


def frozen(loaded: Load, changes: dict[str, str | bytes | None] | None = None) -> Snapshot:
    found = loaded(changes)
    assert found.workspace is not None and "thu" in found.workspace.campaigns, found.problems
    return snapshot(found.workspace, "thu")


def test_it_holds_all_that_running_needs(loaded: Load) -> None:
    taken = frozen(loaded, RICH)
    assert set(taken.audiences) == {"dan", "gan", "xa"}
    assert set(taken.senders) == {"toy"}
    assert list(taken.tags) == ["border"]
    assert taken.hotlines == ("111",) and taken.timezone == "Asia/Ho_Chi_Minh"
    assert taken.messages["tin"].includes == {"chung/cuoi.j2": "Gọi 111."}
    assert [area.code for area in taken.audiences["dan"].resolved["tags"]] == ["06184"]
    weekly = taken.campaign.step("tuan")
    assert [once.key for once in taken.occurrences(weekly)] == [
        "2027-07-26",
        "2027-08-02",
        "2027-08-09",
        "2027-08-16",
        "2027-08-23",
    ]
    assert taken.senders_of(weekly)[0].price_per_segment == 850


def test_it_comes_back_from_json_equal_and_runs_without_any_file(loaded: Load, tmp_path: Path) -> None:
    taken = frozen(loaded, RICH)
    text = taken.to_json()
    shutil.rmtree(tmp_path)
    back = Snapshot.from_json(text)
    assert back == taken and back.to_json() == text and back.digest == taken.digest
    for step in back.campaign.steps:
        assert back.occurrences(step) == taken.occurrences(step)


def test_its_json_is_canonical(loaded: Load) -> None:
    text = frozen(loaded, RICH).to_json()
    assert text == json.dumps(json.loads(text), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@pytest.mark.parametrize(
    "changes",
    [
        {"campaigns/thu.yaml": "# chú thích\n" + CAMPAIGN},
        {"campaigns/thu.yaml": CAMPAIGN.replace("\n", "\r\n")},
        {"campaigns/thu.yaml": "\ufeff" + CAMPAIGN},
        {
            "campaigns/thu.yaml": CAMPAIGN.replace(
                "{from: 2027-07-01, to: 2027-09-30}", "{to: 30/09/2027, from: 1/7/2027}"
            )
        },
        {"campaigns/thu.yaml": CAMPAIGN + "    late: 120 phút\n"},
        {"audiences/la.yaml": "title: Khác\nareas: {districts: [Lộc Bình]}\n"},
        {"loa.yaml": FILES["loa.yaml"] + "report: {place: Lạng Sơn}\n"},
    ],
)
def test_what_changes_nothing_keeps_the_digest(loaded: Load, changes: dict[str, str | bytes | None]) -> None:
    assert frozen(loaded, changes).digest == frozen(loaded, dict(FILES)).digest


def test_an_optional_key_that_nobody_has_written_is_in_no_digest(loaded: Load) -> None:
    """Else the next program's new key would void approvals of files that nobody has touched, while people are away."""
    for changes in (None, RICH):
        text = frozen(loaded, changes).to_json()
        assert ":null" not in text
        assert Snapshot.from_json(text).to_json() == text


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"campaigns/thu.yaml": CAMPAIGN.replace("08:30", "08:31")}, "campaign.steps.mo-dau.when"),
        ({"campaigns/thu.yaml": CAMPAIGN.replace("thử", "mới")}, "campaign.title"),
        ({"messages/tin/sms.vi.j2": "Gọi ngay 111.\n"}, "messages.tin.messages.messages/tin/sms.vi.j2.body"),
        ({"loa.yaml": FILES["loa.yaml"].replace("850", "900")}, "senders.toy.price_per_segment"),
        ({"loa.yaml": FILES["loa.yaml"] + "approvals: {people: 2}\n"}, "approvals.people"),
        ({"audiences/dan.yaml": FILES["audiences/dan.yaml"] + "consent: statutory\n"}, "audiences.dan.consent"),
    ],
)
def test_what_changes_something_changes_the_digest_and_is_named(
    loaded: Load, changes: dict[str, str | bytes | None], path: str
) -> None:
    before = frozen(loaded, dict(FILES))
    after = frozen(loaded, changes)
    assert before.digest != after.digest
    assert path in [difference.path for difference in differences(before, after)]
    assert differences(before, before) == []


def test_a_step_inserted_above_is_the_only_difference(loaded: Load) -> None:
    before = frozen(loaded, dict(FILES))
    added = "steps:\n  - {id: moi, when: 30/7 lúc 09:00, channel: sms, sender: toy, audience: dan, message: tin}\n"
    after = frozen(loaded, {"campaigns/thu.yaml": CAMPAIGN.replace("steps:\n", added)})
    assert [difference.path for difference in differences(before, after)] == ["campaign.steps.moi"]


def test_steps_in_another_order_are_a_difference_too(loaded: Load) -> None:
    one = "  - {id: a, when: 30/7 lúc 09:00, channel: sms, sender: toy, audience: dan, message: tin}\n"
    two = one.replace("id: a", "id: b")
    head = CAMPAIGN.partition("steps:\n")[0] + "steps:\n"
    before = frozen(loaded, {"campaigns/thu.yaml": head + one + two})
    after = frozen(loaded, {"campaigns/thu.yaml": head + two + one})
    assert before.digest != after.digest and differences(before, after)


def test_a_text_that_is_no_snapshot_is_refused() -> None:
    for text in ("{}", "[]", "", '{"format":1}'):
        with pytest.raises(ValidationError):
            Snapshot.from_json(text)


def test_nothing_in_it_can_be_changed(loaded: Load) -> None:
    taken = frozen(loaded)
    with pytest.raises(ValidationError):
        taken.campaign.title = "khác"  # type: ignore[misc]


_WORDS = st.text(alphabet="abcdđêếộ ớ", min_size=1, max_size=12).map(str.strip).filter(bool)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    title=_WORDS,
    hour=st.integers(8, 19),
    minute=st.integers(0, 59),
    when=st.sampled_from(["every day", "thứ ba hằng tuần", "mốc - 3 ngày", "every month on 20", "2027-08-02"]),
    count=st.integers(1, 9),
    rate=st.integers(1, 997),
    share=st.integers(1, 9_999),
    hours=st.integers(1, 48),
)
def test_every_value_survives_the_round_trip(loaded: Load, **drawn: Any) -> None:
    share = drawn["share"]
    text = CAMPAIGN.replace("Chiến dịch thử", f"'{drawn['title']}'")
    text = text.replace("anchor - 14 days at 08:30", f"{drawn['when']} lúc {drawn['hour']:02}:{drawn['minute']:02}")
    limits = f"limits: {{per_person: {drawn['count']} per 7 days}}\n"
    arms = f"variants: {{a: {share / 100:.2f}%, b: {(10_000 - share) / 100:.2f}%}}\n"
    text = text.replace("anchor:", limits + arms + "anchor:") + f"    valid_for: {drawn['hours']} giờ\n"
    taken = frozen(
        loaded,
        {"campaigns/thu.yaml": text, "loa.yaml": FILES["loa.yaml"].replace("500/s", f"{drawn['rate']}/phút")},
    )
    assert Snapshot.from_json(taken.to_json()) == taken
    assert sum(taken.campaign.variants.values()) == 10_000
