from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from neurobatch.client import RequestRefused
from neurobatch.documents import Limits
from neurobatch.files import Member, collect
from neurobatch.preflight import broken_limit, is_large


@pytest.fixture
def members(tmp_path: Path) -> list[Member]:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(bytes(100 * number))
    return collect(tmp_path)


def limits(*, files: int = 3, file_bytes: int = 200, batch_bytes: int = 300) -> Limits:
    values = {"max_files_per_batch": files, "max_file_bytes": file_bytes, "max_batch_bytes": batch_bytes}
    return {
        "items": [{"name": name, "value": value, "variable": "", "description": ""} for name, value in values.items()],
        "formats": [],
    }


def test_what_keeps_every_limit_is_sent(members: list[Member]) -> None:
    assert broken_limit(members, limits()) is None


@pytest.mark.parametrize(
    ("changed", "limit", "told"),
    [
        ({"files": 2}, "max_files_per_batch", "3 files are too many"),
        ({"file_bytes": 199}, "max_file_bytes", "2.png holds 200 bytes"),
        ({"batch_bytes": 299}, "max_batch_bytes", "300 bytes, too many for one batch"),
    ],
)
def test_a_broken_limit_is_told_with_the_files_name(
    members: list[Member], changed: dict[str, int], limit: str, told: str
) -> None:
    problem = broken_limit(members, limits(**changed))
    assert problem is not None
    assert (problem["limit"], problem["value"]) == (limit, next(iter(changed.values())))
    assert told in problem["detail"]


def test_a_small_submission_is_no_question_worth(members: list[Member]) -> None:
    assert not is_large(members)
    assert is_large(members * 200)


def test_a_refusal_can_be_told_from_one_process_to_another() -> None:
    refusal = pickle.loads(pickle.dumps(RequestRefused(413, {"detail": "too much"})))
    assert (refusal.status, str(refusal)) == (413, "too much")
