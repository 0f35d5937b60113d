"""The senders of ``loa.yaml``: common keys read here, a provider's own by its schema, secrets never by anybody.

The providers are handed in by the caller, since content knows no channel.
"""

from collections.abc import Callable, Iterator, Mapping

from pydantic import BaseModel, ValidationError

from engine.areas.registry import Registry
from engine.content import yamlfile
from engine.content.campaign import POSTED
from engine.content.organisation import (
    AT_WORK,
    Configuration,
    Sender,
    SenderLimits,
    VendorSchema,
    channels_of,
    filled,
    placeholders_of,
    variables_in,
)
from engine.content.reading import Reading, explain, known_keys, problem, problem_of, read_model
from engine.content.words import is_key, suggestion
from engine.content.yamlfile import Steps
from engine.errors import LoaError

# Keys that hold a secret whatever a provider's schema says of them.
_SECRET_WORDS = ("token", "password", "secret", "passwd", "api_key", "apikey")
# The same inside a provider's requests, where the names are the vendor's: PassWord, x-api-key, Authorization.
_SECRET_INSIDE = ("token", "password", "secret", "passwd", "apikey", "pwd", "authorization", "basic")


def read_senders(
    reading: Reading[Configuration],
    vendors: Mapping[str, VendorSchema],
    environment: Mapping[str, str],
    registry: Registry,
    is_live: Callable[[Sender], bool],
) -> dict[str, Sender]:
    """Every usable sender; what is wrong with the others is reported on ``reading``, nothing secret shown.

    ``is_live`` says whether a sender reaches real phones.
    """
    tree = yamlfile.at(reading.tree, ("senders",))
    found: dict[str, Sender] = {}
    if not isinstance(tree, yamlfile.Mapping):
        return found
    for key, node in tree.entries.items():
        if not is_key(key):
            reading.report_key(("senders", key), "error", "content.bad-key", text=key)
        elif isinstance(node, yamlfile.Mapping):
            before = len(reading.problems)
            sender = _read_sender(reading, key, node, vendors, environment, registry)
            if sender is not None and sender.orphan_after < AT_WORK and is_live(sender):
                reading.report(
                    ("senders", key, "orphan_after"), "error", "content.orphan-after-too-short", key=key,
                    seconds=int(AT_WORK.total_seconds()),
                )  # fmt: skip
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
    registry: Registry,
) -> Sender | None:
    way: Steps = ("senders", key)
    common = set(known_keys(SenderLimits))
    limits = read_model(SenderLimits, _only(node, common), reading.file)
    reading.problems += limits.problems
    if limits.value is None or not limits.intact(("provider",)):
        return None
    try:
        vendor = vendors.get(limits.value.provider)
    except LoaError as error:  # a third party's package that does not load
        reading.report_error((*way, "provider"), error)
        return None
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
    places = placeholders_of(vendor)
    secret = _secrets(vendor.schema, options)
    for path in secret:
        if not _only_a_variable(yamlfile.at(options, path)):
            reading.report((*way, *path), "error", "content.secret-written", key=path[-1])
    for path in _secrets_inside(options, places):
        reading.report((*way, *path), "error", "content.secret-written", key=path[-1])
    for path, names in _variables(options, (), places):
        for name in sorted(names):
            if environment.get(name):
                continue
            if places and name.islower():  # a place of a message's, not quite: nobody names a secret like that
                near = suggestion(name, places) or ", ".join(sorted(places))
                reading.report((*way, *path), "error", "content.unknown-place", name=name, near=near)
            else:
                reading.report((*way, *path), "warning", "content.unset-variable", name=name)
    _check_options(reading, way, vendor, options, environment, secret)
    channel = _channel(vendor, options)
    sends_words = channel == "sms" and getattr(vendor, "needs_approval", True)
    if sends_words and "price_per_segment" not in node.entries:
        reading.report(way, "warning", "content.no-price")
    _check_area(reading, way, node, limits, channel, registry)
    values = {name: getattr(limits.value, name) for name in SenderLimits.model_fields}
    if "rate" not in node.entries and getattr(vendor, "rate", None):
        values["rate"] = vendor.rate  # type: ignore[attr-defined] # only some vendors have one
    return Sender(**values, key=key, channel=channel, options=yamlfile.plain(options))


