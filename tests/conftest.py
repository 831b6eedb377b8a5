"""The real parts that tests talk to: Valkey, SQLite and PostgreSQL, each started once a run.

What is missing on a machine is skipped by name; with NEUROBATCH_REQUIRE_ALL=1 that is a failure.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import redis
from alembic import command
from alembic.config import Config
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine

from shared.db.session import make_engine
from shared.settings import Settings
from tests.servers import PostgresServer, postgres_server, valkey_server

# A shell has what it starts in the background ignore Ctrl-C, and all its children with it.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent

# Those of whoever runs the tests would have them write into a service's real database. Nothing has read them yet.
_OF_THE_TESTS = {"NEUROBATCH_DATASETS", "NEUROBATCH_REQUIRE_ALL"}
for variable in [name for name in os.environ if name.startswith("NEUROBATCH_")]:
    if variable not in _OF_THE_TESTS:
        del os.environ[variable]

# How long an example takes says how busy the machine is.
hypothesis_settings.register_profile("neurobatch", deadline=None)
hypothesis_settings.load_profile("neurobatch")


def missing(reason: str) -> NoReturn:
    """Skip by name, or fail where nothing may be skipped."""
    if os.environ.get("NEUROBATCH_REQUIRE_ALL") == "1":
        pytest.fail(f"missing, and NEUROBATCH_REQUIRE_ALL=1: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def datasets() -> Path:
    """The folder of real scans, never part of the repository."""
    folder = Path(os.environ.get("NEUROBATCH_DATASETS", ROOT.parent / "shared" / "data")).resolve()
    if not (folder / "brain-mri" / "index.csv").is_file():
        missing(f"real scans: no brain-mri/index.csv in {folder} (set NEUROBATCH_DATASETS)")
    return folder


@pytest.fixture(scope="session")
def short_tmp() -> Iterator[Path]:
    """A folder with a short path, for Unix sockets."""
    with tempfile.TemporaryDirectory(prefix="nb-", dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def valkey(short_tmp: Path) -> Iterator[str]:
    """URL of a real broker, as Celery takes it."""
    with valkey_server(short_tmp / "valkey") as url:
        yield url


@pytest.fixture
def broker_url(valkey: str) -> str:
    """The broker's URL, emptied."""
    socket = valkey.removeprefix("redis+socket://").partition("?")[0]
    with redis.Redis(unix_socket_path=socket) as client:
        client.flushall()
    return valkey


@pytest.fixture(scope="session")
def postgres(short_tmp: Path) -> Iterator[PostgresServer]:
    """A real PostgreSQL server with a migrated template database."""
    with postgres_server(short_tmp / "postgres") as server:
        server.create_database("migrated")
        migrate(server.url("migrated"))
        yield server


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    migrate(f"sqlite:///{path}")
    return path


def migrate(url: str) -> None:
    """Run the real migrations on a database."""
    engine = make_engine(url)
    with engine.begin() as connection:
        config = Config(str(ROOT / "alembic.ini"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh migrated database, once of each kind."""
    if request.param == "sqlite":
        path = tmp_path / "neurobatch.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        yield f"sqlite:///{path}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        name = server.clone("migrated")
        yield server.url(name)
        server.drop(name)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a fresh migrated database."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def settings(tmp_path: Path, database_url: str, broker_url: str) -> Settings:
    """Settings of a service of this test's own."""
    return Settings(data_dir=tmp_path, database_url=database_url, redis_url=broker_url)


@pytest.fixture
def make_settings(settings: Settings) -> Callable[..., Settings]:
    """This test's settings with some of them changed."""
    return lambda **changes: Settings(**{**settings.model_dump(), **changes})
