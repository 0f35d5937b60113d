"""The check of words against their campaign: hotlines, advertising, arms, cost, risk words."""

import pytest
from content_workspaces import FILES, Load, places

from engine.content.lint import names_a_number
from engine.content.risk_words import risk_word

CAMPAIGN = FILES["campaigns/thu.yaml"]
TEXT = "messages/tin/sms.vi.j2"


def test_a_text_without_any_hotline_is_a_warning(loaded: Load) -> None:
    assert places(loaded({TEXT: "Xin chào."})) == [f"{TEXT}:1:1 no-hotline-in-text"]
    assert places(loaded({TEXT: "Gọi {{ hotlines }}."})) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("gọi 111", True),
        ("gọi 1111", False),
        ("gọi 1900 1234", True),
        ("gọi 19001234.", True),
        ("gọi 1900.12.34", True),
        ("0205 3812 345", True),
        ("năm 2111", False),
        ("", False),
    ],
)
def test_a_hotline_is_found_however_it_is_grouped(text: str, named: bool) -> None:
    assert names_a_number(text, ["111", "19001234", "0205 3 812 345"]) is named


def test_an_arm_without_words_is_an_error(loaded: Load) -> None:
    arms = CAMPAIGN.replace("anchor:", "variants: {a: 50%, b: 45%, holdout: 5%}\nanchor:")
    split = {"campaigns/thu.yaml": arms, TEXT: None, "messages/tin/sms.a.vi.j2": "Gọi 111."}
    assert not loaded(split).ok
    assert loaded({**split, "messages/tin/sms.b.vi.j2": "Gọi 111."}).ok
    assert loaded({"campaigns/thu.yaml": arms, "messages/tin/sms.a.vi.j2": None, "messages/tin/sms.b.vi.j2": None}).ok


def test_an_arms_text_that_no_campaign_sends_is_a_warning(loaded: Load) -> None:
    found = loaded({"messages/tin/sms.c.vi.j2": "Gọi 111."})
    assert places(found, "warning") == ["messages/tin/sms.c.vi.j2:1:1 variant-unused"]


def test_a_message_for_another_channel_only_is_an_error(loaded: Load) -> None:
    assert not loaded({TEXT: None, "messages/tin/facebook.vi.j2": "Gọi 111."}).ok


def test_an_unaccented_text_at_half_the_cost_is_told(loaded: Load) -> None:
    long = "Xin bà con hỏi kỹ nơi làm và tiền công trước khi đi làm xa, gọi 111. " * 3
    assert f"{TEXT}:1:1 accents-cost" in places(loaded({TEXT: long}), "warning")
    assert places(loaded({TEXT: "Gọi 111. " * 20})) == []
    assert "accents-cost" not in str(places(loaded({TEXT: f"---\naccents: strip\n---\n{long}"})))


def advertising(text: str, **changes: str) -> dict[str, str | bytes | None]:
    campaign = CAMPAIGN.replace("thong_bao", "quang_cao").replace(
        "anchor:", "limits: {per_person: 3 per 1 day}\nanchor:"
    )
    for before, after in changes.items():
        campaign = campaign.replace(before, after)
    return {"campaigns/thu.yaml": campaign, TEXT: text}


def test_advertising_is_marked_consented_capped_and_can_be_refused(loaded: Load) -> None:
    good = "[QC] Hội chợ việc làm. Gọi 111. Từ chối: soạn TC."
    assert places(loaded(advertising(good))) == []
    assert places(loaded(advertising("Hội chợ. Gọi 111. Từ chối: TC."))) == [f"{TEXT}:1:1 qc-prefix"]
    assert places(loaded(advertising("[QC] Hội chợ. Gọi 111."))) == [f"{TEXT}:1:1 qc-opt-out"]
    uncapped = advertising(good, **{"per_person: 3 per 1 day": "per_person: 4 per 1 day"})
    assert places(loaded(uncapped)) == ["campaigns/thu.yaml:6:22 qc-cap"]
    assert places(loaded(advertising(good, **{"limits: {per_person: 3 per 1 day}\n": ""}))) == [
        "campaigns/thu.yaml:1:1 qc-cap"
    ]
    statutory = {**advertising(good), "audiences/dan.yaml": FILES["audiences/dan.yaml"] + "consent: statutory\n"}
    assert places(loaded(statutory)) == ["campaigns/thu.yaml:14:15 qc-consent"]


