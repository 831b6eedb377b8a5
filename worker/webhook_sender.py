"""Sends one delivery to its receiver, once: signs it, posts it, and says what came of it.

Redirects are failures, as Standard Webhooks advises, and no proxy of the environment is used: both would lead past the
judgement of addresses. Of the answer the status and Retry-After count; its body is read within bounds and thrown away.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, field
from http import HTTPStatus

import httpcore
import httpx

from shared.settings import Settings
from shared.webhook_signatures import signed_headers
from shared.webhook_targets import Resolver, Target, TargetRefused, parse_target, resolve
from worker.webhook_connection import Allowance, AnswerTooLong, CheckedBackend
from worker.webhook_queue import Outcome, Taken

_FAULTS: tuple[tuple[type[Exception], str], ...] = (
    (AnswerTooLong, "answer_too_long"),
    (httpcore.TimeoutException, "timed_out"),
    (httpcore.ConnectError, "connection_failed"),
    (httpcore.NetworkError, "connection_broken"),
    (httpcore.ProtocolError, "protocol_error"),
)


@dataclass(frozen=True)
class Sender:
    """What all deliveries share; `ssl_context` is by default httpx's: certifi's authorities, or SSL_CERT_FILE's."""

    settings: Settings
    resolver: Resolver = resolve
    ssl_context: ssl.SSLContext = field(default_factory=httpx.create_ssl_context)

    def send(self, taken: Taken, *, timestamp: int) -> Outcome:
        """One attempt, within `webhook_timeout_s`; `timestamp` in seconds since 1970. What goes wrong is an outcome."""
        started = time.monotonic()
        allowance = Allowance(
            ends_at=started + self.settings.webhook_timeout_s, left_bytes=self.settings.max_webhook_answer_bytes
        )
        status, retry_after, error = None, "", None
        try:
            status, retry_after = self._post(parse_target(taken.url), taken, timestamp=timestamp, allowance=allowance)
        except TargetRefused as refused:
            error = refused.code
        except tuple(kind for kind, _ in _FAULTS) as fault:
            error = next(code for kind, code in _FAULTS if isinstance(fault, kind))
            if isinstance(fault.__cause__ or fault.__context__, ssl.SSLError):
                error = "tls_failed"
        return Outcome(
            duration_ms=round(1000 * (time.monotonic() - started)),
            status_code=status,
            error=error if status is None else _judge(status),
            retry_after_s=float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0,
            gone=status == HTTPStatus.GONE,
        )

    def _post(self, target: Target, taken: Taken, *, timestamp: int, allowance: Allowance) -> tuple[int, str]:
        """Status and Retry-After of the answer."""
        signed = signed_headers(taken.secret, message_id=str(taken.id), timestamp=timestamp, body=taken.body)
        headers = [
            ("Host", target.host_header),
            ("Content-Type", "application/json"),
            ("User-Agent", "neurobatch"),
            *signed.items(),
        ]
        url = httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
        backend = CheckedBackend(
            target, allowance, private_allowed=self.settings.webhook_private_targets, resolver=self.resolver
        )
        timeouts = {
            "connect": self.settings.webhook_connect_timeout_s,
            "read": self.settings.webhook_timeout_s,
            "write": self.settings.webhook_timeout_s,
        }
        with (
            httpcore.ConnectionPool(self.ssl_context, network_backend=backend) as pool,
            pool.stream("POST", url, headers=headers, content=taken.body, extensions={"timeout": timeouts}) as answer,
        ):
            retry_after = next((value for name, value in answer.headers if name.lower() == b"retry-after"), b"")
            try:
                for _ in answer.iter_stream():
                    pass
            except (AnswerTooLong, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
                pass  # the status has been told already
            return answer.status, retry_after.decode("latin-1")


def _judge(status: int) -> str | None:
    """Why a status is no success; None for 2xx."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if status < HTTPStatus.BAD_REQUEST:
        return "redirected"
    return "gone" if status == HTTPStatus.GONE else "unexpected_status"
