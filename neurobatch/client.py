"""A client of the HTTP API, for Python programs and for the command line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from neurobatch.files import LazyFile, collect

_FINAL = frozenset({"completed", "completed_with_errors", "failed", "cancelled"})
_PAGE = 200


class RequestRefused(Exception):
    """The service refused a request; `problem` is its RFC 9457 document."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(problem.get("detail") or f"HTTP {status}")
        self.status = status
        self.problem = problem


class Client:
    """Talks to one service; use it as a context manager."""

    def __init__(self, url: str = "http://127.0.0.1:8000", *, timeout_s: float = 60.0) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout_s)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def submit(self, paths: Sequence[Path | str], *, name: str | None = None) -> dict[str, Any]:
        """Send files, and every file of folders, as one batch; the batch as accepted.

        Files are opened one at a time, while they are sent.
        """
        files = [
            ("files", (member.name, LazyFile(member.path), "application/octet-stream")) for member in collect(paths)
        ]
        return self._json("POST", "/v1/batches", files=files, data={"name": name} if name else {})

    def batch(self, batch_id: str) -> dict[str, Any]:
        """One batch with its progress."""
        return self._json("GET", f"/v1/batches/{batch_id}")

    def wait(
        self,
        batch_id: str,
        *,
        on_progress: Callable[[dict[str, Any]], None] | None = None,
        interval_s: float = 0.3,
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        """Poll until the batch is done, telling `on_progress` of each look; TimeoutError after `timeout_s`."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            batch = self.batch(batch_id)
            if on_progress is not None:
                on_progress(batch)
            if batch["state"] in _FINAL:
                return batch
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"batch {batch_id} is still {batch['state']} after {timeout_s} s")
            time.sleep(interval_s)

    def scans(self, batch_id: str) -> Iterator[dict[str, Any]]:
        """Every scan of a batch with its result, in the order of submission."""
        cursor: str | None = None
        while True:
            query = {"limit": _PAGE} | ({"cursor": cursor} if cursor else {})
            page = self._json("GET", f"/v1/batches/{batch_id}/scans", params=query)
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def is_ready(self) -> bool:
        """Whether the service accepts batches."""
        try:
            return self._http.get("/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        response = self._http.request(method, path, **options)
        if response.is_error:
            try:
                problem = response.json()
            except ValueError:
                problem = {"detail": response.text[:200]}
            raise RequestRefused(response.status_code, problem)
        document: dict[str, Any] = response.json()
        return document
