"""Every table, with its invariants as constraints. Migrations must match (a test compares them).

Three ideas carry the hot paths:
* a delivery row holds all that its later moves need (area, language, variant, prefix, sender, segments), so
  that tallies change without a look at the contact, who may have moved or been erased since;
* the fan-out touches one unique index only. The indexes for claims, retries, caps and polling are partial and
  start to matter when a row is claimed (a full index costs about 5 % of the fan-out each);
* nothing that names a person is in clear: numbers and names are sealed, looked up by a keyed hash.
"""

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
    false,
    text,
)
from sqlmodel import Column, Field, SQLModel

from engine.status import CampaignStatus, RunStatus, Status, StepStatus
from engine.store.instant import Instant

# SQLite gives out row ids only for INTEGER; PostgreSQL needs 64 bits.
BIG = BigInteger().with_variant(Integer, "sqlite")
ERAS = "era IN ('legacy', '2025')"


def table_of(model: type[SQLModel]) -> Table:
    """The model's table, for SQL written as SQL (SQLModel keeps it from type checkers)."""
    return SQLModel.metadata.tables[str(model.__tablename__)]


def _one_of(column: str, words: type[Status] | type[RunStatus] | type[CampaignStatus] | type[StepStatus]) -> str:
    return f"{column} IN ({', '.join(repr(str(word)) for word in words)})"


class KeyCheck(SQLModel, table=True):
    """A sealed known word, so that a wrong key is noticed at the start and not in the middle."""

    __tablename__ = "key_check"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)
    id: int = Field(default=1, primary_key=True)
    sealed: bytes


class ContactImport(SQLModel, table=True):
    """One import of a list: where it came from, and the legal ground on which we hold it."""

    __tablename__ = "contact_import"
    id: int | None = Field(default=None, sa_column=Column(BIG, primary_key=True))
    source: str
    basis: str
    consent: bool
    file_digest: str
    started_at: datetime = Field(sa_type=Instant)
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
    rows: int = 0
    imported: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0


class Contact(SQLModel, table=True):
    """A subscriber. ``bucket`` (0…65535, from the keyed hash) decides variants, the same in every run."""

    __tablename__ = "contact"
    __table_args__ = (
        CheckConstraint(ERAS, name="era_known"),
        CheckConstraint("bucket BETWEEN 0 AND 65535", name="bucket_range"),
        Index("ix_contact_place", "era", "commune", "language"),
        # An id is never given twice: a delivery of somebody who was erased must not find somebody else.
        {"sqlite_autoincrement": True},
    )
    id: int | None = Field(default=None, sa_column=Column(BIG, primary_key=True))
    phone_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    phone_sealed: bytes
    name_sealed: bytes | None = None
    email_sealed: bytes | None = None
    era: str
    commune: str
    language: str = "vi"
    consent: bool = False
    prefix: str
    bucket: int
    synthetic: bool = False
    opted_out_at: datetime | None = Field(default=None, sa_type=Instant)
    import_id: int = Field(sa_type=BigInteger, foreign_key="contact_import.id")
    updated_at: datetime = Field(sa_type=Instant)


class ContactGroup(SQLModel, table=True):
    """A contact's membership of a group, as one source says; another source's word stays untouched."""

    __tablename__ = "contact_group"
    contact_id: int = Field(sa_column=Column(BIG, primary_key=True))
    group_key: str = Field(primary_key=True)
    source: str = Field(primary_key=True)


class OptOut(SQLModel, table=True):
    """A number that must not be written to. It outlives the contact: an erased person stays opted out."""

    __tablename__ = "opt_out"
    phone_hash: bytes = Field(primary_key=True)
    at: datetime = Field(sa_type=Instant)
    source: str


class DoNotCallImport(SQLModel, table=True):
    """One delivery of the national Do-Not-Call list: from whom, as of which day, and what came of it."""

    __tablename__ = "do_not_call_import"
    id: int | None = Field(default=None, sa_column=Column(BIG, primary_key=True))
    source: str
    listed_on: date
    whole: bool  # it replaced the list; else its numbers were added
    file_digest: str
    started_at: datetime = Field(sa_type=Instant)
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
    numbers: int = 0
    added: int = 0
    removed: int = 0


