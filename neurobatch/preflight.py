"""What the service would refuse for its size, told before gigabytes are sent, and with the name of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from neurobatch.documents import Limits, Problem
from neurobatch.files import Member

# Less than this is sent, and refused, in a moment: no question is asked before.
_ASK_FROM_BYTES = 16 * 1024 * 1024
_ASK_FROM_FILES = 500


def is_large(members: Sequence[Member]) -> bool:
    """Whether a submission is worth a question before it is sent."""
    return len(members) >= _ASK_FROM_FILES or sum(map(_size_bytes, members)) >= _ASK_FROM_BYTES


def broken_limit(members: Sequence[Member], limits: Limits) -> Problem | None:
    """The problem document of the limit that a submission breaks; None where it breaks none that is known by now."""
    allowed = {limit["name"]: limit["value"] for limit in limits["items"]}
    sizes = list(map(_size_bytes, members))
    if len(members) > allowed["max_files_per_batch"]:
        told = f"{len(members):,} files are too many for one batch; send folders one by one, say."
        return _problem(told, "max_files_per_batch", allowed)
    for member, size in zip(members, sizes, strict=True):
        if size > allowed["max_file_bytes"]:
            return _problem(f"{member.path} holds {size:,} bytes, too many for a file.", "max_file_bytes", allowed)
    if sum(sizes) > allowed["max_batch_bytes"]:
        return _problem(f"The files hold {sum(sizes):,} bytes, too many for one batch.", "max_batch_bytes", allowed)
    return None


def _size_bytes(member: Member) -> int:
    return member.path.stat().st_size


def _problem(told: str, limit: str, allowed: Mapping[str, float]) -> Problem:
    return {
        "title": HTTPStatus.REQUEST_ENTITY_TOO_LARGE.phrase,
        "status": HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value,
        "code": "limit_exceeded",
        "detail": f"{told} {limit} is {allowed[limit]:,}; nothing was sent.",
        "limit": limit,
        "value": allowed[limit],
    }
