"""names: searched and sorted within a batch from an index that holds them

Revision: 0008, after 0007
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INDEX = "ix_scans_batch_id_id"


def upgrade() -> None:
    """Apply; the index is made anew, which takes a few seconds for a million scans."""
    op.drop_index(_INDEX, "scans")
    op.create_index(_INDEX, "scans", ["batch_id", "id", "filename"])


def downgrade() -> None:
    """Undo."""
    op.drop_index(_INDEX, "scans")
    op.create_index(_INDEX, "scans", ["batch_id", "id"])
