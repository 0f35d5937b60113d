"""The official report, Word or PDF: what ``loa.yaml``, the approvals and the figures put into it."""

from engine.areas import registry as areas
from engine.content.campaign import Campaign
from engine.content.workspace import Workspace
from engine.errors import ContentError
from engine.i18n import speaking
from engine.pipeline.files import load_workspace
from engine.reports.asking import Asking
from engine.reports.counting import Zones
from engine.reports.official.gathered import Reason, gather
from engine.reports.report import Asked, choose
from engine.reports.tally_queries import runs_of


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
    by_hand = asking.activities("district") if asking.frozen is None else None
    gathered = gather(
        asking.report,
        asking.campaigns,
        campaigns,
        hotlines,
        configuration.organisation,
        configuration.report,
        activities=by_hand,
        reasons=_reasons(asking),
        apart=asking.apart("district"),
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
    """Why deliveries failed; nothing for a frozen report, which keeps no reasons."""
    from engine.reports.official.reasons import failure_reasons

    if asking.frozen is not None:
        return []
    process, publication = asking.process, asking.publication
    asked = Asked(asking.campaigns, "campaign", asking.era, asking.since, asking.until)
    with process.database.read() as connection:
        chosen = choose(asked, Zones(process.snapshot), runs_of(connection, asking.campaigns), publication)
        with speaking("vi"):
            small_cell = publication.small_cell if publication else 1
            return failure_reasons(connection, [run.id for run in chosen.runs], small_cell)


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
