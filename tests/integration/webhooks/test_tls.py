"""An encrypted receiver is reached at a judged address and must still prove the name of its URL."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path
from uuid import UUID

import pytest

from shared.settings import Settings
from shared.webhook_signatures import new_secret
from tests.conftest import missing
from tests.integration.receivers import receiving
from worker.webhook_queue import Outcome, Taken
from worker.webhook_sender import Sender

NAME = "receiver.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of NAME, with its key in the same file."""
    if shutil.which("openssl") is None:
        missing("the command openssl")
    path = tmp_path_factory.mktemp("tls") / "receiver.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    subprocess.run([*made, *names, "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


def deliver(certificate: Path, *, to: str, trusted: bool = True) -> tuple[Outcome, list[str | None]]:
    """One delivery to a receiver on loopback, under any name; what came of it, and the names that it was called by."""
    called: list[str | None] = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    tls.sni_callback = lambda _socket, name, _context: called.append(name)
    sending = ssl.create_default_context(cafile=certificate) if trusted else ssl.create_default_context()
    settings = Settings(webhook_private_targets=True, webhook_timeout_s=5)
    sender = Sender(settings, resolver=lambda *_: ["127.0.0.1"], ssl_context=sending)
    with receiving(tls) as receiver:
        url = receiver.url.replace("127.0.0.1", to)
        taken = Taken(UUID(int=1), UUID(int=2), "local", url=url, secret=new_secret(), body=b"{}", number=1, tries=1)
        outcome = sender.send(taken, timestamp=1)
    return outcome, called


def test_the_name_of_the_url_is_asked_for_and_proved(certificate: Path) -> None:
    outcome, called = deliver(certificate, to=NAME)
    assert (outcome.error, outcome.status_code, called) == (None, 200, [NAME])


def test_a_certificate_of_another_name_is_refused(certificate: Path) -> None:
    outcome, _ = deliver(certificate, to="other.example")
    assert (outcome.error, outcome.status_code) == ("tls_failed", None)


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    outcome, _ = deliver(certificate, to=NAME, trusted=False)
    assert (outcome.error, outcome.status_code) == ("tls_failed", None)
