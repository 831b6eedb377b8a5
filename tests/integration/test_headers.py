"""Every answer tells a browser to trust it with as little as possible, and nobody keeps another's."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from tests.integration.submissions import submit, upload

ClientWith = Callable[..., FlaskClient]


@pytest.mark.parametrize("path", ["/v1/batches", "/v1/nowhere", "/livez", "/docs", "/openapi.json", "/metrics"])
def test_security_headers_are_on_every_answer(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "camera=()" in headers["Permissions-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    for name in ("Opener", "Resource"):
        assert headers[f"Cross-Origin-{name}-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert "Server" not in headers
    assert headers["Cache-Control"]


def test_the_documentation_page_may_run_its_own_scripts_and_no_others(client: FlaskClient) -> None:
    page = client.get("/docs")
    policy = page.headers["Content-Security-Policy"]
    (scripts,) = re.findall(r"script-src ([^;]*);", policy)
    inline = re.findall(r"<script>(.*?)</script>", page.text, flags=re.DOTALL)
    assert len(inline) == 1
    digest = base64.b64encode(hashlib.sha256(inline[0].encode()).digest()).decode()
    assert scripts == f"'self' 'sha256-{digest}'"


@pytest.mark.parametrize(
    "path", ["/", f"/batches/{UUID(int=1)}", f"/scans/{UUID(int=1)}", f"/studies/{UUID(int=1)}", "/model", "/webhooks"]
)
def test_a_screen_is_a_shell_without_data_that_runs_files_of_ours_alone(client_with: ClientWith, path: str) -> None:
    screen = client_with(require_keys=True).get(path)
    assert screen.status_code == 200
    policy = dict(part.split(" ", 1) for part in screen.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert (policy["script-src"], policy["style-src"], policy["connect-src"]) == ("'self'", "'self'", "'self'")
    assert not re.search(r"<script>|<script [^>]*>[^<]|<style|\sstyle=|\son[a-z]+=", screen.text)
    assets = re.findall(r'(?:src|href)="(/static/[^"]*)"', screen.text)
    assert len(assets) > 5
    for asset in assets:
        with client_with(require_keys=True).get(asset) as answer:
            assert answer.status_code == 200, asset


def test_documents_and_pictures_are_one_callers_and_still_conditional(client: FlaskClient) -> None:
    location = submit(client, upload("a.png")).headers["Location"]
    scan = client.get(location + "/scans").get_json()["items"][0]["id"]
    for path, control in ((location, {"no-cache", "private"}), (f"/v1/scans/{scan}/image", {"private", "immutable"})):
        answer = client.get(path)
        assert control <= set(answer.headers["Cache-Control"].split(", "))
        assert "Authorization" in answer.headers["Vary"]
        again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")


def test_whole_tables_and_errors_are_not_stored(client: FlaskClient, engine: Engine) -> None:
    location = submit(client, upload("a.png")).headers["Location"]
    for path in (location + "/results.csv", location + "/results.jsonl", "/v1/scans/nowhere", "/metrics", "/readyz"):
        assert client.get(path).headers["Cache-Control"] == "no-store"
