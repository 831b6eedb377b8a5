"""Every error that a user can meet, each with a stable `code`.

The API turns them into problem+json, the worker into a rejected scan, the command line into a message: one
place decides what an error is called.
"""

from __future__ import annotations


class NeurobatchError(Exception):
    """Root of all errors that are told to a user.

    `code` is stable across releases and lower_snake_case; the message is for people.
    """

    code = "internal_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code


class InvalidRequest(NeurobatchError):
    """The request cannot be understood as it is."""

    code = "invalid_request"


class NotFound(NeurobatchError):
    """No such batch, scan or picture."""

    code = "not_found"


class Unauthorized(NeurobatchError):
    """The call needs an API key and came without one, or with one that does not hold.

    Codes: `key_missing`, `key_invalid`, `session_ended`.
    """

    code = "key_missing"


class Forbidden(NeurobatchError):
    """The caller is known, but may not do this; `scope` is what its key lacks, if that is the reason.

    Codes: `scope_missing`, `cross_site_request`, `csrf_token_missing`, `csrf_token_wrong`.
    """

    code = "forbidden"

    def __init__(self, message: str, *, code: str | None = None, scope: str | None = None) -> None:
        super().__init__(message, code=code)
        self.scope = scope


class Misdirected(NeurobatchError):
    """The request names another host than the ones that are served without a key."""

    code = "misdirected_request"


class Conflict(NeurobatchError):
    """The thing exists but is not in a state that allows this."""

    code = "conflict"


class LimitExceeded(NeurobatchError):
    """A documented limit was broken; `limit` is the setting's name and `value` its value."""

    code = "limit_exceeded"

    def __init__(self, message: str, *, limit: str, value: int | float, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.limit = limit
        self.value = value


class ClientTooSlow(LimitExceeded):
    """The client has kept the service waiting for longer than a documented limit."""

    code = "client_too_slow"


class TooManyRequests(LimitExceeded):
    """The caller has had its share for now; `retry_after_s` tells when there is more.

    Codes: `rate_limited`, `too_many_uploads`, `too_many_streams`, `too_many_pictures`, `too_many_reports`,
    `too_many_studies`, `too_many_dry_runs`, `too_many_sign_ins`, `quota_exceeded`.
    """

    code = "rate_limited"

    def __init__(
        self, message: str, *, limit: str, value: int | float, retry_after_s: int, code: str | None = None
    ) -> None:
        super().__init__(message, limit=limit, value=value, code=code)
        self.retry_after_s = retry_after_s


class FieldTooLong(LimitExceeded):
    """One field of a request is longer than a documented limit."""

    code = "field_too_long"


class Busy(LimitExceeded):
    """As much as is allowed is under way already; trying again later helps."""

    code = "busy"


class InvalidScan(NeurobatchError):
    """The uploaded bytes are no scan that can be classified: the scan is *rejected* with this code.

    Codes: `empty_file`, `not_an_image`, `unsupported_format`, `truncated_image`, `image_too_small`,
    `image_too_large`, `image_too_narrow`, `volume_too_large`, `not_a_volume`, `several_volumes`, `decode_limit`,
    `decoder_crashed`, `no_brain_found`, `not_a_brain_mri`, `mosaic`.
    """

    code = "invalid_scan"


class InvalidBundle(NeurobatchError):
    """A model bundle is incomplete, altered or of another version than this code reads."""

    code = "invalid_bundle"


class MalformedBody(NeurobatchError):
    """The body's bytes break the syntax of their content type, or end early."""

    code = "malformed_body"


class UnsupportedMediaType(NeurobatchError):
    """The body is of a content type that this call does not take."""

    code = "unsupported_media_type"
