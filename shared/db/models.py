"""The tables.

A batch stores nothing that can be derived: its state, counts and times come from its scans (docs/adr/0003). A
prediction's primary key is its scan, so a second result for one scan cannot exist.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ColumnElement, Enum, ForeignKey, Index, String, Text, select, text
from sqlalchemy.orm import Mapped, aliased, foreign, mapped_column, relationship

from shared.db.base import Base, UtcDateTime, new_id
from shared.domain import DeliveryState, ScanState, StudyKind, TumorClass, WebhookEvent

# Whose batches are those of a service that asks for no key.
LOCAL_PROJECT = "local"
_FILTERED = ("label", "needs_review", "confidence")


def _words(enum: type[StrEnum]) -> Enum:
    """An enum stored as its words, so that the database reads like the API."""
    return Enum(enum, native_enum=False, length=24, values_callable=lambda members: [m.value for m in members])


class Batch(Base):
    """What one POST brought."""

    __tablename__ = "batches"
    __table_args__ = (
        Index("ix_batches_project_id", "project", "id"),
        Index("ix_batches_created_at", "created_at"),
        Index("ix_batches_project_created_at", "project", "created_at", "first_scan_id", "last_scan_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project: Mapped[str] = mapped_column(String(64), default=LOCAL_PROJECT, server_default=LOCAL_PROJECT)
    name: Mapped[str | None] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column(
        BigInteger, default=0, server_default="0", doc="As quotas count: of its uploads and rows."
    )
    details: Mapped[dict[str, Any]] = mapped_column("metadata", JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    cancel_requested_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # What was submitted in a span of time is found between these ids, whatever the clock did (docs/adr/0021).
    first_scan_id: Mapped[UUID | None] = mapped_column(doc="The smallest id of its scans.")
    last_scan_id: Mapped[UUID | None] = mapped_column(doc="The largest id of its scans.")


class Study(Base):
    """The slices of one volume or of one DICOM series, all of one batch; what they came to is counted, never stored.

    The UIDs are those of the files and serve for reference alone; null where a file stated none, and of NIfTI always.
    """

    __tablename__ = "studies"
    __table_args__ = (Index("ix_studies_batch_id_id", "batch_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"))
    project: Mapped[str] = mapped_column(String(64), default=LOCAL_PROJECT, server_default=LOCAL_PROJECT)
    kind: Mapped[StudyKind] = mapped_column(_words(StudyKind))
    filename: Mapped[str] = mapped_column(Text, doc="Of the file that its first slice is in.")
    study_uid: Mapped[str | None] = mapped_column(String(64))
    series_uid: Mapped[str | None] = mapped_column(String(64))
    frame_of_reference_uid: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Scan(Base):
    """One 2-D image and where it stands; queued rows are the outbox of the dispatcher."""

    __tablename__ = "scans"
    __table_args__ = (
        # With names, which are searched and sorted within a batch.
        Index("ix_scans_batch_id_id", "batch_id", "id", "filename"),
        # Holds all that progress is counted from, so that a status poll reads no row.
        Index("ix_scans_batch_id_state", "batch_id", "state", "started_at", "ended_at"),
        Index("ix_scans_state_id", "state", "id"),
        Index("ix_scans_sha256", "sha256"),
        Index("ix_scans_project_id", "project", "id"),
        Index("ix_scans_project_state_id", "project", "state", "id"),
        Index(
            "ix_scans_study_id_slice_index",
            "study_id",
            "slice_index",
            sqlite_where=text("study_id IS NOT NULL"),
            postgresql_where=text("study_id IS NOT NULL"),
        ),
        Index(
            "ix_scans_undispatched",
            "id",
            sqlite_where=text("state = 'queued' AND dispatched_at IS NULL"),
            postgresql_where=text("state = 'queued' AND dispatched_at IS NULL"),
        ),
        Index(
            "ix_scans_lease_until",
            "lease_until",
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"))
    project: Mapped[str] = mapped_column(
        String(64), default=LOCAL_PROJECT, server_default=LOCAL_PROJECT, doc="Its batch's; here for the index."
    )
    filename: Mapped[str] = mapped_column(Text)
    frame: Mapped[int] = mapped_column(default=0)
    upload_key: Mapped[str | None] = mapped_column(Text, doc="Null where nothing of the upload was kept.")
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    # No foreign key: SQLite adds none without copying the table, and both go with their batch.
    study_id: Mapped[UUID | None]
    slice_index: Mapped[int | None] = mapped_column(doc="Its place in the study, from 0.")
    sop_instance_uid: Mapped[str | None] = mapped_column(String(64), doc="Of the DICOM file, for reference.")
    warnings: Mapped[list[str]] = mapped_column(
        JSON, default=list, server_default="[]", doc="Codes of what was noticed of the file on arrival."
    )

    state: Mapped[ScanState] = mapped_column(_words(ScanState), default=ScanState.QUEUED)
    code: Mapped[str | None] = mapped_column(String(64))
    message: Mapped[str | None] = mapped_column(Text)

    fence: Mapped[int] = mapped_column(default=0, doc="Number of claims so far; the newest claim's number.")
    chunk_limit: Mapped[int | None] = mapped_column(
        doc="Most scans that a claim of this one may hold; null until a chunk broke with it."
    )
    faults: Mapped[int] = mapped_column(default=0, server_default="0", doc="Faults of its own since it was queued.")
    lone_deaths: Mapped[int] = mapped_column(
        default=0, server_default="0", doc="Deaths of a process that held this scan alone, since it was queued."
    )
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, doc="Not to be dispatched before this; null until it is queued again."
    )
    dispatched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    prediction: Mapped[Prediction | None] = relationship(back_populates="scan", lazy="raise")
    attempts: Mapped[list[Attempt]] = relationship(order_by="Attempt.fence", lazy="raise")
    newest_correction: Mapped[Correction | None] = relationship(
        primaryjoin=lambda: is_newest(Correction) & (Scan.id == foreign(Correction.scan_id)),
        viewonly=True,
        lazy="raise",
    )


class Attempt(Base):
    """One claim of a scan and how it ended; `outcome` is null while it runs."""

    __tablename__ = "attempts"

    scan_id: Mapped[UUID] = mapped_column(ForeignKey("scans.id", ondelete="CASCADE"), primary_key=True)
    fence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    worker: Mapped[str] = mapped_column(Text)
    chunk_scans: Mapped[int] = mapped_column(server_default="1", doc="Scans that were claimed together.")
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(String(24))
    reason: Mapped[str | None] = mapped_column(Text)


class Prediction(Base):
    """The one result of a succeeded scan; paths are relative to the data directory."""

    __tablename__ = "predictions"
    # Each holds all that results are filtered by, so that a rare combination is found without reading rows
    # (docs/adr/0021). They cost one insertion a scan: a prediction never changes.
    __table_args__ = (
        Index("ix_predictions_batch_id_scan_id", "batch_id", "scan_id", *_FILTERED),
        Index("ix_predictions_project_scan_id", "project", "scan_id", *_FILTERED),
        Index("ix_predictions_project_label_scan_id", "project", "label", "scan_id", "needs_review", "confidence"),
        Index("ix_predictions_project_confidence", "project", "confidence", "scan_id", "label", "needs_review"),
        Index(
            "ix_predictions_doubtful",
            "project",
            "scan_id",
            "label",
            "confidence",
            sqlite_where=text("needs_review IS 1"),
            postgresql_where=text("needs_review IS true"),
        ),
    )

    scan_id: Mapped[UUID] = mapped_column(ForeignKey("scans.id", ondelete="CASCADE"), primary_key=True)
    # Its scan's, here for the indexes; no foreign key, as it goes with its scan.
    batch_id: Mapped[UUID]
    project: Mapped[str] = mapped_column(String(64), default=LOCAL_PROJECT, server_default=LOCAL_PROJECT)
    model: Mapped[str] = mapped_column(String(100))
    label: Mapped[TumorClass] = mapped_column(_words(TumorClass))
    probabilities: Mapped[dict[str, float]] = mapped_column(JSON)
    confidence: Mapped[float]
    needs_review: Mapped[bool]
    review_reasons: Mapped[list[str]] = mapped_column(JSON)
    heatmap_path: Mapped[str] = mapped_column(Text)
    grid_path: Mapped[str] = mapped_column(Text, doc="The map as the network made it: (g, g) float32 .npy.")
    overlay_path: Mapped[str] = mapped_column(Text)
    focus_x: Mapped[int]
    focus_y: Mapped[int]
    frame_x: Mapped[float]
    frame_y: Mapped[float]
    frame_side: Mapped[float]
    width: Mapped[int]
    height: Mapped[int]
    timings: Mapped[dict[str, float]] = mapped_column(JSON, doc="Milliseconds by stage.")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    scan: Mapped[Scan] = relationship(back_populates="prediction", lazy="raise")


class Correction(Base):
    """What a reader said of a scan, beside its prediction and never over it; rows are only added, the newest counts."""

    __tablename__ = "corrections"

    scan_id: Mapped[UUID] = mapped_column(ForeignKey("scans.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, doc="From 1, by scan.")
    label: Mapped[TumorClass | None] = mapped_column(_words(TumorClass), doc="Null where it was taken back.")
    note: Mapped[str | None] = mapped_column(Text, doc="A person's words, perhaps patient data: never logged.")
    actor: Mapped[str] = mapped_column(String(16), doc="A key's id, or local.")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


def is_newest(correction: type[Correction]) -> ColumnElement[bool]:
    """Whether a row is the last that was said of its scan."""
    later = aliased(Correction)
    said = select(later.number).where(later.scan_id == correction.scan_id, later.number > correction.number)
    return ~said.correlate_except(later).exists()


class IdempotencyKey(Base):
    """A key that a client sent with a submission, and the batch that came of it."""

    __tablename__ = "idempotency_keys"

    project: Mapped[str] = mapped_column(String(64), primary_key=True, server_default=LOCAL_PROJECT)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), doc="SHA-256 over fields, names and hashes of the files.")
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Event(Base):
    """A scan's step that a client may follow; numbered without gaps within its batch, in order of commit."""

    __tablename__ = "events"

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    scan_id: Mapped[UUID]
    state: Mapped[ScanState] = mapped_column(_words(ScanState))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class RelayLease(Base):
    """The one row that says which relay works and until when the others must wait."""

    __tablename__ = "relay_lease"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    holder: Mapped[str] = mapped_column(Text)
    until: Mapped[datetime] = mapped_column(UtcDateTime)


