"""Multipart bodies, names and fields that mean harm: each a clear refusal or a rejected scan, never our error."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from shared.settings import Settings
from tests.integration.submissions import finish, png, submit, upload
from tests.integration.test_api import assert_problem, nothing_stored, scans_of

GOOD_PART = b'--B\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\nabc\r\n'
END = b"--B--\r\n"
CORRECTION = "/v1/scans/01a20a0b-4fdd-731f-aef1-67dccce5352e/correction"


def post(client: FlaskClient, body: bytes, content_type: str = "multipart/form-data; boundary=B") -> TestResponse:
    return client.post("/v1/batches", data=body, content_type=content_type)


def part(*headers: bytes, data: bytes = b"abc") -> bytes:
    return b"--B\r\n" + b"\r\n".join(headers) + b"\r\n\r\n" + data + b"\r\n"


def file_part(filename: bytes, *, data: bytes = b"abc") -> bytes:
    return part(b'Content-Disposition: form-data; name="files"; filename="' + filename + b'"', data=data)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (GOOD_PART.replace(b"\r\n\r\n", b"\r\nX: " + b"x" * 20_000 + b"\r\n\r\n") + END, "limit_exceeded"),
        (GOOD_PART.replace(b"a.png", b"n" * 2_000_000) + END, "limit_exceeded"),
        (GOOD_PART.replace(b"\r\n\r\n", b"\r\n" + b"X: y\r\n" * 10_000 + b"\r\n") + END, "limit_exceeded"),
        (b"x" * 2_000_000 + b"\r\n" + GOOD_PART + END, "limit_exceeded"),
        (GOOD_PART + END + b"x" * 2_000_000, "limit_exceeded"),
    ],
)
def test_what_stands_around_the_files_has_a_limit_of_its_own(
    client: FlaskClient, settings: Settings, engine: Engine, body: bytes, code: str
) -> None:
    assert assert_problem(post(client, body), 413, code)["limit"] == "max_part_header_bytes"
    assert nothing_stored(settings, engine)


@pytest.mark.parametrize(
    ("part_of_form", "code"),
    [
        (part(b"Content-Disposition: form-data"), "unexpected_field"),
        (part(b'Content-Disposition: form-data; name="files"'), "not_a_file"),
        (part(b'Content-Disposition: form-data; name="\x00"'), "unexpected_field"),
        (part(b'Content-Disposition: form-data; name="name"', data=b"\xff\xfe"), "invalid_request"),
        (part(b'Content-Disposition: form-data; name="name"', data=b"a\x00b"), "invalid_name"),
        (part(b'Content-Disposition: form-data; name="name"') * 2, "duplicate_field"),
        (part(b'Content-Disposition: form-data; name="metadata"', data=b"{}") * 2, "duplicate_field"),
        (part(b'Content-Disposition: form-data; name="metadata"', data=b'{"a": 1e999}'), "invalid_metadata"),
        (part(b'Content-Disposition: form-data; name="metadata"', data=b"9" * 5_000), "invalid_metadata"),
    ],
)
def test_odd_parts_are_refused_by_name(
    client: FlaskClient, settings: Settings, engine: Engine, part_of_form: bytes, code: str
) -> None:
    assert_problem(post(client, GOOD_PART + part_of_form + END), 422, code)
    assert nothing_stored(settings, engine)


@pytest.mark.parametrize("boundary", ["B" * 5_000, "()+_,-./:=?", "B B", "é", "\udcff", ".*", "[", "\\"])
def test_any_boundary_means_itself(client: FlaskClient, boundary: str) -> None:
    quoted = boundary.replace("\\", "\\\\")
    body = (GOOD_PART + END).replace(b"--B", b"--" + boundary.encode("latin-1", "replace"))
    response = post(client, body, f'multipart/form-data; boundary="{quoted}"')
    assert response.status_code == 202, response.text


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary="',
        "multipart/form-data; x=y",
        "multipart/form-data",
    ],
)
def test_no_boundary_is_told(client: FlaskClient, content_type: str) -> None:
    assert_problem(post(client, GOOD_PART + END, content_type), 400, "malformed_body")


@pytest.mark.parametrize("content_type", ["multipart/mixed; boundary=B", "text/html", "", "multipart/form-data\x00"])
def test_another_type_is_told(client: FlaskClient, content_type: str) -> None:
    assert_problem(post(client, GOOD_PART + END, content_type), 415, "unsupported_media_type")


def test_a_form_within_a_part_stays_a_file(client: FlaskClient) -> None:
    inner = b'--C\r\nContent-Disposition: form-data; name="files"; filename="b.png"\r\n\r\nabc\r\n--C--\r\n'
    nested = part(
        b'Content-Disposition: form-data; name="files"; filename="a"',
        b"Content-Type: multipart/mixed; boundary=C",
        data=inner,
    )
    assert [scan["filename"] for scan in scans_of(client, post(client, nested + END))] == ["a"]


def test_a_boundary_within_a_file_that_is_none_stays_in_it(client: FlaskClient, settings: Settings) -> None:
    data = b"\r\n--A\r\n--\r\n-- B\r\n--" * 20_000
    scans_of(client, post(client, file_part(b"a", data=data) + END))
    (kept,) = settings.data_dir.glob("uploads/*/*")
    assert kept.read_bytes() == data


def test_thousands_of_empty_parts_are_too_many(client_with: Callable[..., FlaskClient]) -> None:
    client = client_with(max_files_per_batch=100)
    response = post(client, file_part(b"", data=b"") * 5_000 + END)
    assert assert_problem(response, 413, "limit_exceeded")["limit"] == "max_files_per_batch"


HOSTILE_NAMES = {
    "right-to-left": "scan\u202egnp.exe",
    "line break": "a\r\nSet-Cookie: x=y.png",
    "escape": "\x1b[2J.png",
    "ten thousand": "n" * 10_000,
    "drive": "C:evil.png",
    "climbing": "..\\..\\windows\\x.png",
    "zero width": "a\u200b.png",
    "private use": "\ue000.png",
    "byte order mark": "\ufeffa.png",
}
HARMLESS_NAMES = {
    "reserved on Windows": "CON.png",
    "markup": "<img src=x onerror=alert(1)>.png",
    "query": "'; DROP TABLE scans; --.png",
    "formula": '=HYPERLINK("http://x","y")',
    "template": "{{7*7}}${7*7}%s%n.png",
    "home": "~/.ssh/id_rsa",
    "astral": "\U0001f9e0.png",
    "composed": "e\u0301.png",
}


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES)
def test_a_name_that_deceives_is_rejected_alone(client: FlaskClient, name: str) -> None:
    hostile = part(f"Content-Disposition: form-data; name=files; filename*=UTF-8''{quote(name)}".encode())
    scans = scans_of(client, post(client, GOOD_PART + hostile + END))
    assert [(scan["state"], scan["code"]) for scan in scans] == [("queued", None), ("rejected", "invalid_filename")]
    assert scans[1]["filename"].isprintable()
    assert len(scans[1]["filename"]) <= 255


@pytest.mark.parametrize("name", HARMLESS_NAMES.values(), ids=HARMLESS_NAMES)
def test_a_name_is_text_and_nothing_else(client: FlaskClient, settings: Settings, name: str) -> None:
    scans = scans_of(client, post(client, file_part(name.replace('"', "%22").encode(), data=png()) + END))
    assert [(scan["filename"], scan["state"]) for scan in scans] == [(name, "queued")]
    kept = [path.name for path in settings.data_dir.rglob("*") if path.is_file() and "uploads" in path.parts]
    assert kept == ["000000"]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (r"x%22y.png", r'x"y.png'),  # browsers, RFC 7578
        (r"a\b.png", r"a\b.png"),
        (r"100%25.png", r"100%25.png"),
        (r"a\\b%22c.png", r'a\b"c.png'),  # httpx
        (r"a\\b.png", r"a\b.png"),  # httpx, Go
        (r"a\\b\"c.png", r'a\b"c.png'),  # Go, curl before 7.81
        (r"a\\\\b\"c.png", r'a\\b"c.png'),
        (r"a\\\\b.png", r"a\\b.png"),
    ],
)
def test_a_name_is_shown_as_it_is_whoever_quoted_it(client: FlaskClient, sent: str, shown: str) -> None:
    scans = scans_of(client, post(client, file_part(sent.encode(), data=png()) + END))
    assert [scan["filename"] for scan in scans] == [shown]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])
def test_no_cell_of_the_table_is_a_formula(client: FlaskClient, start: str) -> None:
    response = submit(client, upload(f"{start}cmd|' /C calc'!A0"))
    table = client.get(response.headers["Location"] + "/results.csv").get_data(as_text=True)
    (row,) = csv.DictReader(io.StringIO(table))
    assert row["filename"].startswith("'" + start)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_nor_is_one_where_lists_are_separated_otherwise(client: FlaskClient, engine: Engine, separator: str) -> None:
    """Spreadsheets of half of Europe split at semicolons, and would find no cell of ours quoted."""
    names = ["a;=cmd", "b,c;-cmd", "d;;@cmd;+1", "e; f;g=h"]
    location = submit(client, *map(upload, names)).headers["Location"]
    note = f'one{separator}=cmd{separator}"=cmd"\n-cmd'
    for scan in client.get(location + "/scans").get_json()["items"]:
        finish(engine, [UUID(scan["id"])])
        client.put(f"/v1/scans/{scan['id']}/correction", json={"label": "glioma", "note": note})
    table = client.get(location + "/results.csv").get_data(as_text=True)
    cells = [cell for row in csv.reader(io.StringIO(table, newline=""), delimiter=separator) for cell in row]
    assert len(cells) > 8
    assert not [cell for cell in cells if cell.lstrip('"').startswith(("=", "+", "-", "@"))]
    kept = [row["filename"].replace("'", "") for row in csv.DictReader(io.StringIO(table))]
    assert kept == names


def polyglot(image_format: str) -> bytes:
    """A picture that is a web page too, and an archive."""
    encoded = io.BytesIO()
    Image.open(io.BytesIO(png())).save(encoded, image_format)
    return encoded.getvalue() + b"<html><script>alert(1)</script></html>PK\x05\x06" + bytes(18)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "BMP", "TIFF"])
def test_what_is_served_is_drawn_anew_and_typed(client: FlaskClient, image_format: str) -> None:
    (scan,) = scans_of(client, submit(client, upload("<script>alert(1)</script>.html", polyglot(image_format))))
    shown = client.get(f"/v1/scans/{scan['id']}/image")
    assert b"script" not in shown.data
    assert shown.mimetype == "image/png"
    answers = [shown, *(client.get(path) for path in _pages_that_show_the_name(scan))]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.mimetype in {"image/png", "application/json", "application/x-ndjson", "text/csv"}


def _pages_that_show_the_name(scan: dict[str, Any]) -> list[str]:
    batch = f"/v1/batches/{scan['batch_id']}"
    return [f"/v1/scans/{scan['id']}", f"{batch}/scans", f"{batch}/results.csv", f"{batch}/results.jsonl"]


def test_a_name_is_never_logged(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    submit(client, upload("Mustermann^Erika.png"), upload("Mustermann\n{}.png"), name="Mustermann")
    assert "Mustermann" not in caplog.text


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/session"), ("POST", "/v1/webhooks"), ("PUT", CORRECTION)])
@pytest.mark.parametrize("value", ["[" * 30_000 + "]" * 30_000, "[" * 60_000, '{"a":' * 10_000, "[", "", "\xff"])
def test_what_is_no_json_or_is_nested_without_end_is_told(
    client: FlaskClient, method: str, path: str, value: str
) -> None:
    for body in (value, '{"key": ' + value + "}", '{"url": ' + value + "}"):
        answer = client.open(path, method=method, data=body.encode("latin-1"), content_type="application/json")
        assert_problem(answer, 400, "malformed_body")


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/session"), ("POST", "/v1/webhooks"), ("PUT", CORRECTION)])
def test_what_is_nested_as_deep_as_can_be_read_is_no_value_of_a_field(
    client: FlaskClient, method: str, path: str
) -> None:
    for levels in (100, 900):
        body = {"key": "[" * levels + "]" * levels, "url": "[" * levels + "]" * levels}
        data = "{" + ", ".join(f'"{name}": {value}' for name, value in body.items()) + "}"
        assert client.open(path, method=method, data=data, content_type="application/json").status_code == 422
