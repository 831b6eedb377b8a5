"""Connections to receivers: only to addresses that were judged, for a bounded time, with bounded bytes to read.

httpcore asks a network backend for every connection. This one looks the name up itself and connects to what it has
judged, so no second look-up can lead elsewhere (DNS rebinding); TLS and the Host header keep the name.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpcore
from httpcore import SOCKET_OPTION

from shared.webhook_targets import Resolver, Target, checked_addresses, resolve


class AnswerTooLong(Exception):
    """A receiver answered with more bytes than are read of it."""


@dataclass
class Allowance:
    """What one attempt has left: time to a moment on the monotonic clock, and bytes to read."""

    ends_at: float
    left_bytes: int

    def time_s(self, timeout_s: float | None, *, late: type[Exception]) -> float:
        """How long the next step may take; `late` is raised where there is no time left."""
        left_s = self.ends_at - time.monotonic()
        if left_s <= 0:
            raise late("the time for this attempt is over")
        return left_s if timeout_s is None else min(left_s, timeout_s)

    def take(self, data: bytes) -> bytes:
        """The same bytes, counted; AnswerTooLong once there were too many."""
        self.left_bytes -= len(data)
        if self.left_bytes < 0:
            raise AnswerTooLong
        return data


class BoundedStream(httpcore.NetworkStream):
    """A stream that keeps to an allowance."""

    def __init__(self, stream: httpcore.NetworkStream, allowance: Allowance) -> None:
        self._stream = stream
        self._allowance = allowance

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what comes next."""
        timeout_s = self._allowance.time_s(timeout, late=httpcore.ReadTimeout)
        return self._allowance.take(self._stream.read(max_bytes, timeout_s))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of `buffer`."""
        self._stream.write(buffer, self._allowance.time_s(timeout, late=httpcore.WriteTimeout))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Go on in TLS; the handshake as a whole keeps to the time that is left."""
        timeout_s = self._allowance.time_s(timeout, late=httpcore.ConnectTimeout)
        return BoundedStream(self._stream.start_tls(ssl_context, server_hostname, timeout_s), self._allowance)

    def get_extra_info(self, info: str) -> Any:
        """What the stream within says."""
        return self._stream.get_extra_info(info)


@dataclass
class CheckedBackend(httpcore.NetworkBackend):
    """Connects to one target's own addresses and to nothing else."""

    target: Target
    allowance: Allowance
    private_allowed: bool
    resolver: Resolver = resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers; TargetRefused where one of them is not public."""
        if (host, port) != (self.target.host, self.target.port):
            raise httpcore.ConnectError("not the target of this webhook")
        addresses = checked_addresses(self.target, private_allowed=self.private_allowed, resolver=self.resolver)
        plain = httpcore.SyncBackend()
        failed: Exception | None = None
        for address in addresses:
            timeout_s = self.allowance.time_s(timeout, late=httpcore.ConnectTimeout)
            try:
                stream = plain.connect_tcp(address, port, timeout_s, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return BoundedStream(stream, self.allowance)
        assert failed is not None
        raise failed