class DoNotCall(SQLModel, table=True):
    """A number on the Do-Not-Call list, as its keyed hash: no advertising goes there, contact or not."""

    __tablename__ = "do_not_call"
    __table_args__ = ({"sqlite_with_rowid": False},)
    phone_hash: bytes = Field(primary_key=True)
    import_id: int = Field(sa_type=BigInteger, foreign_key="do_not_call_import.id")


class SnapshotRow(SQLModel, table=True):
    """What was approved (or, for the sandbox, what stood when a run opened): canonical JSON and its digest."""

    __tablename__ = "snapshot"
    digest: str = Field(primary_key=True)
    campaign: str
    content: str
    created_at: datetime = Field(sa_type=Instant)


class SnapshotFile(SQLModel, table=True):
    """A file that an approved snapshot was made from, as it was written: what an edit is compared with."""

    __tablename__ = "snapshot_file"
    digest: str = Field(primary_key=True, foreign_key="snapshot.digest")
    file: str = Field(primary_key=True)  # from the workspace's folder: ``campaigns/thu.yaml``
    content: str


_STANDING = text("voided_at IS NULL AND by_hash IS NOT NULL")


class Approval(SQLModel, table=True):
    """One person's approval of one snapshot, with the figures the person saw (``figures``: JSON, a run each).

    ``by_hash`` is a keyed hash of the name, so that a person counts once; ``void_changes`` (JSON) what voided it.
    """

    __tablename__ = "approval"
    __table_args__ = (
        Index("ix_approval_campaign", "campaign", "id"),
        Index(
            "ix_approval_person",
            "campaign",
            "digest",
            "by_hash",
            unique=True,
            sqlite_where=_STANDING,
            postgresql_where=_STANDING,
        ),
    )
    id: int | None = Field(default=None, sa_column=Column(BIG, primary_key=True))
    campaign: str
    digest: str = Field(foreign_key="snapshot.digest")
    by_sealed: bytes
    document: str | None = None
    at: datetime = Field(sa_type=Instant)
    recipients: int = Field(sa_type=BigInteger)
    segments: int = Field(sa_type=BigInteger)
    cost_vnd: int = Field(sa_type=BigInteger)
    figures: str
    voided_at: datetime | None = Field(default=None, sa_type=Instant)
    void_reason: str | None = None
    by_hash: bytes | None = None
    void_changes: str | None = None


class CampaignState(SQLModel, table=True):
    """What the engine keeps of a campaign besides its files: where it stands, and the budget used."""

    __tablename__ = "campaign_state"
    __table_args__ = (
        CheckConstraint("reserved_vnd >= 0", name="reserved_not_negative"),
        CheckConstraint(_one_of("status", CampaignStatus), name="campaign_status_known"),
    )
    campaign: str = Field(primary_key=True)
    status: str
    reserved_vnd: int = Field(default=0, sa_type=BigInteger)


class StepState(SQLModel, table=True):
    """A person's decision about a step of a campaign; it holds for runs of today and for those to come."""

    __tablename__ = "step_state"
    __table_args__ = (CheckConstraint(_one_of("status", StepStatus), name="step_status_known"),)
    campaign: str = Field(primary_key=True)
    step: str = Field(primary_key=True)
    status: str


class Run(SQLModel, table=True):
    """One occurrence of a step. The occurrence is the local date or ``once``, never the time of day."""

    __tablename__ = "run"
    __table_args__ = (
        UniqueConstraint("campaign", "step", "occurrence", name="run_once"),
        CheckConstraint(_one_of("status", RunStatus), name="run_status_known"),
        Index("ix_run_open", "status", "due"),
    )
    id: int | None = Field(default=None, sa_column=Column(BIG, primary_key=True))
    campaign: str
    step: str
    occurrence: str
    channel: str
    due: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    status: str
    reason: str | None = None
    digest: str = Field(foreign_key="snapshot.digest")
    high_water: int = Field(default=0, sa_type=BigInteger)
    enqueue_cursor: int = Field(default=0, sa_type=BigInteger)
    claim_cursor: int = Field(default=0, sa_type=BigInteger)
    reserved_vnd: int = Field(default=0, sa_type=BigInteger)
    advertising: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=false()))
    opened_at: datetime = Field(sa_type=Instant)
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
    retired_at: datetime | None = Field(default=None, sa_type=Instant)  # from then on its delivery rows go


