"""The delivering side of a relay, at a time of the test's choice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from shared.clock import utc_now
from shared.settings import Settings
from worker.deliverer import Deliverer
from worker.webhook_sender import Sender


class Relays:
    """The delivering side, on a clock that can be moved."""

    def __init__(self, engine: Engine, make_settings: Callable[..., Settings]) -> None:
        self.ahead = timedelta()
        self._engine = engine
        self._make_settings = make_settings

    def now(self) -> datetime:
        return utc_now() + self.ahead

    def make(self, *, sender: Sender | None = None, **changes: Any) -> Deliverer:
        settings = self._make_settings(**{"webhook_private_targets": True, "webhook_timeout_s": 2, **changes})
        return Deliverer(settings, self._engine, sender=sender, clock=self.now)
