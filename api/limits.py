"""What is accepted, read off the settings so that it is never said in two ways."""

from __future__ import annotations

from api.schemas.service import LimitDocument
from shared.settings import Settings, is_limit

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "DICOM", "NIfTI")


def list_limits(settings: Settings) -> list[LimitDocument]:
    """Every setting that is a limit, by name."""
    return [
        LimitDocument(
            name=name,
            value=getattr(settings, name),
            description=field.description or "",
            variable=f"NEUROBATCH_{name.upper()}",
        )
        for name, field in sorted(Settings.model_fields.items())
        if is_limit(name)
    ]
