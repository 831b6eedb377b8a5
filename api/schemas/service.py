"""The service itself: its limits, its models, its health."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.document import Document


class LimitDocument(Document):
    """One limit, its value and the variable that sets it."""

    name: str
    value: int
    description: str
    variable: str


class LimitList(Document):
    """Every limit, and the formats that are read."""

    items: list[LimitDocument]
    formats: list[str]


class ModelDocument(BaseModel):
    """A model bundle's description of itself (its bundle.json), and whether it is the one that classifies."""

    model_config = ConfigDict(extra="allow")

    name: str
    active: bool
    metrics: dict[str, Any] = Field(
        description="`figures`: the headline of its evaluation, each as `value`, `n` scans and 95% `interval` over "
        "patients; `measured`: how and on what. Empty where it was never measured."
    )
    card: str | None = Field(description="Where its model card is, as Markdown; null where it has none.")
    plots: list[str] = Field(description="Names of the pictures below `/v1/models/{name}/plots/`.")


class ModelList(Document):
    """The model bundles at hand."""

    items: list[ModelDocument]


class Health(Document):
    """Whether the API serves and accepts; `degraded` names what is missing but does not stop it."""

    status: str
    degraded: dict[str, str] = Field(default_factory=dict)
    database: str | None = None
    staging: str | None = None
    workers: int | None = None
    models: list[str] = Field(default_factory=list)
