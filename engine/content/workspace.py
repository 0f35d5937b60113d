"""The whole workspace, loaded and cross-checked: every problem at once, and what is usable in spite of them."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from engine.areas.registry import Registry
from engine.content import yamlfile
from engine.content.audience import AreaReference, Audience, ResolvedAudience
from engine.content.audience_rules import check_audience
from engine.content.campaign import Campaign
from engine.content.campaign_rules import check_campaign
from engine.content.configuration_rules import check_configuration, check_report_form
from engine.content.lint import Lint
from engine.content.loudspeaker import EMAIL, LOUDSPEAKER, Loudspeaker
from engine.content.message import MessageSet
from engine.content.message_file import LoadedMessages, load_messages
from engine.content.organisation import TIMEZONE, Configuration, Sender, VendorSchema, channels_of
from engine.content.places import resolve_audience
from engine.content.reading import TOP, Reading, problem, problem_of, read_model
from engine.content.senders import read_senders
from engine.content.tag_file import load_tags
from engine.content.words import is_key
from engine.errors import Problem, reason_of

M = TypeVar("M", bound=BaseModel)
CONFIGURATION = "loa.yaml"


@dataclass(frozen=True, slots=True)
class Workspace:
    """What of a workspace is without error. A campaign with errors, its own or its audience's, is not in it."""

    folder: Path
    configuration: Configuration
    senders: dict[str, Sender]
    campaigns: dict[str, Campaign]
    audiences: dict[str, ResolvedAudience]
    messages: dict[str, MessageSet]
    tags: dict[str, tuple[AreaReference, ...]]
    area_table: str

    @property
    def zone(self) -> ZoneInfo:
        """The workspace's timezone."""
        return ZoneInfo(self.configuration.timezone)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loading's result. ``workspace`` is None when ``loa.yaml`` itself cannot be used."""

    workspace: Workspace | None
    problems: tuple[Problem, ...]  # sorted by file, line, column
    campaign_keys: tuple[str, ...]  # every campaign file there is, usable or not
    uses: dict[str, frozenset[str]] = field(default_factory=dict)  # campaign key → the files it stands on

    @property
    def ok(self) -> bool:
        """No errors; warnings don't count."""
        return not any(found.severity == "error" for found in self.problems)

    def problems_of(self, campaigns: Collection[str]) -> tuple[Problem, ...]:
        """The problems of these campaigns and of what they use, ``loa.yaml`` included."""
        files = frozenset[str]().union(*(self.uses[key] for key in campaigns))
        return tuple(found for found in self.problems if _stands_on(found.file, files))


@dataclass(slots=True)
class _Loading:
    """The state of one loading: the readings by key, and the problems that belong to no reading."""

    folder: Path
    problems: list[Problem] = field(default_factory=list)
    configuration: Reading[Configuration] | None = None
    campaigns: dict[str, Reading[Campaign]] = field(default_factory=dict)
    audiences: dict[str, Reading[Audience]] = field(default_factory=dict)

    def readings(self) -> Iterable[Reading[Configuration] | Reading[Campaign] | Reading[Audience]]:
        if self.configuration is not None:
            yield self.configuration
        yield from self.campaigns.values()
        yield from self.audiences.values()


def load(
    folder: Path,
    *,
    vendors: Mapping[str, VendorSchema],
    registry: Registry,
    environment: Mapping[str, str],
    now: datetime | None = None,
    is_live: Callable[[Sender], bool] = lambda _: True,
) -> Loaded:
    """Load and cross-check the workspace in ``folder``. Never raises for what an officer wrote.

    ``vendors`` are the providers by name; ``registry`` the area tables; ``environment`` where ``${NAME}`` is looked
    up; ``now`` (aware), when given, adds the warnings that depend on how near a step is; ``is_live`` says of a sender
    whether it reaches real phones (where nobody can say: every one).
    """
    loading = _Loading(folder)
    reading = _read_file(loading, Configuration, folder / CONFIGURATION)
    loading.configuration = reading
    senders: dict[str, Sender] = {}
    configuration: Configuration | None = None  # None: not usable as a whole
    province: str | None = None
    hotlines: tuple[str, ...] = ()
    retention_days: int | None = None
    zone, loudspeaker = ZoneInfo(TIMEZONE), Loudspeaker()
    if reading is not None and reading.value is not None:
        province = check_configuration(reading, registry)
        check_report_form(reading, folder)
        retention_days = reading.value.privacy.retention_days
        hotlines, zone = reading.value.hotlines, ZoneInfo(reading.value.timezone)
        loudspeaker = reading.value.loudspeaker
        if province is not None and not _errors(reading.problems):
            organisation = reading.value.organisation.model_copy(update={"province": province})
            configuration = reading.value.model_copy(update={"organisation": organisation})
        # Behind the line above: what is wrong with one sender voids the campaigns that use it, not the workspace.
        senders = read_senders(reading, vendors, environment, registry, is_live)
    tags = load_tags(folder / "audiences" / "tags.csv", "audiences/tags.csv", registry, loading.problems)
    _read_folder(loading, Audience, "audiences", loading.audiences)
    _read_folder(loading, Campaign, "campaigns", loading.campaigns)
    audiences: dict[str, ResolvedAudience] = {}
    for key, audience in loading.audiences.items():
        check_audience(audience, loading.audiences, retention_days)
        resolved = resolve_audience(audience, registry, tags, province)
        if resolved is not None and not _errors(audience.problems):
            audiences[key] = resolved
    messages = load_messages(folder)
    loading.problems += messages.problems
    written = _written_senders(reading)
    played = {key for key, one in senders.items() if not getattr(vendors[one.provider], "needs_approval", True)}
    by_file = {key for key, one in senders.items() if getattr(vendors[one.provider], "by_file", False)}
    for campaign in loading.campaigns.values():
        check_campaign(
            campaign,
            senders=senders,
            written_senders=written,
            channels=frozenset({LOUDSPEAKER}).union(*map(channels_of, vendors.values())) - {EMAIL},
            audiences=loading.audiences.keys(),
            messages=messages.messages.keys(),
            hotlines=hotlines,
            zone=zone,
            loudspeaker=loudspeaker,
            public_address=bool(environment.get("LOA_PUBLIC_URL")),
            played=played,
            by_file=by_file,
        )
    lint = Lint(messages.messages, senders, hotlines, zone, now, registry, loading.problems, loudspeaker)
    lint.check(loading.campaigns, loading.audiences)
    return _result(loading, configuration, senders, audiences, messages, tags, registry.version)


