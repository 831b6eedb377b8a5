"""The HTTP API as a client meets it: real database, real broker, no worker."""

from __future__ import annotations

import io
import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import Engine, QueuePool, func, select
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from api.callers import local_caller
from api.services import Services
from neurobatch.phantoms import draw_head
from shared.db.models import Batch, Scan
from shared.db.session import reading
from shared.settings import Settings
from tests.integration.submissions import finish, png, submit, submit_many, upload
from tests.servers import PostgresServer


def scans_of(client: FlaskClient, response: TestResponse) -> list[dict[str, Any]]:
    assert response.status_code == 202, response.text
    page: dict[str, Any] = client.get(response.headers["Location"] + "/scans").get_json()
    return list(page["items"])


def assert_problem(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    problem: dict[str, Any] = json.loads(response.data)
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["detail"]
    assert problem["request_id"] == response.headers["X-Request-ID"]
    return problem


def nothing_stored(settings: Settings, engine: Engine) -> bool:
    with reading(engine) as session:
        rows = session.scalar(select(func.count()).select_from(Batch))
    leftovers = [*settings.data_dir.glob("staging/*"), *settings.data_dir.glob("uploads/*")]
    return rows == 0 and not leftovers


def test_a_batch_is_accepted_and_can_be_looked_up(client: FlaskClient) -> None:
    response = submit(client, upload("a.png"), upload("b.png"), name="first", metadata='{"site": 3}')
    batch = response.get_json()
    assert response.headers["Location"] == f"/v1/batches/{batch['id']}"
    assert int(response.headers["Retry-After"]) > 0
    assert batch["state"] == "queued"
    assert (batch["name"], batch["metadata"], batch["total"]) == ("first", {"site": 3}, 2)
    assert batch["counts"] == {"queued": 2, "running": 0, "succeeded": 0, "rejected": 0, "failed": 0, "cancelled": 0}
    assert client.get(response.headers["Location"]).get_json() == batch


def test_accepted_files_are_on_disk_byte_for_byte(client: FlaskClient, settings: Settings, engine: Engine) -> None:
    data = png(7)
    submit(client, upload("x.png", data))
    with reading(engine) as session:
        scan = session.scalars(select(Scan)).one()
    assert scan.upload_key is not None
    assert (settings.data_dir / scan.upload_key).read_bytes() == data
    assert scan.size_bytes == len(data)
    assert list(settings.data_dir.glob("staging/*")) == []


def test_two_files_of_one_name_are_two_scans(client: FlaskClient) -> None:
    scans = scans_of(client, submit(client, upload("a.png"), upload("a.png")))
    assert [scan["filename"] for scan in scans] == ["a.png", "a.png"]
    assert scans[0]["id"] != scans[1]["id"]


def test_pages_of_a_tiff_are_scans_with_frames(client: FlaskClient) -> None:
    encoded = io.BytesIO()
    pages = [Image.fromarray(draw_head(seed)) for seed in range(3)]
    pages[0].save(encoded, "TIFF", save_all=True, append_images=pages[1:])
    scans = scans_of(client, submit(client, upload("stack.tif", encoded.getvalue()), upload("a.png")))
    assert [(s["filename"], s["frame"]) for s in scans] == [
        ("stack.tif", 0),
        ("stack.tif", 1),
        ("stack.tif", 2),
        ("a.png", 0),
    ]
    shown = Image.open(io.BytesIO(client.get(f"/v1/scans/{scans[2]['id']}/image").data))
    assert shown.size == pages[2].size


@pytest.mark.parametrize("name", ["../../etc/passwd.png", "/etc/x.png", "a\x00.png", "n" * 300 + ".png", " "])
def test_an_unusable_file_name_is_rejected_alone(client: FlaskClient, name: str) -> None:
    scans = scans_of(client, submit(client, upload(name), upload("good.png")))
    assert [(s["state"], s["code"]) for s in scans] == [("rejected", "invalid_filename"), ("queued", None)]
    assert scans[0]["message"]
    assert "\x00" not in scans[0]["filename"]
    assert len(scans[0]["filename"]) <= 255


def test_scans_are_paged_in_order(client: FlaskClient) -> None:
    location = submit(client, *(upload(f"{n}.png", b"x") for n in range(7))).headers["Location"]
    seen, cursor = [], None
    while True:
        query = f"?limit=3&cursor={cursor}" if cursor else "?limit=3"
        page = client.get(f"{location}/scans{query}").get_json()
        seen += [scan["filename"] for scan in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [f"{n}.png" for n in range(7)]


def test_batches_are_listed_newest_first(client: FlaskClient) -> None:
    ids = [submit(client, upload("a.png", b"x")).get_json()["id"] for _ in range(3)]
    first = client.get("/v1/batches?limit=2").get_json()
    second = client.get(f"/v1/batches?limit=2&cursor={first['next']}").get_json()
    assert [b["id"] for b in first["items"] + second["items"]] == ids[::-1]
    assert second["next"] is None


def test_an_image_is_served_as_png_and_cached(client: FlaskClient) -> None:
    encoded = io.BytesIO()
    Image.fromarray(draw_head(1)).save(encoded, "BMP")
    (scan,) = scans_of(client, submit(client, upload("a.bmp", encoded.getvalue())))
    response = client.get(f"/v1/scans/{scan['id']}/image")
    assert response.mimetype == "image/png"
    assert Image.open(io.BytesIO(response.data)).size == (256, 256)
    again = client.get(f"/v1/scans/{scan['id']}/image", headers={"If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304


def test_no_picture_of_what_is_no_image(client: FlaskClient) -> None:
    (scan,) = scans_of(client, submit(client, upload("a.png", b"text")))
    assert_problem(client.get(f"/v1/scans/{scan['id']}/image"), 409, "no_image")
    assert_problem(client.get(f"/v1/scans/{scan['id']}/heatmap"), 409, "not_ready")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/batches/{}",
        "/v1/batches/{}/scans",
        "/v1/scans/{}",
        "/v1/scans/{}/image",
        "/v1/scans/{}/heatmap",
        "/v1/scans/{}/overlay",
    ],
)
@pytest.mark.parametrize("unknown", ["b5d687a7-4498-4b11-9fe1-62da702fb780", "no-id", "..%2f..%2fetc"])
def test_an_unknown_id_is_404(client: FlaskClient, path: str, unknown: str) -> None:
    assert_problem(client.get(path.format(unknown)), 404, "not_found")


def test_a_wrong_method_is_405_and_names_the_right_ones(client: FlaskClient) -> None:
    response = client.put("/v1/batches")
    assert_problem(response, 405, "method_not_allowed")
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x"])
def test_a_limit_out_of_range_is_422(client: FlaskClient, query: str) -> None:
    assert_problem(client.get(f"/v1/batches?{query}"), 422, "invalid_request")


@pytest.mark.parametrize("cursor", ["x", "%00", "é", "AAAA", "A" * 23])
def test_a_made_up_cursor_is_422(client: FlaskClient, cursor: str) -> None:
    assert_problem(client.get(f"/v1/batches?cursor={cursor}"), 422, "invalid_request")


def test_a_batch_without_files_is_422(client: FlaskClient, settings: Settings, engine: Engine) -> None:
    response = client.post("/v1/batches", data={"name": "x"}, content_type="multipart/form-data")
    assert_problem(response, 422, "no_files")
    assert nothing_stored(settings, engine)


def test_a_file_in_another_field_is_told(client: FlaskClient, settings: Settings, engine: Engine) -> None:
    assert_problem(client.post("/v1/batches", data={"file": upload()}), 422, "unexpected_field")
    assert_problem(submit(client, upload(), nmae="typo"), 422, "unexpected_field")
    assert_problem(
        client.post("/v1/batches", data={"files": "text"}, content_type="multipart/form-data"), 422, "not_a_file"
    )
    assert nothing_stored(settings, engine)


GOOD_PART = b'--B\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\nabc\r\n'


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense",
        GOOD_PART,
        GOOD_PART + b"--B",
        GOOD_PART.replace(b"Content-Disposition", b"X-Other") + b"--B--\r\n",
        GOOD_PART.replace(b"a.png", b"\xff\xfe") + b"--B--\r\n",
        GOOD_PART.replace(b"--B", b"--C") + b"--C--\r\n",
        GOOD_PART.replace(b"form-data", b"attachment") + b"--B--\r\n",
        GOOD_PART.replace(b"abc", b"\r\n--Bx") + b"--B--\r\n",  # RFC 2046: it is the boundary, whatever follows
    ],
)
def test_a_broken_body_is_400_and_leaves_nothing(
    client: FlaskClient, settings: Settings, engine: Engine, body: bytes
) -> None:
    response = client.post("/v1/batches", data=body, content_type="multipart/form-data; boundary=B")
    assert_problem(response, 400, "malformed_body")
    assert nothing_stored(settings, engine)


