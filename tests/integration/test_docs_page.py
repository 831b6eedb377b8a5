"""The API's documentation page needs nothing from anywhere else."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from api import examples
from api.schemas.batches import BatchDocument
from api.schemas.scans import ScanDocument
from api.schemas.studies import StudyDocument
from api.schemas.submissions import DryRunDocument


def test_the_page_loads_only_assets_of_ours(client: FlaskClient) -> None:
    page = client.get("/docs").text
    assets = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert "/openapi.json" in page
    assert len([asset for asset in assets if asset.startswith("/static/")]) >= 3
    assert [asset for asset in assets if not asset.startswith(("/static/", "data:"))] == []
    for asset in assets:
        if asset.startswith("/static/"):
            with client.get(asset) as response:
                assert response.status_code == 200


def test_the_examples_fit_their_schemas() -> None:
    BatchDocument.model_validate(examples.BATCH)
    ScanDocument.model_validate(examples.SCAN)
    StudyDocument.model_validate(examples.STUDY)
    DryRunDocument.model_validate(examples.DRY_RUN)


def test_every_operation_of_the_openapi_document_is_described(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    for path in document["paths"].values():
        for method, operation in path.items():
            if method != "parameters":
                assert operation["summary"]
                assert {"500", "503"} <= set(operation["responses"])
    text = str(document)
    for reference in re.findall(r"#/components/schemas/([\w.]+)", text):
        assert reference in document["components"]["schemas"]
