"""The senders of ``loa.yaml``: common keys read here, a provider's own by its schema, secrets never by anybody.

The providers are handed in by the caller, since content knows no channel.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from engine.content import yamlfile
from engine.content.organisation import Configuration, Sender, SenderLimits, VendorSchema, filled, variables_in
from engine.content.reading import Reading, explain, known_keys, problem, problem_of, read_model
from engine.content.words import is_key, suggestion
from engine.content.yamlfile import Steps
from engine.errors import LoaError

# Keys that hold a secret whatever a provider's schema says of them.
_SECRET_WORDS = ("token", "password", "secret", "passwd", "api_key", "apikey")


def read_senders(
    reading: Reading[Configuration], vendors: Mapping[str, VendorSchema], environment: Mapping[str, str]
) -> dict[str, Sender]:
    """Every usable sender; what is wrong with the others is reported on ``reading``, nothing secret shown."""
    tree = yamlfile.at(reading.tree, ("senders",))
    found: dict[str, Sender] = {}
    if not isinstance(tree, yamlfile.Mapping):
        return found
    for key, node in tree.entries.items():
        if not is_key(key):
            reading.report_key(("senders", key), "error", "content.bad-key", text=key)
        elif isinstance(node, yamlfile.Mapping):
            before = len(reading.problems)
            sender = _read_sender(reading, key, node, vendors, environment)
            clean = all(problem.severity == "warning" for problem in reading.problems[before:])
            if sender is not None and clean:
                found[key] = sender
    return found


def _read_sender(
    reading: Reading[Configuration],
    key: str,
    node: yamlfile.Mapping,
    vendors: Mapping[str, VendorSchema],
    environment: Mapping[str, str],
) -> Sender | None:
    way: Steps = ("senders", key)
    common = set(known_keys(SenderLimits))
    limits = read_model(SenderLimits, _only(node, common), reading.file)
    reading.problems += limits.problems
    if limits.value is None or not limits.intact(("provider",)):
        return None
    vendor = vendors.get(limits.value.provider)
    if vendor is None:
        known = ", ".join(sorted(vendors))
        text = limits.value.provider
        reading.report((*way, "provider"), "error", "content.unknown-provider", text=text, known=known)
        return None
    own = set(known_keys(vendor.schema))
    for written in node.entries.keys() - common - own:
        near = suggestion(written, sorted(common | own))
        code = "content.unknown-key-near" if near else "content.unknown-key"
        reading.report_key((*way, written), "error", code, key=written, near=near)
    options = _only(node, own)
    secret = _secrets(vendor.schema, options)
    for path in secret:
        if not _only_a_variable(yamlfile.at(options, path)):
            reading.report((*way, *path), "error", "content.secret-written", key=path[-1])
    for path, names in _variables(options, ()):
        for name in sorted(names):
            if not environment.get(name):
                reading.report((*way, *path), "warning", "content.unset-variable", name=name)
    _check_options(reading, way, vendor.schema, options, environment, secret)
    sends_words = vendor.channel == "sms" and getattr(vendor, "needs_approval", True)
    if sends_words and "price_per_segment" not in node.entries:
        reading.report(way, "warning", "content.no-price")
    values = {name: getattr(limits.value, name) for name in SenderLimits.model_fields}
    return Sender(**values, key=key, channel=vendor.channel, options=yamlfile.plain(options))


def _only(node: yamlfile.Mapping, keys: set[str]) -> yamlfile.Mapping:
    entries = {key: value for key, value in node.entries.items() if key in keys}
    return yamlfile.Mapping(entries, node.place, {key: node.keys[key] for key in entries})


def _secrets(schema: type[BaseModel], options: yamlfile.Mapping) -> list[Steps]:
    """The written keys that hold a secret, by the schema's mark or by their name."""
    marked = {
        info.alias or name
        for name, info in schema.model_fields.items()
        if isinstance(info.json_schema_extra, dict) and info.json_schema_extra.get("secret")
    }
    return [(key,) for key in options.entries if key in marked or any(word in key for word in _SECRET_WORDS)]


def _only_a_variable(tree: yamlfile.Tree | None) -> bool:
    """``${NAME}`` and nothing beside it (or nothing at all, which is another fault)."""
    if not isinstance(tree, yamlfile.Scalar):
        return False
    names, text = variables_in(tree.text), tree.text.strip()
    return not text or (len(names) == 1 and text == f"${{{next(iter(names))}}}")


def _variables(tree: yamlfile.Tree, path: Steps) -> Iterator[tuple[Steps, set[str]]]:
    """The path of every value that names variables, with their names."""
    if isinstance(tree, yamlfile.Scalar):
        if names := variables_in(tree.text):
            yield path, names
    elif isinstance(tree, yamlfile.Sequence):
        for index, item in enumerate(tree.items):
            yield from _variables(item, (*path, index))
    else:
        for key, value in tree.entries.items():
            yield from _variables(value, (*path, key))


def _check_options(
    reading: Reading[Configuration],
    way: Steps,
    schema: type[BaseModel],
    options: yamlfile.Mapping,
    environment: Mapping[str, str],
    secret: list[Steps],
) -> None:
    """Let the provider's schema judge its keys. A key with an unset variable has no value yet: its faults wait."""
    named = [(path[0], name) for path, names in _variables(options, ()) for name in names]
    unset = {key for key, name in named if not environment.get(name)}
    known = {name: environment.get(name) or f"${{{name}}}" for _, name in named}
    hidden = {path[0] for path in secret}
    try:
        schema.model_validate(filled(yamlfile.plain(options), known))
    except LoaError as error:  # a provider's own sentence for its keys as a whole
        reading.problems.append(problem_of(reading.file, options.place, error))
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            first: Any = detail["loc"][0] if detail["loc"] else None
            if first in unset:
                continue
            if first in hidden and detail["type"] != "missing":
                reading.report((*way, first), "error", "content.bad-secret", key=first)
                continue
            place, key, values = explain(schema, options, detail)
            reading.problems.append(problem(reading.file, place, "error", key, **values))
