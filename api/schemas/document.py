"""What every answered document has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """Answers hold what their schema names and nothing else."""

    model_config = ConfigDict(extra="forbid")
