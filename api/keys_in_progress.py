"""Which idempotency keys this process is receiving right now."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import Conflict, InvalidRequest

_MAX_KEY_CHARS = 255


class KeysInProgress:
    """The keys whose submissions this process is receiving."""

    def __init__(self) -> None:
        self._keys: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, key: str | None, *, project: str) -> Iterator[None]:
        """Hold a project's key while its body is received; Conflict if another request holds it."""
        if key is None:
            yield
            return
        if not 0 < len(key) <= _MAX_KEY_CHARS or not key.isprintable():
            raise InvalidRequest(
                f"An Idempotency-Key has 1 to {_MAX_KEY_CHARS} printable characters.", code="invalid_idempotency_key"
            )
        held = (project, key)
        with self._lock:
            if held in self._keys:
                raise Conflict(
                    "A submission with this Idempotency-Key is still in progress.", code="idempotency_key_in_progress"
                )
            self._keys.add(held)
        try:
            yield
        finally:
            with self._lock:
                self._keys.discard(held)
