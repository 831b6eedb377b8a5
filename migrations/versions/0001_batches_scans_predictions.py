"""batches scans predictions

Revision: 0001, after ; 2026-11-23 20:44:47.681247
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    op.create_table(
        "events",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("scan_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "running",
                "succeeded",
                "rejected",
                "failed",
                "cancelled",
                name="scanstate",
                native_enum=False,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_events_batch_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("batch_id", "number", name=op.f("pk_events")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.id"], name=op.f("fk_idempotency_keys_batch_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency_keys")),
    )
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_keys_batch_id"), ["batch_id"], unique=False)

    op.create_table(
        "scans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("frame", sa.Integer(), nullable=False),
        sa.Column("upload_key", sa.Text(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "running",
                "succeeded",
                "rejected",
                "failed",
                "cancelled",
                name="scanstate",
                native_enum=False,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("retried_fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_scans_batch_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scans")),
    )
    with op.batch_alter_table("scans", schema=None) as batch_op:
        batch_op.create_index("ix_scans_batch_id_id", ["batch_id", "id"], unique=False)
        batch_op.create_index("ix_scans_batch_id_state", ["batch_id", "state"], unique=False)
        batch_op.create_index("ix_scans_created_at", ["created_at"], unique=False)
        batch_op.create_index(
            "ix_scans_lease_until",
            ["lease_until"],
            unique=False,
            sqlite_where=sa.text("state = 'running'"),
            postgresql_where=sa.text("state = 'running'"),
        )
        batch_op.create_index("ix_scans_sha256", ["sha256"], unique=False)
        batch_op.create_index("ix_scans_state_id", ["state", "id"], unique=False)
        batch_op.create_index(
            "ix_scans_undispatched",
            ["id"],
            unique=False,
            sqlite_where=sa.text("state = 'queued' AND dispatched_at IS NULL"),
            postgresql_where=sa.text("state = 'queued' AND dispatched_at IS NULL"),
        )

    op.create_table(
        "attempts",
        sa.Column("scan_id", sa.Uuid(), nullable=False),
        sa.Column("fence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=24), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["scan_id"], ["scans.id"], name=op.f("fk_attempts_scan_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("scan_id", "fence", name=op.f("pk_attempts")),
    )
    op.create_table(
        "predictions",
        sa.Column("scan_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column(
            "label",
            sa.Enum("glioma", "meningioma", "pituitary", "notumor", name="tumorclass", native_enum=False, length=24),
            nullable=False,
        ),
        sa.Column("probabilities", sa.JSON(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("review_reasons", sa.JSON(), nullable=False),
        sa.Column("heatmap_path", sa.Text(), nullable=False),
        sa.Column("grid_path", sa.Text(), nullable=False),
        sa.Column("overlay_path", sa.Text(), nullable=False),
        sa.Column("focus_x", sa.Integer(), nullable=False),
        sa.Column("focus_y", sa.Integer(), nullable=False),
        sa.Column("frame_x", sa.Double(), nullable=False),
        sa.Column("frame_y", sa.Double(), nullable=False),
        sa.Column("frame_side", sa.Double(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("timings", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["scan_id"], ["scans.id"], name=op.f("fk_predictions_scan_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("scan_id", name=op.f("pk_predictions")),
    )
    with op.batch_alter_table("predictions", schema=None) as batch_op:
        batch_op.create_index("ix_predictions_confidence", ["confidence"], unique=False)
        batch_op.create_index("ix_predictions_label_scan_id", ["label", "scan_id"], unique=False)
        batch_op.create_index("ix_predictions_needs_review_scan_id", ["needs_review", "scan_id"], unique=False)


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("predictions", schema=None) as batch_op:
        batch_op.drop_index("ix_predictions_needs_review_scan_id")
        batch_op.drop_index("ix_predictions_label_scan_id")
        batch_op.drop_index("ix_predictions_confidence")

    op.drop_table("predictions")
    op.drop_table("attempts")
    with op.batch_alter_table("scans", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_scans_undispatched",
            sqlite_where=sa.text("state = 'queued' AND dispatched_at IS NULL"),
            postgresql_where=sa.text("state = 'queued' AND dispatched_at IS NULL"),
        )
        batch_op.drop_index("ix_scans_state_id")
        batch_op.drop_index("ix_scans_sha256")
        batch_op.drop_index(
            "ix_scans_lease_until",
            sqlite_where=sa.text("state = 'running'"),
            postgresql_where=sa.text("state = 'running'"),
        )
        batch_op.drop_index("ix_scans_created_at")
        batch_op.drop_index("ix_scans_batch_id_state")
        batch_op.drop_index("ix_scans_batch_id_id")

    op.drop_table("scans")
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_keys_batch_id"))

    op.drop_table("idempotency_keys")
    op.drop_table("events")
    op.drop_table("batches")
