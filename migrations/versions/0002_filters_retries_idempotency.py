"""filters retries idempotency

Revision: 0002, after 0001; 2026-11-23 20:27:07.786684
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
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

    with op.batch_alter_table("predictions", schema=None) as batch_op:
        batch_op.create_index("ix_predictions_confidence", ["confidence"], unique=False)
        batch_op.create_index("ix_predictions_label_scan_id", ["label", "scan_id"], unique=False)
        batch_op.create_index("ix_predictions_needs_review_scan_id", ["needs_review", "scan_id"], unique=False)

    with op.batch_alter_table("scans", schema=None) as batch_op:
        batch_op.add_column(sa.Column("retried_fence", sa.Integer(), server_default="0", nullable=False))
        batch_op.create_index("ix_scans_created_at", ["created_at"], unique=False)
        batch_op.create_index("ix_scans_sha256", ["sha256"], unique=False)
        batch_op.create_index("ix_scans_state_id", ["state", "id"], unique=False)


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("scans", schema=None) as batch_op:
        batch_op.drop_index("ix_scans_state_id")
        batch_op.drop_index("ix_scans_sha256")
        batch_op.drop_index("ix_scans_created_at")
        batch_op.drop_column("retried_fence")

    with op.batch_alter_table("predictions", schema=None) as batch_op:
        batch_op.drop_index("ix_predictions_needs_review_scan_id")
        batch_op.drop_index("ix_predictions_label_scan_id")
        batch_op.drop_index("ix_predictions_confidence")

    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_keys_batch_id"))

    op.drop_table("idempotency_keys")
