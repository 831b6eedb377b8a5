"""delivery

Revision: 0003, after 0002; 2026-11-24 04:20:00
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    # Plain ALTERs: a batch operation would copy the whole table on SQLite.
    op.add_column("scans", sa.Column("chunk_limit", sa.Integer(), nullable=True))
    op.add_column("scans", sa.Column("faults", sa.Integer(), server_default="0", nullable=False))
    op.add_column("scans", sa.Column("lone_deaths", sa.Integer(), server_default="0", nullable=False))
    op.drop_column("scans", "retried_fence")
    op.add_column("attempts", sa.Column("chunk_scans", sa.Integer(), server_default="1", nullable=False))
    relay_lease = op.create_table(
        "relay_lease",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relay_lease")),
    )
    op.bulk_insert(relay_lease, [{"id": 1, "holder": "", "until": datetime(1970, 1, 1, tzinfo=UTC)}])


def downgrade() -> None:
    """Undo."""
    op.drop_table("relay_lease")
    op.drop_column("attempts", "chunk_scans")
    op.add_column("scans", sa.Column("retried_fence", sa.Integer(), server_default="0", nullable=False))
    op.drop_column("scans", "lone_deaths")
    op.drop_column("scans", "faults")
    op.drop_column("scans", "chunk_limit")
