"""From a YAML tree to a frozen model, with every fault at its own place and none hiding another.

A file with one wrong value must still be cross-checked: what was wrong is replaced by the field's own example (or
left to its default), the place is remembered as broken, and whoever checks further asks ``intact`` first.
"""

import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from engine.content import yamlfile
from engine.content.words import shortened, suggestion
from engine.content.yamlfile import Place, Steps, Tree
from engine.errors import LoaError, Problem
from engine.i18n import sentence

M = TypeVar("M", bound=BaseModel)
Severity = Literal["error", "warning"]
TOP = Place(1, 1)


def problem(file: str, place: Place, severity: Severity, key: str, /, **values: object) -> Problem:
    """A problem in the officer's language; ``key`` is ``room.code``."""
    shown = {name: value if name == "choices" else shortened(value) for name, value in values.items()}
    code = key.partition(".")[2].removesuffix("-near")  # one code, with or without a word to suggest
    return Problem(file, place.line, place.column, severity, code, sentence(key, **shown))


def problem_of(file: str, place: Place, error: LoaError, severity: Severity = "error") -> Problem:
    """A problem with an error's own code and sentence."""
    return Problem(file, place.line, place.column, severity, error.code, str(error))


@dataclass(slots=True)
class Reading(Generic[M]):
    """One file: its tree, its model as far as it could be read, and what was wrong."""

    file: str
    tree: Tree
    value: M | None = None
    broken: set[Steps] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def intact(self, *paths: Steps) -> bool:
        """Whether nothing at, above or below these paths was wrong, so that a conclusion from them is sound."""
        return not any(
            path[: len(broken)] == broken or broken[: len(path)] == path for path in paths for broken in self.broken
        )

    def report(self, path: Steps, severity: Severity, key: str, /, **values: object) -> None:
        """Note a problem with the value at ``path``."""
        place = yamlfile.place_of(self.tree, path)
        self.problems.append(problem(self.file, place, severity, key, **values))

    def report_key(self, path: Steps, severity: Severity, key: str, /, **values: object) -> None:
        """Note a problem with the key at the end of ``path``."""
        place = yamlfile.key_place(self.tree, path)
        self.problems.append(problem(self.file, place, severity, key, **values))

    def report_error(self, path: Steps, error: LoaError, severity: Severity = "error") -> None:
        """Note an error's own sentence with the value at ``path``."""
        self.problems.append(problem_of(self.file, yamlfile.place_of(self.tree, path), error, severity))


def read_model(model: type[M], tree: Tree, file: str, given: Mapping[str, object] | None = None) -> Reading[M]:
    """Read ``tree`` as ``model``; ``given`` are fields that come from elsewhere and may not be written in the file."""
    reading: Reading[M] = Reading(file, tree)
    if not isinstance(tree, yamlfile.Mapping):
        reading.report((), "error", "content.not-a-mapping")
        return reading
    data = yamlfile.plain(tree)
    for key in given or {}:
        if data.pop(key, None) is not None:
            reading.report_key((key,), "error", "content.key-from-file-name", key=key)
    data.update(given or {})
    for _ in range(4):  # a mended value may uncover a rule over several; each round mends at least one field
        try:
            reading.value = model.model_validate(data)
            break
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_input=False):
                _note(reading, model, detail)
                _mend(data, model, detail, reading.broken)
    reading.problems = list(dict.fromkeys(reading.problems))
    return reading


