"""Every setting and limit of the service, read from NEUROBATCH_* variables in one place.

Nothing is read at import: `load_settings()` is called once by each process, and the frozen result is passed
to whatever needs it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_MIB = 1024 * 1024
_PACKAGE_ROOT = Path(__file__).resolve().parent.parent
# sun_path of a Unix socket holds 108 bytes on Linux and 104 on macOS, the closing NUL included.
_SOCKET_PATH_LIMIT = 100


class Settings(BaseSettings):
    """All settings, with their defaults; the variable of each is NEUROBATCH_ and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="NEUROBATCH_", frozen=True, extra="ignore")

    data_dir: Path = Field(Path("data"), description="Uploads, artifacts and the embedded database live here.")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite at DATA_DIR/neurobatch.db.")
    redis_url: str = Field("", description="Broker URL; empty: the embedded Valkey of DATA_DIR.")
    host: str = Field("127.0.0.1", description="Address that the API binds to.")
    port: int = Field(8000, ge=0, le=65535, description="Port that the API binds to; 0: any free one.")
    api_threads: int = Field(96, ge=2, description="Requests that the API serves at once, event streams included.")
    max_event_streams: int = Field(64, ge=1, description="Event streams that are open at once; below api_threads.")
    model_dir: Path = Field(
        _PACKAGE_ROOT / "models" / "cnn-outline-1", description="The model bundle that the workers load."
    )
    log_level: str = Field("INFO", description="Lowest level that is logged.")

    max_files_per_batch: int = Field(10_000, ge=1, description="Files in one POST.")
    max_file_bytes: int = Field(64 * _MIB, ge=1, description="Bytes of one uploaded file.")
    max_batch_bytes: int = Field(4096 * _MIB, ge=1, description="Bytes of one POST, multipart framing included.")
    max_pixels: int = Field(4096 * 4096, ge=1, description="Width x height of one scan, from its header.")
    max_archive_members: int = Field(10_000, ge=1, description="Files in one ZIP archive.")
    max_archive_ratio: int = Field(200, ge=1, description="Bytes of an archive's member over its packed bytes.")
    max_frames_per_file: int = Field(1_000, ge=1, description="Pages of one multi-page TIFF.")
    max_name_chars: int = Field(200, ge=1, description="Characters of a batch's name.")
    max_filename_chars: int = Field(255, ge=1, description="Characters of an uploaded file's name.")
    max_metadata_bytes: int = Field(16 * 1024, ge=2, description="Bytes of a batch's metadata (a JSON object).")

    chunk_size: int = Field(32, ge=1, description="Scans in one task.")
    worker_processes: int = Field(1, ge=1, description="Child processes of one worker, each with its own model.")
    lease_s: float = Field(60.0, gt=0, description="How long a claim holds without a sign of life.")
    attempts_limit: int = Field(8, ge=1, description="Faults of a scan's own after which it is failed.")
    deaths_limit: int = Field(
        3, ge=1, description="Deaths of its process, with the scan alone in its chunk, after which it is failed."
    )
    retry_pause_s: float = Field(2.0, gt=0, description="Longest pause before the first retry; doubled for each later.")
    retry_longest_pause_s: float = Field(60.0, gt=0, description="No pause before a retry is longer than this.")
    relay_interval_s: float = Field(1.0, gt=0, description="Pause between two looks for undispatched scans.")
    relay_lease_s: float = Field(
        10.0, gt=0, description="How long the working relay may be silent before another takes over."
    )
    sweep_interval_s: float = Field(30.0, gt=0, description="Pause between two sweeps of the reconciler.")
    republish_after_s: float = Field(
        15.0, gt=0, description="Age of a published scan that may count as lost by the broker."
    )
    orphan_after_s: float = Field(
        86_400.0, gt=0, description="Age of a file without a row that is removed where its maker cannot be asked."
    )
    task_soft_limit_s: float = Field(300.0, gt=0, description="A task is interrupted after this time.")
    task_hard_limit_s: float = Field(360.0, gt=0, description="A task's process is killed after this time.")
    visibility_timeout_s: int = Field(900, ge=1, description="Redelivery of an unacknowledged message.")

    @field_validator("data_dir", "model_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().resolve()

    @property
    def sql_url(self) -> str:
        """The database's URL, the embedded SQLite file where none was set."""
        return self.database_url or f"sqlite:///{self.data_dir / 'neurobatch.db'}"

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
        return self.redis_url or f"redis+socket://{self.broker_socket}?virtual_host=0"


def load_settings() -> Settings:
    """Read the settings from the environment; pydantic's ValidationError names what is wrong."""
    return Settings()