def _result(
    loading: _Loading,
    configuration: Configuration | None,
    senders: dict[str, Sender],
    audiences: dict[str, ResolvedAudience],
    messages: LoadedMessages,
    tags: dict[str, tuple[AreaReference, ...]],
    area_table: str,
) -> Loaded:
    problems = [*loading.problems, *(found for reading in loading.readings() for found in reading.problems)]
    faulty = {found.file for found in problems if found.severity == "error"}
    uses = {key: _files_of(key, loading, messages) for key in loading.campaigns}
    campaigns = {}
    for key, reading in loading.campaigns.items():
        files = uses[key] - {CONFIGURATION}
        ready = reading.value is not None and not any(_stands_on(file, files) for file in faulty)
        if ready and reading.value and all(s in senders for step in reading.value.steps for s in step.sender):
            campaigns[key] = reading.value
    workspace = None
    if configuration is not None:
        usable = {
            key: found
            for key, found in messages.messages.items()
            if not any(_stands_on(file, {f"messages/{key}/"}) for file in faulty)
        }
        workspace = Workspace(loading.folder, configuration, senders, campaigns, audiences, usable, tags, area_table)
    ordered = tuple(sorted(dict.fromkeys(problems)))
    return Loaded(workspace, ordered, tuple(sorted(loading.campaigns)), uses)


def _files_of(key: str, loading: _Loading, messages: LoadedMessages) -> frozenset[str]:
    """Every file (or, with a slash at the end, folder) that a campaign stands on."""
    files = {CONFIGURATION, f"campaigns/{key}.yaml"}
    campaign = loading.campaigns[key].value
    waiting = [step.audience for step in campaign.steps if step.audience] if campaign else []
    while waiting:
        audience = waiting.pop()
        file = f"audiences/{audience}.yaml"
        reading = loading.audiences.get(audience)
        if file in files:
            continue
        files.add(file)
        if reading is not None and reading.value is not None:
            waiting += reading.value.exclude.audiences
            if reading.value.areas.tags:
                files.add("audiences/tags.csv")
    for step in campaign.steps if campaign else ():
        if step.message:
            files.add(f"messages/{step.message}/")
            found = messages.messages.get(step.message)
            files.update(f"messages/{name}" for name in (found.includes if found else ()))
    return frozenset(files)


def _stands_on(file: str, files: Collection[str]) -> bool:
    return file in files or any(folder.endswith("/") and file.startswith(folder) for folder in files)


def _errors(problems: Iterable[Problem]) -> bool:
    return any(found.severity == "error" for found in problems)


def _written_senders(configuration: Reading[Configuration] | None) -> Collection[str]:
    tree = yamlfile.at(configuration.tree, ("senders",)) if configuration else None
    return tree.entries.keys() if isinstance(tree, yamlfile.Mapping) else ()


def _read_folder(loading: _Loading, model: type[M], name: str, into: dict[str, Reading[M]]) -> None:
    folder = loading.folder / name
    try:
        files = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        loading.problems.append(problem(name, TOP, "error", "content.cannot-read", reason=reason_of(error)))
        return
    for file in files:
        if file.name.startswith(".") or not file.is_file():
            continue
        shown = f"{name}/{file.name}"
        if file.suffix.lower() in (".yml", ".yaml") and file.suffix != ".yaml":
            loading.problems.append(problem(shown, TOP, "error", "content.wrong-suffix", suffix=file.suffix))
        elif file.suffix == ".yaml":
            if not is_key(file.stem):
                loading.problems.append(problem(shown, TOP, "error", "content.bad-file-name", name=file.stem))
            reading = _read_file(loading, model, file, {"key": file.stem})
            if reading is not None:
                into[file.stem] = reading


def _read_file(
    loading: _Loading, model: type[M], file: Path, given: Mapping[str, object] | None = None
) -> Reading[M] | None:
    shown = file.relative_to(loading.folder).as_posix()
    try:
        parsed = yamlfile.read(file)
    except FileNotFoundError:
        loading.problems.append(problem(shown, TOP, "error", "content.no-file"))
        return Reading(shown, yamlfile.Mapping({}, TOP)) if given else None
    except OSError as error:
        loading.problems.append(problem(shown, TOP, "error", "content.cannot-read", reason=reason_of(error)))
        return Reading(shown, yamlfile.Mapping({}, TOP)) if given else None
    except yamlfile.BadYaml as fault:
        loading.problems.append(problem_of(shown, fault.place, fault))
        return Reading(shown, yamlfile.Mapping({}, TOP)) if given else None
    faults = [problem_of(shown, fault.place, fault) for fault in parsed.faults]
    if parsed.tree is None:
        loading.problems.append(problem(shown, TOP, "error", "content.empty-file"))
        return Reading(shown, yamlfile.Mapping({}, TOP)) if given else None
    reading = read_model(model, parsed.tree, shown, given)
    reading.problems += faults
    return reading