class Rendering(SQLModel, table=True):
    """Words rendered once for everyone who gets the same: text, or a skeleton with a place for the name."""

    __tablename__ = "rendering"
    __table_args__ = (UniqueConstraint("run_id", "tuple_key", name="rendering_once"),)
    id: int | None = Field(default=None, sa_column=Column(BIG, primary_key=True))
    run_id: int = Field(sa_type=BigInteger, foreign_key="run.id")
    tuple_key: str
    language: str
    personal: bool = False
    words: str
    encoding: str
    segments: int


class RunCell(SQLModel, table=True):
    """For one run: what a contact of this kind (area, language, variant, marks) gets. The fan-out joins it."""

    __tablename__ = "run_cell"
    __table_args__ = ({"sqlite_with_rowid": False},)
    run_id: int = Field(sa_column=Column(BIG, primary_key=True))
    era: str = Field(primary_key=True)
    commune: str = Field(primary_key=True)
    reads: str = Field(primary_key=True)
    variant: str = Field(primary_key=True)
    marks: int = Field(sa_column=Column(BigInteger, primary_key=True))
    language: str
    rendering_id: int | None = Field(default=None, sa_type=BigInteger)
    segments: int = 0
    reason: str | None = None
    sender: str | None = None  # None: the run's own; else that of the road this kind takes


class Delivery(SQLModel, table=True):
    """One run × one contact: the outbox row. ``attempt`` counts claims; outcomes apply only to their own."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("run_id", "contact_id", name="delivery_once"),
        CheckConstraint(_one_of("status", Status), name="delivery_status_known"),
        CheckConstraint(ERAS, name="delivery_era_known"),
        CheckConstraint("status <> 'excluded' OR reason IS NOT NULL", name="excluded_has_reason"),
        CheckConstraint("status <> 'sending' OR (worker IS NOT NULL AND attempt > 0)", name="claimed_by_worker"),
        Index(
            "ix_delivery_retry",
            "run_id",
            "not_before",
            sqlite_where=text("status = 'queued' AND attempt > 0"),
            postgresql_where=text("status = 'queued' AND attempt > 0"),
        ),
        Index(
            "ix_delivery_unsettled",
            "claimed_real",
            sqlite_where=text("status IN ('sending', 'unknown')"),
            postgresql_where=text("status IN ('sending', 'unknown')"),
        ),
        Index(
            "ix_delivery_poll",
            "poll_real",
            sqlite_where=text("status = 'accepted'"),
            postgresql_where=text("status = 'accepted'"),
        ),
        Index(
            "ix_delivery_vendor",
            "vendor_id",
            "sender",
            unique=True,
            sqlite_where=text("vendor_id IS NOT NULL"),
            postgresql_where=text("vendor_id IS NOT NULL"),
        ),
        Index(
            "ix_delivery_caps",
            "contact_id",
            "claimed_at",
            sqlite_where=text("attempt > 0"),
            postgresql_where=text("attempt > 0"),
        ),
    )
    id: int | None = Field(default=None, sa_column=Column(BIG, primary_key=True))
    run_id: int = Field(sa_type=BigInteger, foreign_key="run.id")
    contact_id: int = Field(sa_type=BigInteger)
    era: str
    commune: str
    language: str
    variant: str = ""
    prefix: str
    rendering_id: int | None = Field(default=None, sa_type=BigInteger)
    segments: int = 0
    sender: str
    status: str
    reason: str | None = None
    code: str | None = None
    attempt: int = 0
    worker: str | None = None
    claimed_at: datetime | None = Field(default=None, sa_type=Instant)
    claimed_real: float | None = None
    not_before: float | None = None
    vendor_id: str | None = None
    handed_at: datetime | None = Field(default=None, sa_type=Instant)
    cost_vnd: int = 0  # what handing over costs; a tally counts it from `handed_at` on
    poll_real: float | None = None
    finished_at: datetime | None = Field(default=None, sa_type=Instant)


class Attempt(SQLModel, table=True):
    """A vendor call that did not simply end in acceptance: what the vendor said, sealed."""

    __tablename__ = "attempt"
    delivery_id: int = Field(sa_column=Column(BIG, primary_key=True))
    attempt: int = Field(primary_key=True)
    sender: str
    status: str
    code: str | None = None
    vendor_id: str | None = None
    detail_sealed: bytes | None = None
    ended_at: datetime = Field(sa_type=Instant)


class Receipt(SQLModel, table=True):
    """The vendor's later word, kept as it came (sealed: it holds the number)."""

    __tablename__ = "receipt"
    __table_args__ = (UniqueConstraint("delivery_id", "attempt", "vendor_id", "vendor_status", name="receipt_once"),)
    id: int | None = Field(default=None, sa_column=Column(BIG, primary_key=True))
    delivery_id: int = Field(sa_type=BigInteger)
    attempt: int
    vendor_id: str
    vendor_status: str
    payload_sealed: bytes
    received_at: datetime = Field(sa_type=Instant)


