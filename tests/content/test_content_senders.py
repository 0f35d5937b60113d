"""Senders: a provider's own keys by its schema, secrets never written, never shown."""

import json

import pytest
from content_workspaces import FILES, VENDORS, Load, places

from engine.content.organisation import AT_WORK, filled, variables_in
from engine.content.snapshot import snapshot
from engine.errors import LoaError
from engine.pipeline import calls

SENDER = "  gw: {provider: gateway, from: BCD138, account: AC0123, token: '${TOKEN}', price_per_segment: 850}\n"


def written(sender: str) -> dict[str, str | bytes | None]:
    return {"loa.yaml": FILES["loa.yaml"].replace("senders:\n", f"senders:\n{sender}")}


def test_a_sender_with_its_secret_in_the_environment_is_fine(loaded: Load) -> None:
    found = loaded(written(SENDER), environment={"TOKEN": "0123456789"})
    assert places(found) == [] and found.workspace is not None
    sender = found.workspace.senders["gw"]
    assert (sender.channel, sender.rate, sender.price_per_segment) == ("sms", 1.0, 850)
    config = sender.config(VENDORS["gateway"], {"TOKEN": "0123456789"})
    assert (config.token, config.sender) == ("0123456789", "BCD138")


def test_an_unset_variable_is_a_warning_and_its_faults_wait(loaded: Load) -> None:
    found = loaded(written(SENDER))
    assert places(found) == ["loa.yaml:3:65 unset-variable"]
    assert found.ok and found.workspace is not None
    with pytest.raises(LoaError) as caught:
        found.workspace.senders["gw"].config(VENDORS["gateway"], {})
    assert caught.value.code == "unset-variable" and "TOKEN" in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("'${TOKEN}'", "abc-def-ghi", "3:65 secret-written"),
        ("'${TOKEN}'", "'x${TOKEN}'", "3:65 secret-written"),
        ("token: '${TOKEN}', ", "", "3:7 missing-key"),
        ("AC0123", "xyz", "3:50 bad-form"),
        ("BCD138,", "BCD138-LANG-SON,", "3:33 too-long"),
        ("gateway", "gatewy", "3:18 unknown-provider"),
        ("provider: gateway, ", "", "3:7 missing-key"),
        ("account", "acount", "3:41 unknown-key"),
        ("price_per_segment", "price", "3:77 unknown-key"),
        ("850", "850, rate: nhanh", "3:107 bad-rate"),
        ("850", "850, registered_until: sau này", "3:119 bad-date"),
        ("850", "850, settle_after: lâu", "3:115 bad-duration"),
        ("gw:", "Gw:", "3:3 bad-key"),
    ],
)
def test_each_mistake_in_a_sender_is_told_at_its_own_place(
    loaded: Load, before: str, after: str, expected: str
) -> None:
    found = loaded(written(SENDER.replace(before, after)), environment={"TOKEN": "0123456789"})
    assert f"loa.yaml:{expected}" in places(found, "error")
    assert found.workspace is not None, "one wrong sender voids only what uses it"
    assert "gw" not in found.workspace.senders and "thu" in found.workspace.campaigns


def test_a_campaign_of_a_wrong_sender_waits(loaded: Load) -> None:
    changes = written(SENDER.replace("AC0123", "xyz"))
    changes["campaigns/thu.yaml"] = FILES["campaigns/thu.yaml"].replace("sender: toy", "sender: gw")
    found = loaded(changes)
    assert found.workspace is not None and not found.workspace.campaigns


def test_no_sentence_ever_shows_a_secret(loaded: Load) -> None:
    secret = "Bi-Mat-123456"
    for sender, environment in (
        (SENDER.replace("'${TOKEN}'", secret), {}),
        (SENDER, {"TOKEN": secret[:7]}),  # too short: refused by the schema
        (SENDER.replace("token", "tokn").replace("'${TOKEN}'", secret), {}),
        (SENDER.replace("'${TOKEN}'", f"[{secret}]"), {}),
    ):
        found = loaded(written(sender), environment=environment)
        assert not found.ok
        said = json.dumps([str(problem) for problem in found.problems], ensure_ascii=False)
        assert "Bi-Mat" not in said


def test_a_missing_price_is_a_warning_where_messages_cost(loaded: Load) -> None:
    found = loaded(written(SENDER.replace(", price_per_segment: 850", "")), environment={"TOKEN": "0123456789"})
    assert places(found) == ["loa.yaml:3:7 no-price"]
    toy = {"loa.yaml": FILES["loa.yaml"].replace(", price_per_segment: 850", "")}
    assert places(loaded(toy)) == []


def test_a_snapshot_keeps_the_variable_and_not_its_value(loaded: Load) -> None:
    changes = written(SENDER)
    changes["campaigns/thu.yaml"] = FILES["campaigns/thu.yaml"].replace("sender: toy", "sender: gw")
    found = loaded(changes, environment={"TOKEN": "0123456789"})
    assert found.workspace is not None
    text = snapshot(found.workspace, "thu").to_json()
    assert "${TOKEN}" in text and "0123456789" not in text


def test_variables_are_filled_however_deep() -> None:
    value = {"a": ["${A}-${B}", {"b": "${A}"}], "c": "plain $A {A}"}
    assert variables_in(value) == {"A", "B"}
    assert filled(value, {"A": "1", "B": "2"}) == {"a": ["1-2", {"b": "1"}], "c": "plain $A {A}"}
    with pytest.raises(LoaError):
        filled(value, {"A": "1", "B": ""})


def test_a_claim_that_may_be_at_work_is_no_orphan_where_real_phones_are_reached(loaded: Load) -> None:
    short = SENDER.replace("price", "orphan_after: 39 seconds, price")
    environment = {"TOKEN": "0123456789"}
    found = loaded(written(short), environment=environment)
    assert places(found) == ["loa.yaml:3:91 orphan-after-too-short"]
    assert found.workspace is not None and "gw" not in found.workspace.senders
    assert loaded(written(short.replace("39", "40")), environment=environment).ok
    assert AT_WORK.total_seconds() == calls.START_WITHIN + calls.CALL_ENDS_WITHIN
