from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

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