class EarlyReceipt(SQLModel, table=True):
    """A receipt that says only the vendor's id, come before we know whose that is; it waits for the outcome."""

    __tablename__ = "early_receipt"
    sender: str = Field(primary_key=True)
    vendor_id: str = Field(primary_key=True)
    vendor_status: str = Field(primary_key=True)
    status: str | None = None
    code: str | None = None
    reason: str | None = None
    decision: str
    payload_sealed: bytes
    received_at: datetime = Field(sa_type=Instant)


class OperatorFile(SQLModel, table=True):
    """A list for an operator who sends by itself. Rows may leave it while it is ``open``; ``sealed`` it stays."""

    __tablename__ = "operator_file"
    __table_args__ = (
        UniqueConstraint("run_id", "number", name="operator_file_once"),
        CheckConstraint("state IN ('open', 'sealed', 'done', 'dropped')", name="operator_file_state_known"),
        Index(
            "ix_operator_file_unfinished",
            "state",
            sqlite_where=text("state IN ('open', 'sealed')"),
            postgresql_where=text("state IN ('open', 'sealed')"),
        ),
        {"sqlite_autoincrement": True},  # the vendor ids of its rows are made of its id
    )
    id: int | None = Field(default=None, sa_column=Column(BIG, primary_key=True))
    run_id: int = Field(sa_type=BigInteger, foreign_key="run.id")
    sender: str
    number: int
    name: str = Field(sa_column_kwargs={"unique": True})
    state: str = "open"
    worker: str
    rows: int = 0
    opened_at: datetime = Field(sa_type=Instant)
    sealed_at: datetime | None = Field(default=None, sa_type=Instant)


class OperatorRow(SQLModel, table=True):
    """Which file a delivery stands in, and where: one file, once."""

    __tablename__ = "operator_row"
    __table_args__ = (UniqueConstraint("file_id", "place", name="operator_place_once"),)
    delivery_id: int = Field(sa_column=Column(BIG, primary_key=True))
    file_id: int = Field(sa_type=BigInteger, foreign_key="operator_file.id")
    place: int


class LookUp(SQLModel, table=True):
    """A delivery whose outcome is being established from the vendor's own log. Times are real seconds."""

    __tablename__ = "look_up"
    __table_args__ = (Index("ix_look_up_due", "due_real"),)
    delivery_id: int = Field(sa_column=Column(BIG, primary_key=True))
    attempt: int
    sender: str
    due_real: float
    absent_since: float | None = None
    absent_monotonic: float | None = None
    absent_boot: str | None = None  # whose monotonic seconds
    waits_for: str | None = None


class TallyArea(SQLModel, table=True):
    """Deliveries, handed-over segments and cost per area and status; a slot a writer, reads sum the slots."""

    __tablename__ = "tally_area"
    run_id: int = Field(sa_column=Column(BIG, primary_key=True))
    era: str = Field(primary_key=True)
    commune: str = Field(primary_key=True)
    variant: str = Field(primary_key=True)
    status: str = Field(primary_key=True)
    slot: int = Field(primary_key=True)
    deliveries: int = Field(sa_type=BigInteger)
    segments: int = Field(sa_type=BigInteger)
    cost_vnd: int = Field(sa_type=BigInteger)