def test_a_body_without_boundary_is_400(client: FlaskClient) -> None:
    assert_problem(client.post("/v1/batches", data=b"x", content_type="multipart/form-data"), 400, "malformed_body")


def test_another_content_type_is_415(client: FlaskClient) -> None:
    assert_problem(client.post("/v1/batches", json={}), 415, "unsupported_media_type")


@pytest.mark.parametrize("metadata", ["[1]", "{", "NaN", '{"a": NaN}', "[" * 9000, '{"a": "\\ud800"}'])
def test_metadata_that_is_no_json_object_is_422(client: FlaskClient, metadata: str) -> None:
    assert_problem(submit(client, upload(), metadata=metadata), 422, "invalid_metadata")


def test_metadata_nested_as_deep_as_allowed_can_be_shown_and_deeper_is_refused(
    client: FlaskClient, settings: Settings, engine: Engine
) -> None:
    def nested(levels: int) -> str:
        return '{"a":' * (levels - 1) + "{}" + "}" * (levels - 1)

    problem = assert_problem(
        submit(client, upload(), metadata=nested(settings.max_metadata_depth + 1)), 422, "field_too_long"
    )
    assert (problem["limit"], problem["value"]) == ("max_metadata_depth", settings.max_metadata_depth)
    assert nothing_stored(settings, engine)
    path = submit(client, upload(), metadata=nested(settings.max_metadata_depth)).headers["Location"]
    assert json.dumps(client.get(path).get_json()["metadata"], separators=(",", ":")) == nested(
        settings.max_metadata_depth
    )
    assert client.get("/v1/batches").status_code == 200


