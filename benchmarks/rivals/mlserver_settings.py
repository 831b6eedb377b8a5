"""The settings of MLServer and of its one model. What its guides say, and what was tried: `mlserver_runtime`."""

from __future__ import annotations

MODEL = "scans"
_MAX_BATCH = 16
_MAX_BATCH_S = 0.05


def model_settings() -> dict[str, str | int | float]:
    """Of the model: model-settings.json."""
    return {
        "name": MODEL,
        "implementation": "benchmarks.rivals.mlserver_runtime.ScanRuntime",
        "max_batch_size": _MAX_BATCH,
        "max_batch_time": _MAX_BATCH_S,
    }


def server_settings(*, http_port: int, grpc_port: int, metrics_port: int, workers: int) -> dict[str, str | int | None]:
    """Of the server: settings.json. Without `debug` there is no log of accesses."""
    return {
        "host": "127.0.0.1",
        "http_port": http_port,
        "grpc_port": grpc_port,
        "metrics_port": metrics_port,
        "metrics_endpoint": None,
        "debug": False,
        "parallel_workers": workers,
    }
