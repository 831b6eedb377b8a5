"""What the routes work with, made once by `create_app` and carried by the application."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, cast

import redis
from celery import Celery
from flask import current_app
from sqlalchemy import Engine

from api.browser_sessions import BrowserSessions
from api.callers import Caller
from api.keyring import KeyRing
from api.keys_in_progress import KeysInProgress
from api.places import Places
from api.publisher import Publisher
from api.rates import TokenBuckets
from shared import presence
from shared.artifacts import ArtifactStore, LocalArtifactStore
from shared.broker import make_celery
from shared.clock import Clock, utc_now
from shared.db.session import make_engine
from shared.decoder import Decoder
from shared.settings import Settings
from shared.webhook_targets import Resolver, resolve


@dataclass(frozen=True)
class Services:
    """Settings, database, store, broker and clock of one application."""

    EXTENSION: ClassVar[str] = "neurobatch"

    settings: Settings
    engine: Engine
    store: ArtifactStore
    celery: Celery
    presence: redis.Redis
    decoder: Decoder
    keyring: KeyRing
    browser_sessions: BrowserSessions
    buckets: TokenBuckets
    sign_ins: TokenBuckets
    uploads: Places
    event_streams: Places
    pictures: Places
    reports: Places
    studies: Places
    dry_runs: Places
    publisher: Publisher
    clock: Clock = utc_now
    resolver: Resolver = resolve
    keys_in_progress: KeysInProgress = field(default_factory=KeysInProgress)

    @classmethod
    def open(cls, settings: Settings, clock: Clock = utc_now) -> Services:
        """Make everything from settings; connections are opened when first used."""
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        engine, celery = make_engine(settings.sql_url), make_celery(settings)
        return cls(
            settings=settings,
            engine=engine,
            store=LocalArtifactStore(settings.data_dir),
            celery=celery,
            presence=presence.connect(settings),
            decoder=Decoder(settings),
            keyring=KeyRing(engine, clock=clock, cache_s=settings.key_cache_s),
            browser_sessions=BrowserSessions(engine, clock=clock, lasting=timedelta(hours=settings.session_hours)),
            buckets=TokenBuckets(per_s=settings.max_requests_per_s, burst=settings.max_request_burst),
            sign_ins=TokenBuckets(per_s=settings.max_sign_ins_per_minute / 60, burst=settings.max_sign_ins_per_minute),
            uploads=Places(
                settings,
                "max_uploads",
                code="too_many_uploads",
                under_way="submissions are being received",
                share_limit="max_uploads_per_project",
            ),
            event_streams=Places(
                settings, "max_event_streams", code="too_many_streams", under_way="event streams are open"
            ),
            pictures=Places(settings, "max_pictures", code="too_many_pictures", under_way="pictures are being drawn"),
            reports=Places(settings, "max_reports", code="too_many_reports", under_way="reports are being made"),
            studies=Places(settings, "max_studies", code="too_many_studies", under_way="studies are being read"),
            dry_runs=Places(settings, "max_dry_runs", code="too_many_dry_runs", under_way="dry runs are under way"),
            publisher=Publisher(engine, celery, clock=clock, chunk_size=settings.chunk_size),
            clock=clock,
        )

    def still_holds(self, caller: Caller) -> bool:
        """Whether the caller's key, and the browser's session where there is one, have not ended meanwhile."""
        if caller.key_id is None:
            return True
        if caller.session is not None and not self.browser_sessions.holds(caller.session):
            return False
        return self.keyring.holding(caller.key_id) is not None

    def close(self) -> None:
        """Close every connection; for applications that end before their process does."""
        self.decoder.close()
        self.engine.dispose()
        self.celery.close()
        self.presence.close()


def services() -> Services:
    """The services of the application that handles the current request."""
    return cast(Services, current_app.extensions[Services.EXTENSION])
