from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest

from shared.webhook_signatures import ID, SIGNATURE, TIMESTAMP, InvalidSignature, new_secret, signed_headers
from shared.webhook_signatures import verify_webhook as verify

NOW = 1_674_087_231
BODY = b'{"type":"batch.completed","data":{}}'


def signed(secret: str, body: bytes = BODY) -> dict[str, str]:
    return signed_headers(secret, message_id="01a2", timestamp=NOW, body=body)


def test_what_is_signed_is_what_standard_webhooks_says() -> None:
    """Worked out here by hand, so that signing and verifying cannot err together."""
    secret = new_secret()
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = hmac.new(key, b"01a2.1674087231." + BODY, hashlib.sha256).digest()
    assert signed(secret) == {
        "webhook-id": "01a2",
        "webhook-timestamp": "1674087231",
        "webhook-signature": f"v1,{base64.b64encode(expected).decode()}",
    }


def test_a_signed_request_is_taken_by_any_spelling_of_its_headers() -> None:
    secret = new_secret()
    headers = {name.title(): value for name, value in signed(secret).items()}
    assert verify(secret, headers, BODY, now=NOW + 299) == json.loads(BODY)


def test_one_fitting_signature_of_several_is_enough() -> None:
    secret = new_secret()
    headers = signed(secret)
    headers[SIGNATURE] = f"v1a,other {signed(new_secret())[SIGNATURE]} {headers[SIGNATURE]}"
    assert verify(secret, headers, BODY, now=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {ID: "01a3"},
        {TIMESTAMP: str(NOW + 1)},
        {TIMESTAMP: "soon"},
        {SIGNATURE: ""},
        {TIMESTAMP: "9" * 400},
        {TIMESTAMP: "9" * 5000},
        {SIGNATURE: "v1,ü"},
        {SIGNATURE: "v1,\udcfc"},
        {ID: "\udcfc"},
        {SIGNATURE: "v1," + base64.b64encode(bytes(32)).decode()},
    ],
)
def test_an_altered_request_is_refused(changes: dict[str, str]) -> None:
    secret = new_secret()
    with pytest.raises(InvalidSignature):
        verify(secret, {**signed(secret), **changes}, BODY, now=NOW)


def test_an_altered_body_an_old_request_and_a_missing_header_are_refused() -> None:
    secret = new_secret()
    headers = signed(secret)
    for body, now in ((BODY + b" ", NOW), (BODY, NOW + 301), (BODY, NOW - 301)):
        with pytest.raises(InvalidSignature):
            verify(secret, headers, body, now=now)
    for name in headers:
        with pytest.raises(InvalidSignature, match=name):
            verify(secret, {other: value for other, value in headers.items() if other != name}, BODY, now=NOW)
    with pytest.raises(InvalidSignature, match="secret"):
        verify("whsec_???", headers, BODY, now=NOW)
    with pytest.raises(InvalidSignature, match="JSON"):
        verify(secret, signed(secret, b"x"), b"x", now=NOW)
