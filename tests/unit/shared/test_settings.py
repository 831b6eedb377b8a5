from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import make_url

from shared.presence import connect
from shared.settings import Settings, load_settings


def test_the_environment_sets_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NEUROBATCH_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("NEUROBATCH_DATABASE_URL", "postgresql://u@h/d")
    monkeypatch.setenv("NEUROBATCH_REDIS_URL", "redis://h:1/2")
    settings = load_settings()
    assert (settings.sql_url, settings.broker_url) == ("postgresql://u@h/d", "redis://h:1/2")


def test_by_default_everything_lies_in_the_data_directory(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url="", redis_url="")
    assert settings.sql_url == f"sqlite:///{tmp_path}/neurobatch.db"
    assert settings.broker_url == f"redis+socket://{tmp_path}/broker/v.sock?virtual_host=0"


def test_the_brokers_socket_fits_a_socket_address_however_deep_the_data_lies(tmp_path: Path) -> None:
    deep = [Settings(data_dir=tmp_path / ("d" * 90) / name) for name in ("a", "b")]
    assert all(len(str(settings.broker_socket)) < 104 for settings in deep)
    assert deep[0].broker_socket != deep[1].broker_socket
    assert deep[0].broker_socket == Settings(data_dir=deep[0].data_dir).broker_socket


def test_a_wrong_value_is_refused() -> None:
    with pytest.raises(ValidationError, match="max_pixels"):
        Settings(max_pixels=0)


def test_uploads_and_streams_leave_threads_for_the_rest() -> None:
    with pytest.raises(ValidationError, match=r"api_threads \(32\) must be over"):
        Settings(api_threads=32)


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("retention_days", 1_000_000.0),
        ("webhook_log_days", float("inf")),
        ("lease_s", 1e12),
        ("session_hours", 1e9),
        ("log_level", "verbose"),
        ("redis_url", "localhost:6379"),
        ("database_url", "postgres://u@h/d"),
        ("database_url", "sqlite://"),
        ("database_url", "sqlite:///:memory:"),
    ],
)
def test_what_could_not_work_is_refused_by_name(setting: str, value: object) -> None:
    with pytest.raises(ValidationError, match=setting):
        Settings.model_validate({setting: value})


def test_a_refusal_tells_no_password() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(database_url="mysql://user:hunter2@host/database")
    assert "hunter2" not in str(refused.value)


def test_a_task_is_interrupted_before_it_is_killed_and_killed_before_it_is_delivered_again() -> None:
    with pytest.raises(ValidationError, match=r"task_soft_limit_s \(900.0\) must be under"):
        Settings(task_soft_limit_s=900)
    with pytest.raises(ValidationError, match=r"under visibility_timeout_s \(60\)"):
        Settings(visibility_timeout_s=60)


def test_a_level_may_be_written_small() -> None:
    assert Settings.model_validate({"log_level": "debug"}).log_level == "DEBUG"


def test_a_relative_database_is_the_same_file_for_every_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "50%25 #1?"
    folder.mkdir()
    monkeypatch.chdir(folder)
    url = Settings(database_url="sqlite:///nb.db").database_url
    monkeypatch.chdir(tmp_path)
    assert make_url(url).database == str(folder / "nb.db")
    assert Settings(database_url=url).database_url == url


def test_a_folder_may_be_called_what_in_a_url_means_something(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "50%25 #1?")
    assert make_url(settings.sql_url).database == str(settings.data_dir / "neurobatch.db")
    assert connect(settings).connection_pool.connection_kwargs["path"] == str(settings.broker_socket)


@pytest.mark.parametrize(("host", "bound"), [("127.0.0.1", "127.0.0.1:81"), ("::1", "[::1]:81"), ("::", "[::]:81")])
def test_addresses_of_both_kinds_are_bound_to(host: str, bound: str) -> None:
    assert Settings(host=host, port=81).bind == bound
