"""Every setting and limit of the service, read from NEUROBATCH_* variables in one place.

Nothing is read at import: `load_settings()` is called once by each process, and the frozen result is passed
to whatever needs it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_MIB = 1024 * 1024
_PACKAGE_ROOT = Path(__file__).resolve().parent.parent
# sun_path of a Unix socket holds 108 bytes on Linux and 104 on macOS, the closing NUL included.
_SOCKET_PATH_LIMIT = 100
# Each holds a network and a decoder, about 700 MB; who has the memory for more sets the number.
_MOST_CHILDREN = 8
# Added to a date, what is much longer ends past the last one that there is.
_CENTURY_DAYS = 36_500
_BROKERS = ("redis://", "rediss://", "redis+socket://")
_RELATIVE_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)(?!/)(.+)")
_MEMORY_SQLITE = re.compile(r"sqlite(\+\w+)?:(//)?/?(:memory:.*)?")

Seconds = Annotated[float, Field(gt=0, le=_CENTURY_DAYS * 86_400)]


def is_limit(setting: str) -> bool:
    """Whether a setting is a limit, by its name."""
    return setting.startswith(("max_", "min_")) or setting.endswith("_limit")


class Settings(BaseSettings):
    """All settings, with their defaults; the variable of each is NEUROBATCH_ and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="NEUROBATCH_", frozen=True, extra="ignore", allow_inf_nan=False, hide_input_in_errors=True
    )

    data_dir: Path = Field(Path("data"), description="Uploads, artifacts and the embedded database live here.")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite at DATA_DIR/neurobatch.db.")
    redis_url: str = Field("", description="Broker URL; empty: the embedded Valkey of DATA_DIR.")
    host: str = Field("127.0.0.1", description="Address that the API binds to.")
    port: int = Field(8000, ge=0, le=65535, description="Port that the API binds to; 0: any free one.")
    require_keys: bool = Field(
        default=False,
        description="Ask for an API key on loopback addresses too; elsewhere one is always asked for.",
    )
    key_cache_s: float = Field(
        5.0, ge=0, le=86_400, description="A revoked API key is refused after this time at the latest."
    )
    session_hours: float = Field(12.0, gt=0, le=24 * _CENTURY_DAYS, description="How long a browser stays signed in.")
    session_cookie_secure: bool = Field(
        default=False,
        description="Mark the cookie of a browser's session as Secure also where the request did not say https.",
    )
    api_threads: int = Field(96, ge=2, description="Requests that the API serves at once, event streams included.")
    max_event_streams: int = Field(
        64,
        ge=1,
        description="Event streams that are open at once, half for a project; with max_uploads below api_threads.",
    )
    max_uploads: int = Field(
        24, ge=1, description="Submissions that are received at once; with max_event_streams below api_threads."
    )
    max_dry_runs: int = Field(4, ge=1, description="Dry runs in one API process at once, half for a project.")
    max_dry_run_s: int = Field(
        60, ge=0, description="Seconds after which one dry run decodes no more; the scans that are left are not judged."
    )
    max_reports: int = Field(
        2, ge=1, description="DICOM reports that one API process makes at once, half for a project."
    )
    max_studies: int = Field(
        8, ge=1, description="Studies that one API process reads with all their slices at once, half for a project."
    )
    max_pictures: int = Field(
        32,
        ge=1,
        description="Pictures of uploads that one API process draws, or has waiting, at once, half for a project.",
    )
    max_client_pause_s: int = Field(
        20,
        ge=1,
        description="Seconds that one request may keep the API waiting, for its bytes or to take the answer's.",
    )
    min_client_bytes_per_s: int = Field(4096, ge=1, description="Bytes that earn a request a second more of it.")
    model_dir: Path = Field(
        _PACKAGE_ROOT / "models" / "cnn-stripped-1", description="The model bundle that the workers load."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="Lowest level that is logged."
    )
    retention_days: float = Field(
        0.0,
        ge=0,
        le=_CENTURY_DAYS,
        description="A finished batch is removed this long after its submission; 0: kept until deleted.",
    )

    webhook_private_targets: bool = Field(
        default=False, description="Let webhooks lead to private, loopback and link-local addresses, too."
    )
    webhook_connect_timeout_s: Seconds = Field(5.0, description="Time to connect to a webhook's receiver.")
    webhook_timeout_s: Seconds = Field(15.0, description="Time for one whole attempt: connection, request and answer.")
    webhook_attempts_limit: int = Field(10, ge=1, description="Attempts after which a delivery is failed.")
    webhook_retry_pause_s: Seconds = Field(
        2.0, description="Longest pause before the second attempt; four times as long for each later."
    )
    webhook_retry_longest_pause_s: Seconds = Field(
        43_200.0, description="No pause before another attempt is longer than this."
    )
    webhook_senders: int = Field(8, ge=1, description="Deliveries that one relay sends at once, one to a webhook.")
    webhook_log_days: float = Field(
        30.0, gt=0, le=_CENTURY_DAYS, description="How long the log of ended deliveries is kept."
    )

    max_files_per_batch: int = Field(10_000, ge=1, description="Files in one POST.")
    max_file_bytes: int = Field(64 * _MIB, ge=1, description="Bytes of one uploaded file.")
    max_batch_bytes: int = Field(4096 * _MIB, ge=1, description="Bytes of one POST, multipart framing included.")
    max_pixels: int = Field(4096 * 4096, ge=1, description="Width x height of one scan, from its header.")
    min_side_px: int = Field(32, ge=1, description="Shorter side of one scan, in pixels.")
    max_aspect_ratio: int = Field(4, ge=1, description="Longer side of one scan over its shorter one.")
    max_decode_s: int = Field(4, ge=1, description="Processor seconds that decoding one scan may take.")
    max_decode_bytes: int = Field(512 * _MIB, ge=_MIB, description="Memory that decoding one scan may take.")
    max_archive_members: int = Field(10_000, ge=1, description="Files in one ZIP archive.")
    max_archive_ratio: int = Field(200, ge=1, description="Bytes of an archive's member over its packed bytes.")
    max_frames_per_file: int = Field(1_000, ge=1, description="Pages, frames or slices of one file.")
    max_volume_bytes: int = Field(256 * _MIB, ge=1, description="Bytes of one NIfTI volume, unpacked.")
    max_name_chars: int = Field(200, ge=1, description="Characters of a batch's name.")
    max_corrections_per_scan: int = Field(
        200, ge=1, description="What readers may say of one scan, taking it back included; all of it is kept."
    )
    max_note_chars: int = Field(2_000, ge=1, description="Characters of the note beside a reader's correction.")
    # At most what fits into an entry of an index of PostgreSQL, 2,704 bytes, whatever the characters.
    max_filename_chars: int = Field(255, ge=1, le=640, description="Characters of an uploaded file's name.")
    max_part_header_bytes: int = Field(16 * 1024, ge=256, description="Bytes of a part's headers in a multipart body.")
    # pydantic writes no document that is nested more than 255 times.
    max_metadata_depth: int = Field(64, ge=1, le=200, description="Levels of nesting in a batch's metadata.")
    max_metadata_bytes: int = Field(16 * 1024, ge=2, description="Bytes of a batch's metadata (a JSON object).")
    max_requests_per_s: int = Field(200, ge=1, description="Requests a second of one API key, in the long run.")
    max_request_burst: int = Field(2_000, ge=1, description="Requests of one API key at once, after a quiet time.")
    max_sign_ins_per_minute: int = Field(30, ge=1, description="Sign-ins of browsers from one address in a minute.")
    max_json_bytes: int = Field(64 * 1024, ge=256, description="Bytes of a request's body where that is JSON.")
    max_uploads_per_project: int = Field(16, ge=1, description="Submissions by one project's keys at once.")
    max_unfinished_scans: int = Field(200_000, ge=1, description="Scans of one project that are queued or running.")
    max_stored_bytes: int = Field(
        1024 * 1024 * _MIB, ge=1, description="Bytes of uploads and rows stored of one project."
    )
    max_webhooks_per_project: int = Field(20, ge=1, description="Webhooks of one project.")
    max_webhook_url_chars: int = Field(2_000, ge=10, description="Characters of a webhook's URL.")
    max_webhook_description_chars: int = Field(200, ge=1, description="Characters of a webhook's description.")
    max_webhook_attempts: int = Field(
        100, ge=1, description="Attempts at one delivery, those that somebody asked for included."
    )
    max_webhook_answer_bytes: int = Field(
        64 * 1024, ge=1024, description="Bytes that are read of a receiver's answer, headers included."
    )

    chunk_size: int = Field(128, ge=1, description="Scans in one task.")
    worker_processes: int = Field(
        0, ge=0, description="Child processes of one worker, each with its own model; 0: one for each core, at most 8."
    )
    network_precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="What the network multiplies in; auto: bfloat16 on processors that have it, else float32."
    )
    lease_s: Seconds = Field(60.0, description="How long a claim holds without a sign of life.")
    attempts_limit: int = Field(8, ge=1, description="Faults of a scan's own after which it is failed.")
    deaths_limit: int = Field(
        3, ge=1, description="Deaths of its process, with the scan alone in its chunk, after which it is failed."
    )
    retry_pause_s: Seconds = Field(2.0, description="Longest pause before the first retry; doubled for each later.")
    retry_longest_pause_s: Seconds = Field(60.0, description="No pause before a retry is longer than this.")
    relay_interval_s: Seconds = Field(1.0, description="Pause between two looks for undispatched scans.")
    relay_lease_s: Seconds = Field(
        10.0, description="How long the working relay may be silent before another takes over."
    )
    sweep_interval_s: Seconds = Field(30.0, description="Pause between two sweeps of the reconciler.")
    republish_after_s: Seconds = Field(
        15.0, description="Age of a published scan that may count as lost by the broker."
    )
    orphan_after_s: Seconds = Field(
        86_400.0, description="Age of a file without a row that is removed where its maker cannot be asked."
    )
    task_soft_limit_s: Seconds = Field(540.0, description="A task is interrupted after this time.")
    task_hard_limit_s: Seconds = Field(600.0, description="A task's process is killed after this time.")
    visibility_timeout_s: int = Field(900, ge=1, description="Redelivery of an unacknowledged message.")

    @field_validator("data_dir", "model_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().resolve()

    @field_validator("log_level", mode="before")
    @classmethod
    def _capitals(cls, level: Any) -> Any:
        return level.upper() if isinstance(level, str) else level

    @field_validator("database_url")
    @classmethod
    def _one_database(cls, url: str) -> str:
        """Every part is given the same file, whatever folder it was started in."""
        if _MEMORY_SQLITE.fullmatch(url):
            raise ValueError("a database in memory cannot be shared by API, relay and workers")
        if url and not url.startswith(("sqlite:", "sqlite+", "postgresql:", "postgresql+")):
            raise ValueError("expected a URL that begins with postgresql+psycopg:// or sqlite:///")
        if relative := _RELATIVE_SQLITE.fullmatch(url):
            return f"{relative[1]}{_in_url(Path.cwd())}/{relative[2]}"
        return url

    @field_validator("redis_url")
    @classmethod
    def _known_broker(cls, url: str) -> str:
        if url and not url.startswith(_BROKERS):
            raise ValueError(f"expected a URL that begins with {', '.join(_BROKERS[:-1])} or {_BROKERS[-1]}")
        return url

    @model_validator(mode="after")
    def _interrupt_before_killing_before_redelivery(self) -> Self:
        soft_s, hard_s, redelivered_s = self.task_soft_limit_s, self.task_hard_limit_s, self.visibility_timeout_s
        if not soft_s < hard_s < redelivered_s:
            raise ValueError(
                f"task_soft_limit_s ({soft_s}) must be under task_hard_limit_s ({hard_s}), and that under "
                f"visibility_timeout_s ({redelivered_s})"
            )
        return self

    @model_validator(mode="after")
    def _leave_threads_for_the_rest(self) -> Self:
        busy = self.max_uploads + self.max_event_streams
        if busy >= self.api_threads:
            raise ValueError(f"api_threads ({self.api_threads}) must be over max_uploads + max_event_streams ({busy})")
        return self

    @property
    def sql_url(self) -> str:
        """The database's URL, the embedded SQLite file where none was set."""
        return self.database_url or f"sqlite:///{_in_url(self.data_dir / 'neurobatch.db')}"

    @property
    def worker_children(self) -> int:
        """Child processes of one worker."""
        return self.worker_processes or min(usable_cores(), _MOST_CHILDREN)

    @property
    def keys_required(self) -> bool:
        """Whether every request needs an API key: always, but on a loopback address that was not set to ask."""
        return self.require_keys or not is_loopback(self.host)

    @property
    def local_url(self) -> str:
        """Where programs on this machine reach the API; an unspecified address is reached through loopback."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104
        return f"http://{_with_port(host, self.port)}"

    @property
    def bind(self) -> str:
        """Address and port that the API binds to, as gunicorn takes them."""
        return _with_port(self.host, self.port)

    @property
    def broker_socket(self) -> Path:
        """Socket of the embedded Valkey: in the data directory, or in a temporary one if that is too deep."""
        beside_data = self.data_dir / "broker" / "v.sock"
        if len(os.fsencode(beside_data)) <= _SOCKET_PATH_LIMIT:
            return beside_data
        tag = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"neurobatch-{os.getuid()}-{tag}" / "v.sock"

    @property
    def broker_url(self) -> str:
        """The broker's URL as Celery takes it."""
        return self.redis_url or f"redis+socket://{_in_url(self.broker_socket)}?virtual_host=0"


def _with_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _in_url(path: Path) -> str:
    """A path whose `?`, `#` and `%` are parts of names."""
    return quote(str(path), safe=" +/@:")


def usable_cores() -> int:
    """Processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether `host` is reached from this machine alone; a name other than localhost is not looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def load_settings() -> Settings:
    """Read the settings from the environment; pydantic's ValidationError names what is wrong."""
    return Settings()
