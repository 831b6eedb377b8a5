"""studies

Revision: 0006, after 0003; 2026-11-26 20:00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_IN_A_STUDY = sa.text("study_id IS NOT NULL")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "studies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("project", sa.String(length=64), server_default="local", nullable=False),
        sa.Column("kind", sa.Enum("dicom", "nifti", name="studykind", native_enum=False, length=24), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("study_uid", sa.String(length=64), nullable=True),
        sa.Column("series_uid", sa.String(length=64), nullable=True),
        sa.Column("frame_of_reference_uid", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_studies_batch_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studies")),
    )
    op.create_index("ix_studies_batch_id_id", "studies", ["batch_id", "id"])
    # Plain ALTERs: a batch operation would copy the whole table on SQLite.
    op.add_column("scans", sa.Column("study_id", sa.Uuid(), nullable=True))
    op.add_column("scans", sa.Column("slice_index", sa.Integer(), nullable=True))
    op.add_column("scans", sa.Column("sop_instance_uid", sa.String(length=64), nullable=True))
    op.add_column("scans", sa.Column("warnings", sa.JSON(), server_default="[]", nullable=False))
    op.create_index(
        "ix_scans_study_id_slice_index",
        "scans",
        ["study_id", "slice_index"],
        sqlite_where=_IN_A_STUDY,
        postgresql_where=_IN_A_STUDY,
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_scans_study_id_slice_index", "scans")
    for column in ("warnings", "sop_instance_uid", "slice_index", "study_id"):
        op.drop_column("scans", column)
    op.drop_table("studies")
