"""Webhooks and their deliveries, as the API takes and answers them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api import examples
from api.schemas.document import Document
from shared.db.models import Webhook, WebhookDelivery
from shared.domain import DeliveryState, WebhookEvent


class NewWebhook(BaseModel):
    """What a webhook is made of."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: str = Field(description="Where to send to: http or https, without user, password and fragment.")
    # Of a list, so that other events may come. `ping` is sent to all.
    events: list[Literal["batch.completed"]] = Field(
        [WebhookEvent.BATCH_COMPLETED.value], min_length=1, max_length=8, description="What to be told of."
    )
    description: str | None = Field(None, pattern="^[^\\x00]*$")


class WebhookDocument(Document):
    """One webhook, without its secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.WEBHOOK]})

    id: UUID
    url: str
    events: list[str]
    description: str | None
    state: Literal["active", "disabled"] = Field(description="disabled: its receiver answered 410 Gone.")
    created_at: datetime
    disabled_at: datetime | None


class NewWebhookDocument(WebhookDocument):
    """One webhook with the secret that signs; it is shown this once."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**examples.WEBHOOK, "secret": "whsec_..."}]})

    secret: str


class WebhookList(Document):
    """A page of webhooks; `next` is the cursor of the following page, null on the last."""

    items: list[WebhookDocument]
    next: str | None


class WebhookAttemptDocument(Document):
    """One request to the receiver; `duration_ms` is null while it runs, or where its sender died."""

    number: int
    at: datetime
    duration_ms: int | None
    status_code: int | None
    error: str | None = Field(description="Why it counts as none; null where it was answered 2xx, or still runs.")


class DeliveryDocument(Document):
    """One event on its way to one webhook; `id` is the `webhook-id` that the receiver sees."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.DELIVERY]})

    id: UUID
    webhook_id: UUID
    event: WebhookEvent
    batch_id: UUID | None
    state: DeliveryState
    created_at: datetime
    next_attempt_at: datetime | None = Field(description="Null once it was delivered or failed.")
    attempts: list[WebhookAttemptDocument]


class DeliveryList(Document):
    """A page of deliveries; `next` is the cursor of the following page, null on the last."""

    items: list[DeliveryDocument]
    next: str | None


class RemovedWebhookDocument(Document):
    """What the deletion of a webhook took away."""

    deliveries: int


def webhook_document(webhook: Webhook) -> WebhookDocument:
    """The answer for one webhook."""
    return WebhookDocument(
        id=webhook.id,
        url=webhook.url,
        events=webhook.events,
        description=webhook.description,
        state="active" if webhook.disabled_at is None else "disabled",
        created_at=webhook.created_at,
        disabled_at=webhook.disabled_at,
    )


def delivery_document(delivery: WebhookDelivery) -> DeliveryDocument:
    """The answer for one delivery, loaded with its attempts."""
    return DeliveryDocument(
        id=delivery.id,
        webhook_id=delivery.webhook_id,
        event=delivery.event,
        batch_id=delivery.batch_id,
        state=delivery.state,
        created_at=delivery.created_at,
        next_attempt_at=delivery.next_attempt_at,
        attempts=[
            WebhookAttemptDocument(
                number=attempt.number,
                at=attempt.started_at,
                duration_ms=attempt.duration_ms,
                status_code=attempt.status_code,
                error=attempt.error,
            )
            for attempt in delivery.attempts
        ],
    )
