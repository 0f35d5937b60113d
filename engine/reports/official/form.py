"""The official report, Word or PDF: what ``loa.yaml``, the approvals and the figures put into it."""

from engine.areas import registry as areas
from engine.content.campaign import Campaign
from engine.content.workspace import Workspace
from engine.errors import ContentError
from engine.i18n import speaking
from engine.pipeline.files import load_workspace
from engine.reports.asking import Asking
from engine.reports.measured import Measure
from engine.reports.official.gathered import Reason, gather
from engine.reports.tally_queries import runs_of

_MEASURES: tuple[Measure, ...] = ("coverage", "delay", "cost", "opt-outs")  # reasons stand in section III


def official(form: str, asking: Asking) -> bytes:
    """The bytes of ``docx`` or ``pdf``. Raises ``LoaError`` for a form, a map or a ``loa.yaml`` that cannot be used."""
    from engine.reports.as_docx import docx, form_of
    from engine.reports.charts.shapes import load_shapes

    registry = areas.load()
    folder = asking.process.settings.workspace
    workspace = _workspace(asking)
    campaigns, hotlines = _campaigns(asking, workspace)
    configuration = workspace.configuration
    own_form = form_of(folder, configuration.report.template)  # before the work: a slip is told at once
    shapes = load_shapes(folder, registry, configuration.organisation.province)
    asking.units()
    measures = [asking.measured(what) for what in _MEASURES] if asking.has_measures and not asking.cut else []
    gathered = gather(
        asking.report,
        asking.campaigns,
        campaigns,
        hotlines,
        configuration.organisation,
        configuration.report,
        activities=asking.activities("district"),
        reasons=_reasons(asking),
        apart=asking.apart("district"),
        posts=asking.posts("district"),
        broadcasts=asking.broadcasts("district"),
        measures=measures,
    )
    made = docx(gathered, registry, shapes, own_form)
    if form == "docx":
        return made
    from engine.reports.as_pdf import pdf

    return pdf(made)


def titles(asking: Asking) -> list[str]:
    """What the campaigns are called, as their newest runs were approved; a key where there was no run."""
    with asking.process.database.read() as connection:
        newest = {run.campaign: run.digest for run in runs_of(connection, asking.campaigns)}
    return [asking.process.snapshot(newest[key]).campaign.title if key in newest else key for key in asking.campaigns]


def _reasons(asking: Asking) -> list[Reason]:
    """Why deliveries failed; nothing of a report that an older program froze, which kept no reasons."""
    from engine.reports.official.reasons import failure_reasons

    if not asking.has_measures:
        return []
    told = asking.measured("reasons")
    with speaking("vi"):
        return failure_reasons(told, told.published.small_cell if told.published else 1)


def _workspace(asking: Asking) -> Workspace:
    """The files as they stand. Raises ``ContentError`` where ``loa.yaml`` cannot be used."""
    loaded = load_workspace(asking.process.settings, None, asking.process.environment)
    if loaded.workspace is None:
        raise ContentError([one for one in loaded.problems if one.severity == "error" and one.file == "loa.yaml"])
    return loaded.workspace


def _campaigns(asking: Asking, workspace: Workspace) -> tuple[list[Campaign], tuple[str, ...]]:
    """The campaigns as their newest runs were approved, else as their files say; and their hotlines."""
    with asking.process.database.read() as connection:
        newest = {run.campaign: run.digest for run in runs_of(connection, asking.campaigns)}
    found: list[Campaign] = []
    hotlines: dict[str, None] = {}
    for key in asking.campaigns:
        if key in newest:
            snapshot = asking.process.snapshot(newest[key])
            found.append(snapshot.campaign)
            hotlines |= dict.fromkeys(snapshot.hotlines)
        elif key in workspace.campaigns:
            found.append(workspace.campaigns[key])
            hotlines |= dict.fromkeys(workspace.campaigns[key].hotlines or workspace.configuration.hotlines)
    return found, tuple(hotlines)
