"""What ``check`` says of a loudspeaker's step: its hours, its script, its sender, its settings."""

import pytest
from content_workspaces import FILES, Load, places, spoiled

STEP = """\
  - id: phat-thanh
    when: 2027-07-16 05:30
    channel: loudspeaker
    sender: toy
    audience: dan
    message: bai
"""
SCRIPT = "Kính thưa bà con xã {{ area.name }}. Cần giúp, hãy gọi 111.\n"
PUBLIC = {"LOA_PUBLIC_URL": "https://loa.example"}
SAID = {
    "campaigns/thu.yaml": FILES["campaigns/thu.yaml"] + STEP,
    "messages/bai/loudspeaker.vi.j2": SCRIPT,
}


def test_a_script_before_dawn_is_refused_as_a_message_at_night_is(loaded: Load) -> None:
    found = loaded(SAID, environment=PUBLIC)
    assert found.ok and found.problems == ()
    assert found.workspace is not None and found.workspace.campaigns["thu"].step("phat-thanh").aloud


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("05:30", "04:59", "campaigns/thu.yaml:16:11 outside-hours"),
        ("05:30", "21:00", "campaigns/thu.yaml:16:11 outside-hours"),
        ("sender: toy\n    audience: dan\n    message: bai", "sender: page\n    audience: dan\n    message: bai",
         "campaigns/thu.yaml:18:13 sender-channel"),
        ("    audience: dan\n    message: bai\n", "    message: bai\n", "campaigns/thu.yaml:15:5 missing-key"),
    ],
)  # fmt: skip
def test_a_commune_is_woken_or_a_script_has_no_road(loaded: Load, before: str, after: str, code: str) -> None:
    changed = SAID["campaigns/thu.yaml"].replace(before, after)
    found = loaded(SAID | {"campaigns/thu.yaml": changed}, environment=PUBLIC)
    assert places(found, "error") == [code]


@pytest.mark.parametrize("text", ["Chào {{ contact.name | default('bạn') }}. 111", "Xem {{ link() }}. 111"])
def test_a_name_is_read_out_to_a_whole_commune(loaded: Load, text: str) -> None:
    found = loaded(SAID | {"messages/bai/loudspeaker.vi.j2": text}, environment=PUBLIC)
    assert "messages/bai/loudspeaker.vi.j2:1:1 personal" in places(found, "error")


def test_a_script_that_nobody_listens_to_is_let_pass(loaded: Load) -> None:
    long = SCRIPT + "Bà con nhớ kỹ điều này. " * 130
    found = loaded(SAID | {"messages/bai/loudspeaker.vi.j2": long}, environment=PUBLIC)
    assert places(found) == ["messages/bai/loudspeaker.vi.j2:1:1 too-long"] and found.ok
    slower = spoiled("loa.yaml", "senders:", "loudspeaker: {longest_minutes: 9}\nsenders:")
    assert loaded(SAID | slower | {"messages/bai/loudspeaker.vi.j2": long}, environment=PUBLIC).problems == ()


def test_links_that_lead_nowhere_are_not_told_of(loaded: Load) -> None:
    cong = 'cong: {provider: gateway, from: BCD, account: "${ACCOUNT}", token: "${TOKEN}", price_per_segment: 850}'
    real = SAID | spoiled("loa.yaml", "senders:\n", f"senders:\n  {cong}\n")
    real["campaigns/thu.yaml"] = FILES["campaigns/thu.yaml"] + STEP.replace("sender: toy", "sender: cong")
    environment = {"ACCOUNT": "AC0000", "TOKEN": "token-of-clay"}
    assert places(loaded(real, environment=environment)) == ["campaigns/thu.yaml:17:14 no-public-url"]
    assert loaded(real, environment=environment | PUBLIC).problems == ()
    assert loaded(SAID).problems == ()  # phones of clay open no links


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ("words_per_minute: 20", "bad-pace"),
        ("longest_minutes: 0", "at-least-one"),
        ("ahead: 3 days", "bad-span"),
        ("remind_after: 0 hours", "bad-span"),
        ("hours: sáng", "bad-quiet-hours"),
        ("speed: 1", "unknown-key"),
    ],
)
def test_a_setting_that_means_nothing_is_taken(loaded: Load, settings: str, code: str) -> None:
    found = loaded(spoiled("loa.yaml", "senders:", f"loudspeaker: {{{settings}}}\nsenders:"), environment=PUBLIC)
    assert [place.rsplit(" ", 1)[1] for place in places(found, "error")] == [code]


def test_the_speech_command_voids_an_approval(loaded: Load) -> None:
    from engine.content.snapshot import snapshot

    plain = loaded(SAID, environment=PUBLIC)
    spoken = loaded(
        SAID | spoiled("loa.yaml", "senders:", "loudspeaker: {speech_command: [espeak-ng]}\nsenders:"),
        environment=PUBLIC,
    )
    slower = loaded(
        SAID | spoiled("loa.yaml", "senders:", "loudspeaker: {remind_after: 4 hours}\nsenders:"), environment=PUBLIC
    )
    digests = [snapshot(found.workspace, "thu").digest for found in (plain, spoken, slower) if found.workspace]
    assert digests[0] == digests[1] != digests[2]


def test_a_road_that_leads_to_nobody_is_let_pass(loaded: Load) -> None:
    senders = "  thu: {provider: mail}\n  tep: {provider: list, price_per_segment: 1}\n"
    road = SAID | spoiled("loa.yaml", "senders:\n", f"senders:\n{senders}")
    both = FILES["campaigns/thu.yaml"] + STEP.replace("sender: toy", "sender: [thu, tep]")
    relays = {"audiences/dan.yaml": FILES["audiences/dan.yaml"] + "groups: {any: [loa]}\n"}
    found = loaded(road | {"campaigns/thu.yaml": both}, environment=PUBLIC)
    assert places(found) == ["campaigns/thu.yaml:18:14 email-of-nobody", "campaigns/thu.yaml:18:19 by-file"]
    mail = both.replace("[thu, tep]", "[thu, toy]")  # the two roads that there are
    found = loaded(road | relays | {"campaigns/thu.yaml": mail}, environment=PUBLIC)
    assert places(found) == ["campaigns/thu.yaml:18:19 half-played"]  # toy reaches nobody
    alone = both.replace("channel: sms", "channel: email")
    assert "campaigns/thu.yaml:11:14 unknown-channel" in places(loaded(road | {"campaigns/thu.yaml": alone}), "error")
