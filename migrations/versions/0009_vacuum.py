"""vacuum: a million scans are not to wait for two hundred thousand changes

Progress is counted from an index alone, as long as PostgreSQL knows that everybody sees the rows; what a batch changed
it knows after the next vacuum, by default once a fifth of the table was changed.

Revision: 0009, after 0008
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_SETTINGS = {"autovacuum_vacuum_scale_factor": "0.02", "autovacuum_vacuum_insert_scale_factor": "0.02"}


def upgrade() -> None:
    """Apply, on PostgreSQL."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE scans SET ({', '.join(f'{name} = {value}' for name, value in _SETTINGS.items())})")


def downgrade() -> None:
    """Undo."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE scans RESET ({', '.join(_SETTINGS)})")
