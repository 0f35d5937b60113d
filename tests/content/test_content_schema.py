"""The schemas an editor gets know every key the models know, in words."""

import json
from typing import Any

import pytest
from content_workspaces import VENDORS

from engine.content.audience import Audience
from engine.content.campaign import Campaign, Step
from engine.content.reading import known_keys
from engine.content.schema import schemas
from engine.i18n import LANGUAGES


def objects(schema: Any) -> list[dict[str, Any]]:
    """Every object shape in a schema."""
    found = []
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            found.append(schema)
        for part in schema.values():
            found += objects(part)
    if isinstance(schema, list):
        found += [one for part in schema for one in objects(part)]
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_of_ours_has_a_description_in_both_languages(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOA_LANG", language)
    made = schemas({})
    for schema in made.values():
        for shape in objects(schema):
            assert shape["additionalProperties"] is False
            for key, value in shape["properties"].items():
                assert value.get("description"), key
    assert json.loads(json.dumps(made, ensure_ascii=False)) == made


def test_the_schemas_hold_the_keys_the_models_read() -> None:
    made = schemas(VENDORS)
    assert set(made["campaign"]["properties"]) == set(known_keys(Campaign)) - {"key"}
    assert set(made["audience"]["properties"]) == set(known_keys(Audience)) - {"key"}
    step = made["campaign"]["properties"]["steps"]["items"]
    assert set(step["properties"]) == set(known_keys(Step)) and set(step["required"]) == {"id", "when", "channel"}
    assert made["campaign"]["properties"]["class"]["enum"] == ["thong_bao", "quang_cao"]


def test_each_provider_has_its_own_keys() -> None:
    choices = schemas(VENDORS)["loa"]["properties"]["senders"]["additionalProperties"]["anyOf"]
    by_provider = {choice["properties"]["provider"]["const"]: choice for choice in choices}
    assert set(by_provider) == set(VENDORS)
    assert {"from", "account", "token", "rate", "settle_after"} <= set(by_provider["gateway"]["properties"])
    assert {"provider", "from", "account", "token"} == set(by_provider["gateway"]["required"])
