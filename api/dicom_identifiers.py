"""UIDs of what we make: each follows from the ids of what it is made of, so the same result has the same UID each time.

They are of the kind that needs no registration: `2.25.` and a UUID as a decimal number (PS3.5, B.2), here of version 5.
"""

from __future__ import annotations

import uuid

# Made once for this program.
_NAMESPACE = uuid.UUID("5f4f7c52-5a0e-4f3e-9a5b-3c0d2f1b7f64")


def derived_uid(kind: str, *parts: object) -> str:
    """The UID of that `kind` of thing made of `parts`; 64 characters at most.

    >>> derived_uid("overlay", "scan", "model") == derived_uid("overlay", "scan", "model")
    True
    """
    name = "\n".join([kind, *map(str, parts)])
    return f"2.25.{uuid.uuid5(_NAMESPACE, name).int}"