@pytest.mark.parametrize("name", ["a\x00b", "a\nb", "a\x1b]0;title\x07b", "a\u2028b", "a\x9bb"])
def test_a_name_that_a_terminal_would_obey_is_422(client: FlaskClient, name: str) -> None:
    assert_problem(submit(client, upload(), name=name), 422, "invalid_name")


def test_only_so_many_pictures_are_drawn_at_once(client_with: Callable[..., FlaskClient]) -> None:
    client = client_with(max_pictures=1)
    path = submit(client, upload()).headers["Location"]
    image = f"/v1/scans/{client.get(path + '/scans').get_json()['items'][0]['id']}/image"
    with client.application.extensions[Services.EXTENSION].pictures.hold(local_caller(None)):
        busy = client.get(image)
        problem = assert_problem(busy, 503, "too_many_pictures")
        assert problem["limit"] == "max_pictures"
        assert "Retry-After" in busy.headers
    assert [client.get(image).status_code for _ in range(3)] == [200, 200, 200]


LIMITS = {
    "max_files_per_batch": (2, 413, "limit_exceeded"),
    "max_file_bytes": (100, 413, "limit_exceeded"),
    "max_batch_bytes": (300, 413, "limit_exceeded"),
    "max_name_chars": (3, 422, "field_too_long"),
    "max_metadata_bytes": (4, 422, "field_too_long"),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_broken_limit_is_told_by_name_and_value(
    client_with: Callable[..., FlaskClient], settings: Settings, engine: Engine, limit: str
) -> None:
    value, status, code = LIMITS[limit]
    files = [upload(f"{n}.png", b"x" * 150) for n in range(3)]
    response = submit(client_with(**{limit: value}), *files, name="a name", metadata='{"a": 1}')
    problem = assert_problem(response, status, code)
    assert (problem["limit"], problem["value"]) == (limit, value)
    assert nothing_stored(settings, engine)


def test_a_body_that_says_that_it_is_too_large_is_not_read(client: FlaskClient, settings: Settings) -> None:
    class Unread(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            raise AssertionError("the body was read")

    response = client.post(
        "/v1/batches",
        input_stream=Unread(),
        content_type="multipart/form-data; boundary=b",
        environ_overrides={"CONTENT_LENGTH": str(settings.max_batch_bytes + 1)},
    )
    assert assert_problem(response, 413, "limit_exceeded")["limit"] == "max_batch_bytes"


def test_metadata_comes_back_as_it_was_sent(client: FlaskClient) -> None:
    sent = {"site": 3, "note": "a\x00b \N{GREEK SMALL LETTER ALPHA}", "nested": [None, {"x": 1.5}]}
    location = submit(client, upload(), metadata=json.dumps(sent)).headers["Location"]
    assert client.get(location).get_json()["metadata"] == sent


def test_too_many_pages_are_rejected_with_the_limit_and_not_kept(
    client_with: Callable[..., FlaskClient], settings: Settings
) -> None:
    encoded = io.BytesIO()
    pages = [Image.new("L", (40, 40)) for _ in range(5)]
    pages[0].save(encoded, "TIFF", save_all=True, append_images=pages[1:])
    client = client_with(max_frames_per_file=4)
    (scan,) = scans_of(client, submit(client, upload("a.tif", encoded.getvalue())))
    assert (scan["state"], scan["code"]) == ("rejected", "too_many_frames")
    assert "max_frames_per_file = 4" in scan["message"]
    assert not list(settings.data_dir.glob("uploads/*/*"))


def test_a_batch_is_accepted_while_the_broker_is_down(client_with: Callable[..., FlaskClient]) -> None:
    client = client_with(redis_url="redis+socket:///nowhere.sock?virtual_host=0")
    response = submit(client, upload())
    assert response.status_code == 202
    assert response.get_json()["counts"]["queued"] == 1


def test_a_batch_is_accepted_while_the_broker_hangs(client_with: Callable[..., FlaskClient], short_tmp: Path) -> None:
    path = short_tmp / "hung.sock"
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(path))
        hung.listen()
        started = time.monotonic()
        response = submit(client_with(redis_url=f"redis+socket://{path}?virtual_host=0"), upload())
        assert response.status_code == 202
        assert time.monotonic() - started < 10
    path.unlink()


def test_a_batch_that_is_stored_is_accepted_whatever_its_dispatch_meets(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object, **__: object) -> None:
        raise OperationalError("SELECT", {}, Exception("database is locked"))

    monkeypatch.setattr("shared.dispatch.queries.take_undispatched", locked)
    response = submit(client, upload())
    assert response.status_code == 202
    assert [scan["state"] for scan in scans_of(client, response)] == ["queued"]


@pytest.mark.parametrize("field", [("name", "max_name_chars"), ("metadata", "max_metadata_bytes")])
def test_a_field_without_end_is_told_with_its_own_limit(client: FlaskClient, field: tuple[str, str]) -> None:
    name, limit = field
    response = submit(client, upload(), **{name: "x" * 70_000})  # type: ignore[arg-type]
    assert_problem(response, 413, "limit_exceeded")
    assert response.get_json()["limit"] == limit


def test_a_picture_that_went_with_its_batch_is_404(client: FlaskClient, engine: Engine) -> None:
    _, (scan_id,) = submit_many(client, 1)
    finish(engine, [scan_id], heatmap_path=f"artifacts/{scan_id}/removed.heatmap.png")
    assert_problem(client.get(f"/v1/scans/{scan_id}/heatmap"), 404, "not_found")


def test_files_that_vanish_under_a_submission_are_no_404(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def swept(*_: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("api.staging.os.rename", swept)
    assert_problem(submit(client, upload()), 500, "internal_error")


def test_a_database_that_is_not_migrated_is_503(
    client_with: Callable[..., FlaskClient], postgres: PostgresServer, tmp_path: Path
) -> None:
    for url in (f"sqlite:///{tmp_path / 'empty.db'}", postgres.url(postgres.clone("template1"))):
        response = client_with(database_url=url).get("/v1/batches")
        assert_problem(response, 503, "database_unavailable")


def test_a_database_that_is_down_is_503(client_with: Callable[..., FlaskClient], tmp_path: Path) -> None:
    client = client_with(database_url=f"postgresql://postgres@/x?host={tmp_path}")
    response = submit(client, upload())
    assert_problem(response, 503, "database_unavailable")
    assert int(response.headers["Retry-After"]) > 0
    assert not [path for kind in ("staging", "uploads") for path in tmp_path.glob(f"{kind}/*")]


def test_a_database_that_keeps_everybody_waiting_is_503(client: FlaskClient) -> None:
    services: Services = client.application.extensions[Services.EXTENSION]
    pool = services.engine.pool
    assert isinstance(pool, QueuePool)
    pool._timeout = 0.05
    with ExitStack() as held:
        for _ in range(pool.size() + pool._max_overflow):
            held.enter_context(services.engine.connect())
        response = submit(client, upload())
    assert_problem(response, 503, "database_unavailable")
    assert int(response.headers["Retry-After"]) > 0
    assert submit(client, upload()).status_code == 202


def test_readiness_is_about_accepting(client: FlaskClient) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.get_json()["status"] == "degraded"  # no worker runs here
    assert set(response.get_json()["degraded"]) == {"workers", "model"}
    assert client.get("/livez").get_json()["status"] == "ok"


def test_not_ready_where_nothing_can_be_staged(client: FlaskClient, settings: Settings) -> None:
    (settings.data_dir / "staging").write_bytes(b"a file where the folder belongs")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.get_json()["status"] == "unavailable"
    assert "not writable" in response.get_json()["staging"]


def test_not_ready_on_a_database_without_tables(client_with: Callable[..., FlaskClient], tmp_path: Path) -> None:
    response = client_with(database_url=f"sqlite:///{tmp_path / 'empty.db'}").get("/readyz")
    assert response.status_code == 503
    assert "revision" in response.get_json()["database"]


def test_the_openapi_document_lists_the_routes(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    assert document["openapi"].startswith("3.1")
    assert {
        "/v1/batches",
        "/v1/batches/{batch_id}",
        "/v1/batches/{batch_id}/scans",
        "/v1/scans/{scan_id}",
        "/v1/scans/{scan_id}/heatmap",
    } <= set(document["paths"])
    assert "multipart/form-data" in document["paths"]["/v1/batches"]["post"]["requestBody"]["content"]
