"""The tables behind the mapped classes, for statements that run for every chunk of scans.

Asked through the classes, SQLAlchemy takes twice the processor time for the same SQL: it looks after objects that
nobody has loaded.
"""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table

from shared.db.models import Attempt, Batch, Event, Prediction, Scan

ATTEMPTS = cast(Table, Attempt.__table__)
BATCHES = cast(Table, Batch.__table__)
EVENTS = cast(Table, Event.__table__)
PREDICTIONS = cast(Table, Prediction.__table__)
SCANS = cast(Table, Scan.__table__)
