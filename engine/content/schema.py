"""JSON Schemas of the officer's files, for completion in an editor: the models' own shapes in words.

A value that ``values.py`` or ``when.py`` reads is a text (or a number, as YAML 1.2 editors see an unquoted one) for
the editor; descriptions come from the catalogue ``schema``, keyed ``Model.key``.
"""

from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from engine.content.audience import Audience
from engine.content.campaign import Campaign
from engine.content.organisation import Configuration, SenderLimits, VendorSchema
from engine.content.values import Cap, Frozen, QuietHours
from engine.content.when import Day, Moment, When
from engine.i18n import sentence

DIALECT = "http://json-schema.org/draft-07/schema#"  # what the YAML extensions of editors read best
_TEXT = {"type": ["string", "number"]}
_AS_TEXT = (Day, Moment, When, Cap, QuietHours)  # models that are written as one text
_FROM_ELSEWHERE = {"key"}


def schemas(vendors: Mapping[str, VendorSchema]) -> dict[str, dict[str, Any]]:
    """The schemas by file kind: ``campaign``, ``audience``, ``loa``; ``vendors`` give the senders' own keys."""
    configuration = _object(Configuration)
    configuration["properties"]["senders"] = _senders(vendors)
    kinds = {"campaign": _object(Campaign), "audience": _object(Audience), "loa": configuration}
    titled = {kind: {"$schema": DIALECT, "title": sentence(f"schema.{kind}"), **kinds[kind]} for kind in kinds}
    titled["audience"]["properties"]["languages"] = {
        "description": sentence("schema.Audience.languages"),
        "anyOf": [{"const": "any"}, _TEXT, {"type": "array", "items": _TEXT}],
    }
    return titled


def _object(model: type[BaseModel]) -> dict[str, Any]:
    properties, required = {}, []
    for name, info in model.model_fields.items():
        key = info.alias or name
        if model is not SenderLimits and name in _FROM_ELSEWHERE:
            continue
        properties[key] = _property(model, key, info)
        if info.is_required():
            required.append(key)
    found: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**found, "required": required} if required else found


def _property(model: type[BaseModel], key: str, info: FieldInfo) -> dict[str, Any]:
    words = info.description
    if words is None and issubclass(model, Frozen):
        words = sentence(f"schema.{model.__name__}.{key}")
    described = {"description": words} if words else {}
    if info.examples:
        described["examples"] = info.examples  # type: ignore[assignment] # a JSON value
    return {**described, **_shape(info.annotation)}


def _shape(annotation: Any) -> dict[str, Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return dict(_TEXT) if issubclass(annotation, _AS_TEXT) else _object(annotation)
    if annotation is Any:
        return {}
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return {"enum": [*inside, *(int(choice) for choice in inside if choice.isdigit())]}
    if origin is tuple:
        item = _shape(inside[0])
        listed = {"type": "array", "items": item}
        return listed if item.get("type") == "object" else {"anyOf": [item, listed]}
    if origin is dict:
        return {"type": "object", "additionalProperties": _shape(inside[1])}
    if origin is Union or type(annotation).__name__ == "UnionType":
        return _shape(next(part for part in inside if part is not type(None)))
    return dict(_TEXT)


def _senders(vendors: Mapping[str, VendorSchema]) -> dict[str, Any]:
    """One shape a provider, chosen by ``provider``."""
    choices = []
    for name, vendor in sorted(vendors.items()):
        own, common = _object(vendor.schema), _object(SenderLimits)
        properties = {**common["properties"], **own["properties"]}
        properties["provider"] = {**common["properties"]["provider"], "const": name}
        required = ["provider", *own.get("required", [])]
        choices.append({**own, "title": name, "properties": properties, "required": required})
    words = sentence("schema.Configuration.senders")
    return {"description": words, "type": "object", "additionalProperties": {"anyOf": choices}}