def _check_area(
    reading: Reading[Configuration],
    way: Steps,
    node: yamlfile.Mapping,
    limits: Reading[SenderLimits],
    channel: str,
    registry: Registry,
) -> None:
    """A page belongs to a commune or a province; whoever sends messages to people belongs nowhere."""
    written = limits.value.area if limits.value is not None else None
    if channel not in POSTED:
        if "area" in node.entries:
            reading.report_key((*way, "area"), "error", "content.area-of-no-page", channel=channel)
    elif "area" not in node.entries:
        reading.report(way, "error", "content.page-without-area")
    elif written is not None and limits.intact(("area",)):
        if not registry.has(written.era, written.code):
            reading.report((*way, "area"), "error", "content.page-area-unknown", code=written.code, era=written.era)
        elif registry.get(written.era, written.code).level == "district":
            reading.report((*way, "area"), "error", "content.page-area-district", code=written.code)


def _channel(vendor: VendorSchema, options: yamlfile.Mapping) -> str:
    """The channel that a sender serves: its provider's, or one of its provider's others that it names."""
    written = options.entries.get("channel")
    chosen = written.text.strip() if isinstance(written, yamlfile.Scalar) else vendor.channel
    return chosen if chosen in channels_of(vendor) else vendor.channel


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


def _secrets_inside(options: yamlfile.Mapping, places: frozenset[str]) -> Iterator[Steps]:
    """The ways to values deeper down that are secrets by their key, and written out: no variable in them."""
    for path, text in _texts(options, ()):
        name = "".join(filter(str.isalnum, str(path[-1]).casefold()))
        if len(path) > 1 and text.strip() and any(word in name for word in _SECRET_INSIDE):
            inside = variables_in(text)
            if not inside - places and not (inside and _only_places(text)):
                yield path


def _only_places(text: str) -> bool:
    return text.startswith("${") and text.endswith("}") and text.count("${") == 1


def _texts(tree: yamlfile.Tree, path: Steps) -> Iterator[tuple[Steps, str]]:
    """Every value as written, with its path."""
    if isinstance(tree, yamlfile.Scalar):
        yield path, tree.text
    elif isinstance(tree, yamlfile.Sequence):
        for index, item in enumerate(tree.items):
            yield from _texts(item, (*path, index))
    else:
        for key, value in tree.entries.items():
            yield from _texts(value, (*path, key))


def _variables(
    options: yamlfile.Mapping, path: Steps, places: frozenset[str] = frozenset()
) -> Iterator[tuple[Steps, set[str]]]:
    """The path of every value that names variables, with their names; a provider's own places are none."""
    for way, text in _texts(options, path):
        if names := variables_in(text, places):
            yield way, names


def _check_options(
    reading: Reading[Configuration],
    way: Steps,
    vendor: VendorSchema,
    options: yamlfile.Mapping,
    environment: Mapping[str, str],
    secret: list[Steps],
) -> None:
    """Let the provider's schema judge its keys. A value with an unset variable is not known yet: its faults wait."""
    places = placeholders_of(vendor)
    named = [(path, name) for path, names in _variables(options, (), places) for name in names]
    unset = [path for path, name in named if not environment.get(name)]
    known = {name: environment.get(name) or f"${{{name}}}" for _, name in named}
    hidden = {path[0] for path in secret}
    try:
        vendor.schema.model_validate(filled(yamlfile.plain(options), known, places))
    except LoaError as error:  # a provider's own sentence for its keys as a whole
        reading.problems.append(problem_of(reading.file, options.place, error))
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            path = tuple(detail["loc"])
            if path and any(_waits(path, waiting, tolerant=bool(places)) for waiting in unset):
                continue
            if path and path[0] in hidden and detail["type"] != "missing":
                reading.report((*way, path[0]), "error", "content.bad-secret", key=path[0])
                continue
            place, key, values = explain(vendor.schema, options, detail)
            reading.problems.append(problem(reading.file, place, "error", key, **values))


def _waits(path: Steps, waiting: Steps, *, tolerant: bool) -> bool:
    """Whether a fault at ``path`` may be only that the variable at ``waiting`` is not set here.

    A provider with places of its own reads templates, and says of a whole only what no variable can change.
    """
    return path[: len(waiting)] == waiting or (not tolerant and waiting[: len(path)] == path)
