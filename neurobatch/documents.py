"""The documents that the service answers, as types for Python programs; docs/api.md says what they mean."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict


class Problem(TypedDict, total=False):
    """Why a request was refused (RFC 9457); `limit` and `value` only where a limit was broken."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str | None
    limit: str
    value: float
    errors: Any


class Counts(TypedDict):
    """Number of a batch's scans in each state."""

    queued: int
    running: int
    succeeded: int
    rejected: int
    failed: int
    cancelled: int


class Batch(TypedDict):
    """One batch and its progress. Times are RFC 3339."""

    id: str
    name: str | None
    state: str
    total: int
    counts: Counts
    metadata: dict[str, Any]
    created_at: str
    started_at: str | None
    finished_at: str | None
    expires_at: str | None


class Attempt(TypedDict):
    """One claim of a scan by a worker."""

    worker: str
    started_at: str
    ended_at: str | None
    outcome: str | None
    reason: str | None


class Point(TypedDict):
    """A pixel of the image, from its top left corner."""

    x: int
    y: int


class Correction(TypedDict):
    """What a reader said of a scan; `by` is a key's id, or local."""

    label: str
    note: str | None
    by: str
    at: str


class Scan(TypedDict):
    """One scan; the members from `label` on are None unless it succeeded."""

    id: str
    batch_id: str
    study_id: str | None
    slice_index: int | None
    filename: str
    frame: int
    state: str
    code: str | None
    message: str | None
    warnings: list[str]
    attempts: list[Attempt]
    created_at: str
    started_at: str | None
    ended_at: str | None
    label: str | None
    probabilities: dict[str, float] | None
    confidence: float | None
    needs_review: bool | None
    review_reasons: list[str] | None
    heatmap_path: str | None
    overlay_path: str | None
    focus: Point | None
    model: str | None
    timings: dict[str, float] | None
    correction: Correction | None


class SuspiciousSlice(TypedDict):
    """One slice among those with the highest probability of a tumour."""

    scan_id: str
    slice_index: int
    tumour_probability: float
    label: str
    confidence: float
    needs_review: bool


class StudySummary(TypedDict):
    """What a study's succeeded slices come to."""

    leading_label: str | None
    needs_review: int
    suspicious: list[SuspiciousSlice]


class StudyHead(TypedDict):
    """One volume or DICOM series without its slices; UIDs are None for NIfTI."""

    id: str
    batch_id: str
    kind: str
    filename: str
    study_uid: str | None
    series_uid: str | None
    frame_of_reference_uid: str | None
    created_at: str
    total: int
    counts: dict[str, int]
    labels: dict[str, int]


class Study(StudyHead):
    """One volume or DICOM series with its slices in order."""

    summary: StudySummary
    slices: list[Scan]


class ScanFilters(TypedDict, total=False):
    """What scans must fulfil to be listed; `since` is inclusive, `until` exclusive, both with a time zone."""

    study: str
    state: str
    label: str
    min_confidence: float
    max_confidence: float
    needs_review: bool
    corrected: bool
    since: datetime | str
    until: datetime | str


class BatchScanFilters(ScanFilters, total=False):
    """The filters of a batch's scans; `sort` is id, confidence or filename, with a minus for the largest first."""

    review_reason: str
    code: str
    filename: str
    sort: str


class SearchFilters(ScanFilters, total=False):
    """The filters of a search over all batches."""

    batch: str


class Summary(TypedDict):
    """Numbers of a batch's scans; `rejected` by code."""

    labels: dict[str, int]
    needs_review: int
    corrected: int
    rejected: dict[str, int]


class Removed(TypedDict):
    """What a deletion took away."""

    scans: int
    predictions: int
    files: int
    size_bytes: int


class Webhook(TypedDict):
    """One webhook; `state` is active, or disabled since its receiver answered 410 Gone."""

    id: str
    url: str
    events: list[str]
    description: str | None
    state: str
    created_at: str
    disabled_at: str | None


class NewWebhook(Webhook):
    """A webhook that was just made, with the secret that signs."""

    secret: str


class WebhookAttempt(TypedDict):
    """One request to a receiver; `error` is None where it was answered 2xx, or still runs."""

    number: int
    at: str
    duration_ms: int | None
    status_code: int | None
    error: str | None


class Delivery(TypedDict):
    """One event on its way to one webhook; `state` is pending, delivered or failed."""

    id: str
    webhook_id: str
    event: str
    batch_id: str | None
    state: str
    created_at: str
    next_attempt_at: str | None
    attempts: list[WebhookAttempt]


class Limit(TypedDict):
    """One limit, its value and the variable that sets it."""

    name: str
    value: int
    description: str
    variable: str


class Limits(TypedDict):
    """Every limit, and the formats that are read."""

    items: list[Limit]
    formats: list[str]