class TallyTrait(SQLModel, table=True):
    """The same per trait: variant, language, sender, operator prefix, hour, delay bucket, reason."""

    __tablename__ = "tally_trait"
    run_id: int = Field(sa_column=Column(BIG, primary_key=True))
    trait: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    status: str = Field(primary_key=True)
    slot: int = Field(primary_key=True)
    deliveries: int = Field(sa_type=BigInteger)
    segments: int = Field(sa_type=BigInteger)
    cost_vnd: int = Field(sa_type=BigInteger)


class SenderState(SQLModel, table=True):
    """A sender's theoretical arrival time (GCRA) and its breaker (engine.pipeline.breaker). Times are real seconds."""

    __tablename__ = "sender_state"
    sender: str = Field(primary_key=True)
    next_real: float = 0.0
    held_until: float | None = None
    held_reason: str | None = None
    holds: int = 0
    opened_real: float | None = None
    closed_real: float | None = None
    failures: int = 0
    successes: int = 0
    in_a_row: int = 0
    throttles: int = 0
    probe_id: int | None = Field(default=None, sa_type=BigInteger)
    probe_until: float | None = None


class Incident(SQLModel, table=True):
    """Something a person must look at; open until it is settled, by somebody or by itself."""

    __tablename__ = "incident"
    __table_args__ = (
        # Two processes that see the same thing at once make one incident of it.
        Index(
            "ix_incident_open",
            "kind",
            "subject",
            unique=True,
            sqlite_where=text("settled_at IS NULL"),
            postgresql_where=text("settled_at IS NULL"),
        ),
    )
    id: int | None = Field(default=None, sa_column=Column(BIG, primary_key=True))
    at: datetime = Field(sa_type=Instant)
    kind: str
    subject: str
    detail_sealed: bytes | None = None
    settled_at: datetime | None = Field(default=None, sa_type=Instant)
    told_real: float | None = None  # when it was put into an alert for the duty officer


class Alert(SQLModel, table=True):
    """A message for the duty officer, one row an address, kept until it is through. Times are real seconds.

    ``target`` is a keyed hash of the address as it is written in ``loa.yaml``; ``content`` is JSON without names.
    """

    __tablename__ = "alert"
    __table_args__ = (
        Index("ix_alert_topic", "topic", "made_real"),
        Index(
            "ix_alert_due",
            "due_real",
            sqlite_where=text("ended_real IS NULL"),
            postgresql_where=text("ended_real IS NULL"),
        ),
    )
    id: int | None = Field(default=None, sa_column=Column(BIG, primary_key=True))
    made_real: float
    topic: str
    target: str
    content: str
    due_real: float
    tries: int = 0
    ended_real: float | None = None  # sent, or given up
    sent: bool = False


class Worker(SQLModel, table=True):
    """A process that claims. It holds a lock of its own for life; a free lock means that it is dead.

    The rest is for people: what it is, where it runs, when it was last heard of, whether it opens the runs.
    """

    __tablename__ = "worker"
    id: str = Field(primary_key=True)
    slot: int
    started_real: float
    seen_real: float | None = None
    kind: str | None = None
    host: str | None = None
    pid: int | None = None
    leads: bool | None = None


class Pace(SQLModel, table=True):
    """How far a run was at an instant of real time, by its tallies; the last minutes only, for ``loa status``."""

    __tablename__ = "pace"
    run_id: int = Field(sa_column=Column(BIG, primary_key=True))
    at_real: float = Field(primary_key=True)
    waiting: int = Field(sa_type=BigInteger)
    called: int = Field(sa_type=BigInteger)


class Audit(SQLModel, table=True):
    """Who did what, when and why; rows are only ever added. ``process``: which process did it by itself."""

    __tablename__ = "audit"
    id: int | None = Field(default=None, sa_column=Column(BIG, primary_key=True))
    at: datetime = Field(sa_type=Instant)
    who_sealed: bytes | None = None
    action: str
    subject: str
    detail: str | None = None
    process: str | None = None