def test_a_notice_that_calls_itself_advertising_is_a_warning(loaded: Load) -> None:
    assert places(loaded({TEXT: "[QC] Gọi 111."})) == [f"{TEXT}:1:1 qc-not-advertising"]


def test_a_message_folder_named_after_a_risk_is_an_error(loaded: Load) -> None:
    found = loaded({"messages/nan-nhan/sms.vi.j2": "Gọi 111."})
    assert any(place.endswith("names-a-risk") for place in places(found, "error"))


@pytest.mark.parametrize(
    "text",
    ["nan-nhan", "Nạn nhân bị mua bán", "NẠN NHÂN", "phu-nu-nguy-co-cao", "nguy_co", "gái mại dâm", "bao-hanh",
     "at-risk", "victims", "Phụ nữ bị bạo hành", "nạn nhân", "survivor", "hiv"],
)  # fmt: skip
def test_words_that_tell_why_somebody_was_chosen(text: str) -> None:
    assert risk_word(text)


@pytest.mark.parametrize(
    "text",
    ["dan-xa-bien-gioi", "Người dân xã biên giới", "lao-dong-di-xa", "Khách hàng bảo hành", "phong-chong-mua-ban-nguoi",
     "Phòng, chống mua bán người", "asterisk", "frisk", "thieu-viec-lam", "ngu-dan", "Nguyễn Cơ"],
)  # fmt: skip
def test_places_and_occupations_are_fine(text: str) -> None:
    assert risk_word(text) is None


def test_leaving_out_whom_nobody_knows_any_more_is_a_warning(loaded: Load) -> None:
    audience = FILES["audiences/dan.yaml"] + "exclude: {contacted_within: 31 days}\n"
    configuration = FILES["loa.yaml"] + "privacy: {retention_days: 30}\n"
    found = loaded({"audiences/dan.yaml": audience, "loa.yaml": configuration})
    assert places(found) == ["audiences/dan.yaml:3:29 contacted-beyond-retention"] and found.ok
    assert places(loaded({"audiences/dan.yaml": audience.replace("31", "30"), "loa.yaml": configuration})) == []
    assert places(loaded({"audiences/dan.yaml": audience, "loa.yaml": FILES["loa.yaml"]})) == []


def test_made_up_phones_do_not_take_over_from_a_true_sender(loaded: Load) -> None:
    """While the gateway fails everything would count as sent, and nobody would get anything."""
    gateway = "  gw: {provider: gateway, from: BCD138, account: AC0123, token: '${TOKEN}', price_per_segment: 850}\n"
    configuration = FILES["loa.yaml"].replace("senders:\n", f"senders:\n{gateway}")

    def found(senders: str) -> list[str]:
        campaign = CAMPAIGN.replace("sender: toy", f"sender: {senders}")
        changes = {"loa.yaml": configuration, "campaigns/thu.yaml": campaign}
        return places(loaded(changes, environment={"TOKEN": "0123456789"}), "error")

    assert found("[gw, toy]") == ["campaigns/thu.yaml:12:18 stand-in-plays"]
    assert found("gw") == found("toy") == []


def test_a_wrong_channel_is_one_mistake(loaded: Load) -> None:
    found = loaded({"campaigns/thu.yaml": CAMPAIGN.replace("channel: sms", "channel: smss")})
    assert places(found) == ["campaigns/thu.yaml:11:14 unknown-channel"]
