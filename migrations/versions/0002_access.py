"""access: api keys, projects, audit

Revision: 0002, after 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_PROJECT = {"type_": sa.String(length=64), "nullable": False, "server_default": "local"}
# An entry once written stays as it is. SQLite's REPLACE removes rows without asking the trigger for DELETE.
_SQLITE_TRIGGERS = {
    "audit_no_update": "BEFORE UPDATE ON audit",
    "audit_no_delete": "BEFORE DELETE ON audit",
    "audit_no_replace": "BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)",
}


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=16), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=True),
        sa.Column("subject", sa.String(length=40), nullable=True),
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("request_id", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_project_id", "audit", ["project", "id"])
    op.create_index("ix_audit_action_at", "audit", ["action", "at"])
    _protect_audit()

    op.add_column("batches", sa.Column("project", **_PROJECT))
    op.add_column("batches", sa.Column("size_bytes", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_batches_project_id", "batches", ["project", "id"])
    op.create_index("ix_batches_created_at", "batches", ["created_at"])

    op.add_column("scans", sa.Column("project", **_PROJECT))
    op.create_index("ix_scans_project_id", "scans", ["project", "id"])
    op.create_index("ix_scans_project_state_id", "scans", ["project", "state", "id"])
    _count_stored_bytes()

    with op.batch_alter_table("idempotency_keys") as table:
        table.add_column(sa.Column("project", **_PROJECT))
        table.drop_constraint("pk_idempotency_keys", type_="primary")
        table.create_primary_key("pk_idempotency_keys", ["project", "key"])


def downgrade() -> None:
    """Undo; of keys that two projects share, one project's is kept."""
    op.execute(
        "DELETE FROM idempotency_keys WHERE EXISTS "
        "(SELECT 1 FROM idempotency_keys other WHERE other.key = idempotency_keys.key "
        "AND other.project < idempotency_keys.project)"
    )
    with op.batch_alter_table("idempotency_keys") as table:
        table.drop_constraint("pk_idempotency_keys", type_="primary")
        table.create_primary_key("pk_idempotency_keys", ["key"])
        table.drop_column("project")
    op.drop_index("ix_scans_project_state_id", "scans")
    op.drop_index("ix_scans_project_id", "scans")
    op.drop_column("scans", "project")
    op.drop_index("ix_batches_created_at", "batches")
    op.drop_index("ix_batches_project_id", "batches")
    op.drop_column("batches", "size_bytes")
    op.drop_column("batches", "project")
    op.drop_table("audit")  # its triggers go with it
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_is_append_only()")
    op.drop_table("api_keys")


def _protect_audit() -> None:
    if op.get_context().dialect.name == "sqlite":
        for name, event in _SQLITE_TRIGGERS.items():
            op.execute(f"CREATE TRIGGER {name} {event} BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END")
        return
    op.execute(
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'audit is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
    )


def _count_stored_bytes() -> None:
    """What earlier batches keep: each upload once, however many scans it holds."""
    op.execute(
        "UPDATE batches SET size_bytes = COALESCE((SELECT SUM(size_bytes) FROM "
        "(SELECT DISTINCT upload_key, size_bytes FROM scans "
        "WHERE scans.batch_id = batches.id AND upload_key IS NOT NULL) kept), 0)"
    )