class ApiKey(Base):
    """Who may call: of the key itself only its secret's hash is kept, see `shared.keys`."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    project: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]] = mapped_column(JSON)
    secret_sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime, doc="To the hour.")


class BrowserSession(Base):
    """A browser that was signed in with a key; of its token only the hash is kept, see `api.browser_sessions`."""

    __tablename__ = "browser_sessions"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    last_used_at: Mapped[datetime] = mapped_column(UtcDateTime, doc="To the hour.")


class AuditEntry(Base):
    """Who did what to which id; ids alone, so that an entry may outlive what it is about.

    Triggers refuse to change or remove an entry (migrations/versions/0002_access.py).
    """

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_project_id", "project", "id"), Index("ix_audit_action_at", "action", "at"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(16), doc="A key's id; or local, command, retention, nobody.")
    action: Mapped[str] = mapped_column(String(40))
    project: Mapped[str | None] = mapped_column(String(64))
    subject: Mapped[str | None] = mapped_column(String(40), doc="Id of the batch, key, webhook or delivery.")
    count: Mapped[int | None] = mapped_column(doc="Number of scans, or of refused requests.")
    request_id: Mapped[str | None] = mapped_column(String(40))


class Webhook(Base):
    """Where a project wants to be told of its batches; the secret signs, so it must be kept as it is."""

    __tablename__ = "webhooks"
    __table_args__ = (Index("ix_webhooks_project_id", "project", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    project: Mapped[str] = mapped_column(String(64))
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    events: Mapped[list[str]] = mapped_column(JSON)
    secret: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime, doc="When its receiver answered 410 Gone.")


class WebhookDelivery(Base):
    """One event on its way to one webhook; its id is the `webhook-id`, the same at each attempt.

    It outlives its batch, of which it holds the id and counts alone.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_webhook_id_id", "webhook_id", "id"),
        Index("ix_webhook_deliveries_created_at", "created_at"),
        Index("ix_webhook_deliveries_state_next_attempt_at", "state", "next_attempt_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    event: Mapped[WebhookEvent] = mapped_column(_words(WebhookEvent))
    batch_id: Mapped[UUID | None]
    body: Mapped[str] = mapped_column(Text, doc="What is signed and sent, to the byte.")
    state: Mapped[DeliveryState] = mapped_column(_words(DeliveryState), default=DeliveryState.PENDING)
    attempts_made: Mapped[int] = mapped_column(default=0, doc="Also the fence: the newest attempt's number.")
    attempts_before: Mapped[int] = mapped_column(default=0, doc="Those made before somebody sent it again.")
    next_attempt_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, doc="When it is due; while it is sent, when its sender counts as dead; null at its end."
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    webhook: Mapped[Webhook] = relationship(lazy="raise")
    attempts: Mapped[list[WebhookAttempt]] = relationship(order_by="WebhookAttempt.number", lazy="raise")


class WebhookAttempt(Base):
    """One request to a receiver; of its answer only the status is kept. `duration_ms` is null while it runs."""

    __tablename__ = "webhook_attempts"

    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    duration_ms: Mapped[int | None]
    status_code: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(String(40))
