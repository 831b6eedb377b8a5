"""`/v1/webhooks`: who is told when a batch has come to its end, and what became of the telling."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import url_for

from api import webhooks
from api.callers import caller
from api.schemas.pages import PageQuery, decode_cursor, encode_cursor
from api.schemas.webhooks import (
    DeliveryDocument,
    DeliveryList,
    NewWebhook,
    NewWebhookDocument,
    RemovedWebhookDocument,
    WebhookDocument,
    WebhookList,
    delivery_document,
    webhook_document,
)
from api.services import services

blueprint = APIBlueprint("webhooks", __name__, url_prefix="/v1/webhooks", tag="Webhooks")


@blueprint.post("")
@blueprint.input(NewWebhook, location="json", arg_name="wanted")
@blueprint.output(NewWebhookDocument, status_code=HTTPStatus.CREATED)
@blueprint.doc(operation_id="add_webhook", responses=[400, 413, 422])
def add(wanted: NewWebhook) -> Any:
    """Add a webhook. The answer holds the secret that signs, this once."""
    made = webhooks.add_webhook(
        services(), caller(), url=wanted.url, events=wanted.events, description=wanted.description
    )
    document = NewWebhookDocument(**webhook_document(made).model_dump(), secret=made.secret)
    return document, HTTPStatus.CREATED, {"Location": url_for("webhooks.show", webhook_id=made.id)}


@blueprint.get("")
@blueprint.input(PageQuery, location="query", arg_name="page")
@blueprint.output(WebhookList)
@blueprint.doc(operation_id="list_webhooks")
def index(page: PageQuery) -> Any:
    """List webhooks, newest first, without their secrets."""
    found = webhooks.list_webhooks(services(), caller(), before=decode_cursor(page.cursor), limit=page.limit + 1)
    items = [webhook_document(webhook) for webhook in found[: page.limit]]
    return WebhookList(items=items, next=encode_cursor(items[-1].id) if len(found) > page.limit else None)


@blueprint.get("/<uuid:webhook_id>")
@blueprint.output(WebhookDocument)
@blueprint.doc(operation_id="get_webhook", responses=[404])
def show(webhook_id: UUID) -> Any:
    """Look at one webhook."""
    return webhook_document(webhooks.find_webhook(services(), caller(), webhook_id))


@blueprint.delete("/<uuid:webhook_id>")
@blueprint.output(RemovedWebhookDocument)
@blueprint.doc(operation_id="delete_webhook", responses=[404])
def delete(webhook_id: UUID) -> Any:
    """Remove a webhook and its log; what was still to be delivered is not."""
    return RemovedWebhookDocument(deliveries=webhooks.delete_webhook(services(), caller(), webhook_id))


@blueprint.post("/<uuid:webhook_id>/test")
@blueprint.output(DeliveryDocument, status_code=HTTPStatus.ACCEPTED)
@blueprint.doc(operation_id="test_webhook", responses=[404, 409])
def ping(webhook_id: UUID) -> Any:
    """Send a `ping`, to try out the receiver; the log tells what it answered."""
    return delivery_document(webhooks.send_ping(services(), caller(), webhook_id)), HTTPStatus.ACCEPTED


@blueprint.get("/<uuid:webhook_id>/deliveries")
@blueprint.input(PageQuery, location="query", arg_name="page")
@blueprint.output(DeliveryList)
@blueprint.doc(operation_id="list_deliveries", responses=[404])
def list_deliveries(webhook_id: UUID, page: PageQuery) -> Any:
    """The log of a webhook: its deliveries with their attempts, newest first."""
    found = webhooks.list_deliveries(
        services(), caller(), webhook_id, before=decode_cursor(page.cursor), limit=page.limit + 1
    )
    items = [delivery_document(delivery) for delivery in found[: page.limit]]
    return DeliveryList(items=items, next=encode_cursor(items[-1].id) if len(found) > page.limit else None)


@blueprint.post("/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/resend")
@blueprint.output(DeliveryDocument, status_code=HTTPStatus.ACCEPTED)
@blueprint.doc(operation_id="resend_delivery", responses=[404, 409])
def resend(webhook_id: UUID, delivery_id: UUID) -> Any:
    """Send a delivery again, now and under the same `webhook-id`, whatever became of it before."""
    return delivery_document(webhooks.resend(services(), caller(), webhook_id, delivery_id)), HTTPStatus.ACCEPTED
