"""What the routes work with, made once by `create_app` and carried by the application."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, cast

import redis
from celery import Celery
from flask import current_app
from sqlalchemy import Engine

from api.browser_sessions import BrowserSessions
from api.keyring import KeyRing
from api.keys_in_progress import KeysInProgress
from api.places import UploadPlaces
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
    upload_places: UploadPlaces
    clock: Clock = utc_now
    resolver: Resolver = resolve
    event_streams: threading.Semaphore = field(default_factory=threading.Semaphore)
    uploads: threading.Semaphore = field(default_factory=threading.Semaphore)
    reports: threading.Semaphore = field(default_factory=threading.Semaphore)
    pictures: threading.Semaphore = field(default_factory=threading.Semaphore)
    keys_in_progress: KeysInProgress = field(default_factory=KeysInProgress)

    @classmethod
    def open(cls, settings: Settings, clock: Clock = utc_now) -> Services:
        """Make everything from settings; connections are opened when first used."""
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        engine = make_engine(settings.sql_url)
        return cls(
            settings=settings,
            engine=engine,
            store=LocalArtifactStore(settings.data_dir),
            celery=make_celery(settings),
            presence=presence.connect(settings),
            decoder=Decoder(settings),
            keyring=KeyRing(engine, clock=clock, cache_s=settings.key_cache_s),
            browser_sessions=BrowserSessions(engine, clock=clock, lasting=timedelta(hours=settings.session_hours)),
            buckets=TokenBuckets(per_s=settings.max_requests_per_s, burst=settings.max_request_burst),
            sign_ins=TokenBuckets(per_s=settings.max_sign_ins_per_minute / 60, burst=settings.max_sign_ins_per_minute),
            upload_places=UploadPlaces(settings.max_uploads_per_project),
            clock=clock,
            event_streams=threading.BoundedSemaphore(settings.max_event_streams),
            uploads=threading.BoundedSemaphore(settings.max_uploads),
            reports=threading.BoundedSemaphore(settings.max_reports),
            pictures=threading.BoundedSemaphore(settings.max_pictures),
        )

    def close(self) -> None:
        """Close every connection; for applications that end before their process does."""
        self.decoder.close()
        self.engine.dispose()
        self.celery.close()
        self.presence.close()


def services() -> Services:
    """The services of the application that handles the current request."""
    return cast(Services, current_app.extensions[Services.EXTENSION])
