"""reading: indexes that filters and polls are answered from

Revision: 0007, after 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_DOUBTFUL = {"sqlite_where": sa.text("needs_review IS 1"), "postgresql_where": sa.text("needs_review IS true")}
_INDEXES = {
    "ix_predictions_batch_id_scan_id": ["batch_id", "scan_id", "label", "needs_review", "confidence"],
    "ix_predictions_project_scan_id": ["project", "scan_id", "label", "needs_review", "confidence"],
    "ix_predictions_project_label_scan_id": ["project", "label", "scan_id", "needs_review", "confidence"],
    "ix_predictions_project_confidence": ["project", "confidence", "scan_id", "label", "needs_review"],
}
_BEFORE = {
    "ix_predictions_label_scan_id": ["label", "scan_id"],
    "ix_predictions_needs_review_scan_id": ["needs_review", "scan_id"],
    "ix_predictions_confidence": ["confidence"],
}


def upgrade() -> None:
    """Apply; every prediction is written once, which takes about a minute for a million."""
    for name in _BEFORE:
        op.drop_index(name, "predictions")
    op.add_column("predictions", sa.Column("batch_id", sa.Uuid(), nullable=True))
    op.add_column("predictions", sa.Column("project", sa.String(length=64), server_default="local", nullable=False))
    op.execute(
        "UPDATE predictions SET batch_id = scans.batch_id, project = scans.project "
        "FROM scans WHERE scans.id = predictions.scan_id"
    )
    with op.batch_alter_table("predictions") as table:
        table.alter_column("batch_id", existing_type=sa.Uuid(), nullable=False)
    for name, columns in _INDEXES.items():
        op.create_index(name, "predictions", columns)
    op.create_index(
        "ix_predictions_doubtful", "predictions", ["project", "scan_id", "label", "confidence"], **_DOUBTFUL
    )

    op.add_column("batches", sa.Column("first_scan_id", sa.Uuid(), nullable=True))
    op.add_column("batches", sa.Column("last_scan_id", sa.Uuid(), nullable=True))
    op.execute(
        "UPDATE batches SET "
        "first_scan_id = (SELECT id FROM scans WHERE batch_id = batches.id ORDER BY batch_id, id LIMIT 1), "
        "last_scan_id = (SELECT id FROM scans WHERE batch_id = batches.id ORDER BY batch_id DESC, id DESC LIMIT 1)"
    )
    op.create_index(
        "ix_batches_project_created_at", "batches", ["project", "created_at", "first_scan_id", "last_scan_id"]
    )

    op.drop_index("ix_scans_created_at", "scans")
    op.drop_index("ix_scans_batch_id_state", "scans")
    op.create_index("ix_scans_batch_id_state", "scans", ["batch_id", "state", "started_at", "ended_at"])


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_scans_batch_id_state", "scans")
    op.create_index("ix_scans_batch_id_state", "scans", ["batch_id", "state"])
    op.create_index("ix_scans_created_at", "scans", ["created_at"])
    op.drop_index("ix_batches_project_created_at", "batches")
    op.drop_column("batches", "last_scan_id")
    op.drop_column("batches", "first_scan_id")
    for name in ("ix_predictions_doubtful", *_INDEXES):
        op.drop_index(name, "predictions")
    op.drop_column("predictions", "project")
    op.drop_column("predictions", "batch_id")
    for name, columns in _BEFORE.items():
        op.create_index(name, "predictions", columns)
