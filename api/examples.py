"""The examples of the OpenAPI document; a test holds them against the schemas they illustrate."""

from __future__ import annotations

from typing import Any

_BATCH_ID = "01a20a44-091e-7791-aa78-95babd5249da"
_SCAN_ID = "01a20a44-098c-7291-a7c1-544bf6b08325"
_STUDY_ID = "01a20a44-0980-7b60-b1d4-3f0d5e7c9a21"
_ARTIFACT = f"artifacts/{_BATCH_ID}/{_SCAN_ID}.1"

BATCH: dict[str, Any] = {
    "id": _BATCH_ID,
    "name": "trial",
    "state": "running",
    "total": 40,
    "counts": {"queued": 8, "running": 16, "succeeded": 15, "rejected": 1, "failed": 0, "cancelled": 0},
    "metadata": {"site": 3},
    "created_at": "2026-11-23T21:15:40.114Z",
    "started_at": "2026-11-23T21:15:41.020Z",
    "finished_at": None,
    "expires_at": None,
}

SCAN: dict[str, Any] = {
    "id": _SCAN_ID,
    "batch_id": _BATCH_ID,
    "study_id": None,
    "slice_index": None,
    "filename": "a.png",
    "frame": 0,
    "state": "succeeded",
    "code": None,
    "message": None,
    "warnings": [],
    "attempts": [
        {
            "worker": "host:4711:3f9a1c0b",
            "started_at": "2026-11-23T21:15:41.020Z",
            "ended_at": "2026-11-23T21:15:42.310Z",
            "outcome": "succeeded",
            "reason": None,
        }
    ],
    "created_at": "2026-11-23T21:15:40.114Z",
    "started_at": "2026-11-23T21:15:41.020Z",
    "ended_at": "2026-11-23T21:15:42.310Z",
    "label": "meningioma",
    "probabilities": {"glioma": 0.21, "meningioma": 0.64, "pituitary": 0.12, "notumor": 0.03},
    "confidence": 0.64,
    "needs_review": True,
    "review_reasons": ["low_confidence"],
    "heatmap_path": f"{_ARTIFACT}.heatmap.png",
    "overlay_path": f"{_ARTIFACT}.overlay.jpg",
    "focus": {"x": 210, "y": 148},
    "model": "cnn-stripped-1",
    "timings": {"decode": 1.1, "preprocess": 3.7, "predict": 16.0, "explain": 1.0, "render": 13.0},
    "correction": {
        "label": "glioma",
        "note": "Ring enhancement at the left temporal pole.",
        "by": "3f9a1c0b7d2e",
        "at": "2026-11-23T22:01:07.450Z",
    },
}

STUDY: dict[str, Any] = {
    "id": _STUDY_ID,
    "batch_id": _BATCH_ID,
    "kind": "nifti",
    "filename": "head.nii.gz",
    "study_uid": None,
    "series_uid": None,
    "frame_of_reference_uid": None,
    "created_at": "2026-11-23T21:15:40.114Z",
    "total": 1,
    "counts": {"queued": 0, "running": 0, "succeeded": 1, "rejected": 0, "failed": 0, "cancelled": 0},
    "labels": {"glioma": 0, "meningioma": 1, "pituitary": 0, "notumor": 0},
    "summary": {
        "leading_label": "meningioma",
        "needs_review": 1,
        "suspicious": [
            {
                "scan_id": _SCAN_ID,
                "slice_index": 0,
                "tumour_probability": 0.97,
                "label": "meningioma",
                "confidence": 0.64,
                "needs_review": True,
            }
        ],
    },
    "slices": [{**SCAN, "study_id": _STUDY_ID, "slice_index": 0, "filename": "head.nii.gz"}],
}

AUDIT_ENTRY: dict[str, Any] = {
    "id": "01a20a44-0a20-7c35-8b0e-5c1d7f0e2a11",
    "at": "2026-11-23T21:15:40.114Z",
    "actor": "3f9a1c0b7d2e",
    "action": "batch.submitted",
    "subject": _BATCH_ID,
    "count": 40,
    "request_id": "01a20a44-0912-7d11-9f57-2b8a0c6f4e90",
}

SUMMARY: dict[str, Any] = {
    "labels": {"glioma": 4, "meningioma": 6, "pituitary": 3, "notumor": 2},
    "needs_review": 5,
    "corrected": 1,
    "rejected": {"not_a_brain_mri": 1},
}

SESSION: dict[str, Any] = {
    "key_required": True,
    "signed_in": True,
    "project": "trial",
    "scopes": ["read", "submit"],
    "csrf_token": "9b1f0e4d2c7a58e3b6f19d0c4a7e2b5f8c3d6e1a0b9f7c4d5e2a1b8c6f3d0e97",
}

DRY_RUN: dict[str, Any] = {
    "files": [
        {
            "filename": "notes.txt",
            "frame": 0,
            "verdict": "rejected",
            "code": "not_an_image",
            "message": "the file is not an image",
            "duplicate_of": None,
        }
    ]
}

WEBHOOK: dict[str, Any] = {
    "id": "01a20a44-0b11-7f02-9a40-0d6c5b1e8f21",
    "url": "https://receiver.example/neurobatch",
    "events": ["batch.completed"],
    "description": "the ward's list",
    "state": "active",
    "created_at": "2026-11-23T21:15:00.000Z",
    "disabled_at": None,
}

DELIVERY: dict[str, Any] = {
    "id": "01a20a44-4c02-7d10-8e2b-3b0a9c7d6e54",
    "webhook_id": WEBHOOK["id"],
    "event": "batch.completed",
    "batch_id": _BATCH_ID,
    "state": "pending",
    "created_at": "2026-11-23T21:16:20.000Z",
    "next_attempt_at": "2026-11-23T21:16:22.410Z",
    "attempts": [
        {
            "number": 1,
            "at": "2026-11-23T21:16:20.310Z",
            "duration_ms": 84,
            "status_code": 500,
            "error": "unexpected_status",
        }
    ],
}
