"""Who calls: a project with its scopes, and the request they call in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import g

from shared.db.models import LOCAL_PROJECT
from shared.keys import Scope

_LOCAL_ACTOR = "local"


@dataclass(frozen=True)
class Caller:
    """The one who made the request in hand; sees and changes what is its project's, and nothing else."""

    project: str
    scopes: frozenset[Scope]
    key_id: str | None
    request_id: str | None
    session: str | None = None  # SHA-256 of the token, where a browser's cookie stands for the key

    @property
    def actor(self) -> str:
        """Who that is in the audit trail."""
        return self.key_id or _LOCAL_ACTOR


def local_caller(request_id: str | None) -> Caller:
    """Whoever calls a service that asks for no key."""
    return Caller(LOCAL_PROJECT, frozenset(Scope), key_id=None, request_id=request_id)


def caller() -> Caller:
    """Who made the request in hand; there is none on the open routes."""
    return cast(Caller, g.caller)