def explain(model: type[BaseModel], tree: Tree, detail: ErrorDetails) -> tuple[Place, str, dict[str, object]]:
    """One of pydantic's complaints as a place, a sentence's key and its values."""
    path, kind = tuple(detail["loc"]), detail["type"]
    context = detail.get("ctx", {})
    found = yamlfile.at(tree, path)
    if kind == "missing":
        return yamlfile.place_of(tree, path[:-1]), "content.missing-key", {"key": path[-1]}
    if kind == "extra_forbidden":
        near = suggestion(str(path[-1]), known_keys(model, path[:-1]))
        values: dict[str, object] = {"key": path[-1]}
        if near is None:
            return yamlfile.key_place(tree, path), "content.unknown-key", values
        return yamlfile.key_place(tree, path), "content.unknown-key-near", {**values, "near": near}
    place = yamlfile.place_of(tree, path)
    if isinstance(found, yamlfile.Scalar) and not found.text.strip():
        return place, "content.empty", {}
    error = context.get("error")
    if isinstance(error, LoaError):
        return place, error.key, error.values
    if kind == "literal_error":
        choices = _choices(model, path)
        text = found.text if isinstance(found, yamlfile.Scalar) else ""
        return place, "content.not-one-of", {"text": text, "choices": ", ".join(choices)}
    expected = {"string": "text", "tuple": "list", "list": "list", "dict": "mapping", "model": "mapping"}
    if kind.endswith("_type") and (word := expected.get(kind.removesuffix("_type"))):
        return place, f"content.expected-{word}", {}
    if kind in _BOUNDS:
        key, name = _BOUNDS[kind]
        return place, key, {"limit": context[name]}
    if kind == "string_pattern_mismatch":
        return place, "content.bad-form", {"pattern": context["pattern"]}
    if kind in ("int_parsing", "int_type", "int_from_float"):
        return place, "content.bad-number", {"text": found.text if isinstance(found, yamlfile.Scalar) else ""}
    return place, "content.bad-value", {"detail": error or detail["msg"]}


# pydantic's own limits, as a provider's schema or a message's front matter may set them.
_BOUNDS = {
    "string_too_long": ("content.too-long", "max_length"),
    "string_too_short": ("content.too-short", "min_length"),
    "greater_than_equal": ("content.too-small", "ge"),
    "less_than_equal": ("content.too-great", "le"),
}


def known_keys(model: type[BaseModel], path: Steps = ()) -> list[str]:
    """The keys that may be written in the mapping at ``path`` of a file of this model."""
    found: type[BaseModel] | None = model
    for part in path:
        if found is None:
            return []
        if isinstance(part, int):
            continue
        info = field_of(found, str(part))
        found = _model_in(info[1].annotation) if info else None
    return [info.alias or name for name, info in found.model_fields.items()] if found else []


def field_of(model: type[BaseModel], key: str) -> tuple[str, Any] | None:
    """The field that is written as ``key``."""
    for name, info in model.model_fields.items():
        if (info.alias or name) == key:
            return name, info
    return None


def _note(reading: Reading[Any], model: type[BaseModel], detail: ErrorDetails) -> None:
    path = tuple(detail["loc"])
    if path in reading.broken:
        return
    place, key, values = explain(model, reading.tree, detail)
    reading.problems.append(problem(reading.file, place, "error", key, **values))


def _mend(data: dict[str, Any], model: type[BaseModel], detail: ErrorDetails, broken: set[Steps]) -> None:
    """Put the innermost field that the complaint is about out of the way."""
    path = tuple(detail["loc"])
    if detail["type"] == "extra_forbidden":
        parent = _inside(data, path[:-1])
        if isinstance(parent, dict):
            parent.pop(path[-1], None)
        return
    parent, key, info = data, path[0] if path else None, None
    depth, owner = 1, model
    place: tuple[Any, Any, Any, int] | None = None
    for index, part in enumerate(path):
        if isinstance(part, str) and owner is not None and (pair := field_of(owner, part)):
            holder = _inside(data, path[:index])
            if isinstance(holder, dict):
                place = (holder, part, pair[1], index + 1)
            owner = _model_in(pair[1].annotation)  # type: ignore[assignment] # None ends the walk above
    if place is None:
        broken.add(path)
        return
    parent, key, info, depth = place
    broken.add(path[:depth])
    if info.is_required():
        parent[key] = info.examples[0] if info.examples else "…"
    else:
        parent.pop(key, None)


def _inside(data: Any, path: Iterable[str | int]) -> Any:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside ``X``, ``X | None``, ``tuple[X, ...]``, ``dict[str, X]`` or an ``Annotated`` of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, tuple, dict, typing.Annotated):
        for part in get_args(annotation):
            if found := _model_in(part):
                return found
    return None


def _choices(model: type[BaseModel], path: Steps) -> list[str]:
    owner: type[BaseModel] | None = model
    annotation: Any = None
    for part in path:
        if isinstance(part, str) and owner is not None and (pair := field_of(owner, part)):
            annotation = pair[1].annotation
            owner = _model_in(annotation)
    return _literals(annotation)


def _literals(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    return [choice for part in get_args(annotation) for choice in _literals(part)]
